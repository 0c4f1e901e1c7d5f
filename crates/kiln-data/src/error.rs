//! The errors of this crate.

use std::{io, path::PathBuf};

use kiln_tensor::world::WorldError;

use crate::{
    formula::FormulaError,
    shown::{Shown, safe_path, whole},
};

/// Why data could not be found, read, encoded or divided.
///
/// The message is complete: it names the file, what was expected, what was found and what to do. It shows at most 80
/// characters of each text from the data, with control characters escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages explain the fields")]
pub enum DataError {
    /// The operating system refused to open, read or write a file.
    #[error("cannot {action} {}: {cause}", safe_path(.path))]
    Io { action: &'static str, path: PathBuf, cause: io::Error },

    /// The ranks that read a table together have come apart.
    #[error(transparent)]
    World(#[from] WorldError),

    /// A file does not exist.
    #[error("{} does not exist: check the path", safe_path(.path))]
    MissingFile { path: PathBuf },

    /// A path names a folder, a device, a pipe or a socket.
    #[error("{} is not a regular file: copy the data into a file first", safe_path(.path))]
    NotAFile { path: PathBuf },

    /// A file is larger than any that can be loaded.
    #[error("{} holds more than {limit} bytes: divide it into smaller files", safe_path(.path))]
    TooLarge { path: PathBuf, limit: u64 },

    /// A folder lacks some of the four IDX files of an image dataset.
    #[error(
        "{} lacks {missing}: it must contain train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and \
         t10k-labels-idx1-ubyte, each plain or with .gz",
        safe_path(.dir)
    )]
    MissingIdxFiles { dir: PathBuf, missing: String },

    /// An image dataset is not on this machine and cannot be downloaded.
    #[error(
        "{} is not on this machine and {}; put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, \
         t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz into {}, or into a folder that the environment variable \
         KILN_DATA_DIR names",
        Shown(.name), whole(.reason), whole(.place)
    )]
    Unavailable { name: String, reason: String, place: String },

    /// A downloaded file is not the published one. It was deleted.
    #[error(
        "{url} has SHA-256 {found}, expected {expected}; the file was not kept: try again, or get it from another source"
    )]
    Digest { url: String, expected: String, found: String },

    /// The files in the cache are not the published ones.
    #[error(
        "the files of {name} in {} are not the published ones (SHA-256 {found}): delete the folder to download them again",
        safe_path(.dir)
    )]
    CachedDigest { name: String, dir: PathBuf, found: String },

    /// A folder contains the files of another dataset with the same file names.
    #[error(
        "{} contains {found}, not {asked}: put the files of {asked} into {}/{asked}, or name another folder",
        safe_path(.dir), safe_path(.dir)
    )]
    WrongDataset { dir: PathBuf, asked: String, found: String },

    /// A name is neither that of a dataset nor that of a folder.
    #[error("there is no image dataset and no folder called '{}'{hint}; known datasets: {known}", Shown(.name))]
    UnknownDataset { name: String, hint: String, known: String },

    /// A gzip file ends too early.
    #[error("{} is a truncated gzip file: copy or download it again", safe_path(.path))]
    TruncatedGzip { path: PathBuf },

    /// A gzip file cannot be decompressed.
    #[error("{} is a damaged gzip file ({cause}): copy or download it again", safe_path(.path))]
    CorruptGzip { path: PathBuf, cause: io::Error },

    /// A file does not start as an IDX file of the expected kind does.
    #[error(
        "{} begins with {found:#010x}, expected {expected:#010x} for an IDX file of {kind}: check that the right file has \
         this name",
        safe_path(.path)
    )]
    IdxMagic { path: PathBuf, kind: &'static str, expected: u32, found: u32 },

    /// An IDX file is shorter than its header.
    #[error("{} ends after {found} bytes, within its header of {expected}: copy or download it again", safe_path(.path))]
    IdxHeader { path: PathBuf, expected: usize, found: usize },

    /// The sizes in an IDX header are 0 or too large.
    #[error(
        "the header of {} says {count} images of {height}×{width}: each size must be at least 1, and all images of a \
         compressed file together at most 4 GiB",
        safe_path(.path)
    )]
    IdxSizes { path: PathBuf, count: u32, height: u32, width: u32 },

    /// An IDX file has fewer bytes than its header says.
    #[error(
        "{} has {found} bytes after its header, which says {expected}: copy or download it again", safe_path(.path)
    )]
    IdxShort { path: PathBuf, expected: u64, found: u64 },

    /// An IDX file has more bytes than its header says.
    #[error(
        "{} has more than the {expected} bytes that its header says: copy or download it again", safe_path(.path)
    )]
    IdxTrailing { path: PathBuf, expected: u64 },

    /// An image file and its label file have different counts.
    #[error(
        "{} has {image_count} images, but {} has {label_count} labels: use files that belong together",
        safe_path(.images), safe_path(.labels)
    )]
    CountMismatch { images: PathBuf, image_count: usize, labels: PathBuf, label_count: usize },

    /// A vector has the wrong length.
    #[error("{what}: {found} values, expected {expected}")]
    Length { what: &'static str, expected: usize, found: usize },

    /// Images without pixels, or without a scale.
    #[error(
        "images of {height}×{width} with pixels up to {max}: height, width and the largest value must be at least 1"
    )]
    ImageShape { height: usize, width: usize, max: u8 },

    /// A pixel exceeds the declared largest value.
    #[error("pixel {index} is {value}, above the largest value {max}")]
    PixelRange { index: usize, value: u8, max: u8 },

    /// Labels were asked of images that have none.
    #[error("these images have no labels: make them with labels, or use a dataset without labels")]
    NoLabels,

    /// A grid of images is too large for a picture.
    #[error(
        "a grid of {images} images of {height}×{width} with {columns} per row is too large for a picture: show fewer images"
    )]
    GridSize { images: usize, height: usize, width: usize, columns: usize },

    /// A class index without a class.
    #[error("row {row} has class {target}, but there are {classes} classes, counted from 0")]
    TargetRange { row: usize, target: usize, classes: usize },

    /// An input is infinite or NaN.
    #[error("row {row} of '{}' is not finite: check the data, and the scale of the encoder", Shown(.feature))]
    NonFinite { row: usize, feature: String },

    /// A minibatch without rows.
    #[error("the batch size must be at least 1")]
    BatchSize,

    /// A test fraction that is not in [0, 1).
    #[error("the test fraction must be at least 0 and less than 1, got {found}")]
    TestFraction { found: f64 },

    /// A split that would leave no training data.
    #[error("a test fraction of {fraction} leaves none of {rows} rows to train on: choose a smaller fraction")]
    EmptyTraining { fraction: f64, rows: usize },

    /// A cross-validation with fewer than two folds.
    #[error("the number of folds must be at least 2, got {found}")]
    FoldCount { found: usize },

    /// A cross-validation of too few rows.
    #[error("{folds} folds need at least {folds} rows, got {rows}: choose fewer folds or add rows")]
    TooFewRows { rows: usize, folds: usize },

    /// A class cannot be in every fold.
    #[error(
        "class {class} has {rows} row(s), fewer than the {folds} folds: choose fewer folds, merge classes, or divide without regard to classes"
    )]
    SmallClass { class: usize, rows: usize, folds: usize },

    /// A cross-validation of too few groups.
    #[error("there are {groups} group(s), fewer than the {folds} folds: choose fewer folds")]
    TooFewGroups { groups: usize, folds: usize },

    /// The user's folds are not at least two.
    #[error("the labels of folds have {found} different value(s) in {rows} row(s); at least two are needed")]
    FoldLabels { rows: usize, found: usize },

    /// A text file is not in UTF-8.
    #[error(
        "{}, line {line}: this is not UTF-8 text; name the encoding (--encoding latin1, for example) or save the file as UTF-8",
        whole(.file)
    )]
    NotUtf8 { file: String, line: u64 },

    /// A delimiter that no file can have.
    #[error("the delimiter must be one ASCII character other than a quote or a line end, got {found:?}")]
    Delimiter { found: String },

    /// The name of an encoding is unknown.
    #[error("there is no encoding '{}': use a name such as utf-8, latin1, windows-1252 or shift_jis", Shown(.found))]
    Encoding { found: String },

    /// A zstd file cannot be decompressed.
    #[error("{} is a damaged or truncated zstd file ({cause}): copy or download it again", safe_path(.path))]
    CorruptZstd { path: PathBuf, cause: io::Error },

    /// The CSV parser failed.
    #[error("{}: {cause}", whole(.file))]
    Csv { file: String, cause: String },

    /// A quote is not closed.
    #[error("{}: the quote in the record that begins at line {line} is not closed; add the missing '\"'", whole(.file))]
    OpenQuote { file: String, line: u64 },

    /// A CSV file has no header.
    #[error("{} is empty: the first line must name the columns", whole(.file))]
    NoHeader { file: String },

    /// The first line of a CSV file contains data.
    #[error(
        "{}: the first line has only numbers ({}, …); it must name the columns", whole(.file), Shown(.first)
    )]
    NumericHeader { file: String, first: String },

    /// A CSV file has only a header.
    #[error("{} has a header but no rows: add data", whole(.file))]
    NoRows { file: String },

    /// A column has no name.
    #[error("{}: column {position} has no name; name every column in the first line", whole(.file))]
    UnnamedColumn { file: String, position: usize },

    /// Two columns have the same name.
    #[error("{}: two columns are called '{}'; rename one", whole(.file), Shown(.column))]
    DuplicateColumn { file: String, column: String },

    /// A line has too few or too many cells.
    #[error(
        "{}, line {line}: {found} cells, expected {expected} as in the header; put quotes around a cell that contains \
         {delimiter}, or name another --delimiter",
        whole(.file)
    )]
    Ragged { file: String, line: u64, expected: usize, found: usize, delimiter: &'static str },

    /// A numeric column contains text.
    #[error(
        "{}, line {line}: column '{}' holds numbers, but this cell is '{}'; {}correct it, take it for missing (--na), take the \
         column for text (--categorical) or leave it out (--drop)",
        whole(.file), Shown(.column), Shown(.cell), if .cell.contains(',') { "read decimal commas (--decimal-comma), " } else { "" }
    )]
    TextInNumeric { file: String, line: u64, column: String, cell: String },

    /// Cells without a value.
    #[error(
        "{}: {count} missing value(s): {}; fill them in, or choose what is done with them (--missing drop, for example)",
        whole(.file), whole(.first)
    )]
    MissingValues { file: String, count: usize, first: String },

    /// The target, or the column of weights, does not exist.
    #[error("{} has no column '{}'{hint}; its columns: {columns}", whole(.file), Shown(.column))]
    UnknownColumn { file: String, column: String, hint: String, columns: String },

    /// A weight is not a number, or is negative.
    #[error(
        "{}, line {line}: weight '{}' in column '{}'; weights must be finite numbers, 0 or more",
        whole(.file), Shown(.cell), Shown(.column)
    )]
    Weight { file: String, line: u64, column: String, cell: String },

    /// The target has only one class.
    #[error("{}: every row of target '{}' is '{}'; at least two classes are needed", whole(.file), Shown(.target), Shown(.class))]
    OneClass { file: String, target: String, class: String },

    /// The target has measurements or names instead of classes.
    #[error(
        "{}: target '{}' has {count} different values in {rows} rows, which are not classes: most of them must repeat; choose \
         another target",
        whole(.file), Shown(.target)
    )]
    NotClasses { file: String, target: String, count: usize, rows: usize },

    /// There is no feature besides the target.
    #[error("{} has no feature column: it needs at least one besides the target", whole(.file))]
    NoFeatures { file: String },

    /// A text column has too many different values for one-hot encoding.
    #[error(
        "{}: text column '{}' has {count} different values, more than {limit}; leave it out (--drop) or replace the texts by \
         numbers",
        whole(.file), Shown(.column)
    )]
    TooManyCategories { file: String, column: String, count: usize, limit: usize },

    /// A text column has a different value in every row, as names do.
    #[error(
        "{}: all {count} values of text column '{}' are different, as in a list of names; leave it out (--drop)",
        whole(.file), Shown(.column)
    )]
    AllDistinct { file: String, column: String, count: usize },

    /// A binary table comes as a stream, or by a name that must be one of a text.
    #[error("{} is a {format} file, not a text: save it, and give the name of the file", whole(.file))]
    NotText { file: String, format: &'static str },

    /// A table is in a workbook of Excel or LibreOffice.
    #[error("{} is a spreadsheet, which cannot be read: export the sheet as a CSV file", whole(.file))]
    Workbook { file: String },

    /// A Parquet file has no end, as after a download that was interrupted.
    #[error("{} is a truncated or damaged Parquet file ({}): copy or download it again", safe_path(.path), Shown(.cause))]
    DamagedParquet { path: PathBuf, cause: String },

    /// A Parquet file cannot be read.
    #[error("{} cannot be read as a Parquet file: {}", safe_path(.path), Shown(.cause))]
    Parquet { path: PathBuf, cause: String },

    /// A file has other columns than the first one.
    #[error("{} {difference}, beside {}: every file must have the same columns", whole(.file), whole(.first))]
    OtherColumns { file: String, first: String, difference: String },

    /// There are no files to read.
    #[error("{} has no table file (.csv, .parquet, .arrow, .npy, …): check the path", whole(.folder))]
    NoTableFiles { folder: String },

    /// A line of a sparse file is not as LIBSVM writes it.
    #[error("{}, line {line}, character {place}: expected {expected}, found '{}'", whole(.file), Shown(.found))]
    SparseText { file: String, line: u64, place: u64, found: String, expected: &'static str },

    /// A sparse file has more features than were given.
    #[error(
        "{} has {found} features, more than {expected}: give a larger number of features, or check whether the first one has index \
         0 or 1",
        whole(.file)
    )]
    FewerFeatures { file: String, found: usize, expected: usize },

    /// Sparse rows with too many zeros.
    #[error(
        "{rows} rows of {features} features have too many zeros to store them (at most {limit} values): keep the rows sparse"
    )]
    TooDense { rows: usize, features: usize, limit: usize },

    /// An Arrow file cannot be read.
    #[error("{} cannot be read as an Arrow file: {}", safe_path(.path), whole(.cause))]
    Arrow { path: PathBuf, cause: String },

    /// A file of NumPy arrays cannot be read.
    #[error("{} cannot be read as a NumPy file: {}", safe_path(.path), whole(.cause))]
    Numpy { path: PathBuf, cause: String },

    /// A NumPy array holds Python objects.
    #[error(
        "{}: {}it holds Python objects, which are a program and are not read; save numbers or texts, as in \
         `numpy.save(file, array.astype(float))`",
        safe_path(.path), whole(.which)
    )]
    PickledArray { path: PathBuf, which: String },

    /// The arrays of a file have different numbers of rows.
    #[error(
        "{}: array '{}' has {rows} rows, and array '{}' has {found}: save arrays of one length, each row beside the others",
        whole(.file), Shown(.first), Shown(.other)
    )]
    ArrayRows { file: String, first: String, rows: u64, other: String, found: u64 },

    /// The reader of a format is not in this build.
    #[error("{} is a {format} file, which this build does not read: build with `--features {feature}`", safe_path(.path))]
    NotCompiledIn { path: PathBuf, format: &'static str, feature: &'static str },

    /// A column has two roles.
    #[error("{}: column '{}' cannot be both {one} and {two}", whole(.file), Shown(.column))]
    TwoRoles { file: String, column: String, one: &'static str, two: &'static str },

    /// Every row has a missing value.
    #[error(
        "{}: every one of the {rows} rows has a missing value ({count} of them in column '{}'); leave that column out (--drop), or \
         fill in missing values (--missing median, for example)",
        whole(.file), Shown(.column)
    )]
    NoCompleteRows { file: String, rows: usize, column: String, count: usize },

    /// A column of dates is no feature by itself.
    #[error(
        "{}: column '{}' holds dates; take them as numbers of days (--dates days) or leave the column out (--drop)",
        whole(.file), Shown(.column)
    )]
    DateFeature { file: String, column: String },

    /// The reference of a column is not one of its categories.
    #[error(
        "{}: '{}' cannot be the reference of column '{}'; its categories: {known}",
        whole(.file), Shown(.category), Shown(.column)
    )]
    UnknownReference { file: String, column: String, category: String, known: String },

    /// A numeric column cannot be standardised.
    #[error(
        "{}: the standard deviation of column '{}' is too large or too small for a 64-bit float; choose another unit",
        whole(.file), Shown(.column)
    )]
    Spread { file: String, column: String },

    /// There are no rows to fit an encoder to.
    #[error("{}: an encoder needs at least one training row", whole(.file))]
    NoTrainingRows { file: String },

    /// A file lacks a column that the encoder needs.
    #[error("{} lacks column '{}', which the encoder needs; its columns: {columns}", whole(.file), Shown(.column))]
    MissingColumn { file: String, column: String, columns: String },

    /// A text is not among the encoder's categories or classes.
    #[error(
        "{}, line {line}: '{}' in column '{}' is not among the categories of the model: {known}; {remedy}",
        whole(.file), Shown(.cell), Shown(.column)
    )]
    UnknownCategory { file: String, line: u64, column: String, cell: String, known: String, remedy: &'static str },

    /// Labelled examples were asked of an encoder without a target.
    #[error("the encoder was fitted without a target column, so it cannot make labelled examples")]
    NoTarget,

    /// The text of a formula is wrong.
    #[error(transparent)]
    Formula(#[from] FormulaError),

    /// A file is neither a folder nor an archive of pictures.
    #[error(
        "{} is neither a folder nor an archive of pictures (.tar, .tar.gz, .tgz, .tar.zst, .zip)", safe_path(.path)
    )]
    NotPictures { path: PathBuf },

    /// A file with numbers that are no images.
    #[error("{} cannot be read as images: {}", safe_path(.path), whole(.cause))]
    NotImages { path: PathBuf, cause: String },

    /// No file can be used as an image.
    #[error(
        "{} has no picture that can be used{}",
        safe_path(.path), if .bad.is_empty() { String::new() } else { format!(": {}", whole(.bad)) }
    )]
    NoPictures { path: PathBuf, bad: String },

    /// Files cannot be used as images.
    #[error(
        "{count} of {of} files in {} cannot be used: {}. Leave them out (--skip-bad), or remove or replace them",
        safe_path(.path), whole(.bad)
    )]
    BadPictures { path: PathBuf, count: usize, of: usize, bad: String },

    /// Pictures have several sizes.
    #[error(
        "the pictures in {} have several sizes (height × width, with the number of files): {}; give the size of the images \
         (--size HEIGHTxWIDTH)",
        safe_path(.path), whole(.sizes)
    )]
    PictureSizes { path: PathBuf, sizes: String },

    /// A formula has too many features.
    #[error("the formula has more than {limit} {what}; use fewer interactions, or columns with fewer categories")]
    FormulaSize { what: &'static str, limit: usize },

    /// A function of a formula cannot learn from the rows.
    #[error("{}: {}: {}", whole(.file), Shown(.expression), whole(.reason))]
    FormulaFit { file: String, expression: String, reason: String },

    /// A function of a formula has no finite value in a row.
    #[error(
        "{}, line {line}: {} is {value}, because {}; correct the cell, leave the row out, or use another function",
        whole(.file), Shown(.expression), whole(.because)
    )]
    FormulaValue { file: String, line: u64, expression: String, value: f64, because: String },

    /// A formula takes a column of texts for numbers.
    #[error(
        "{}, line {line}: the formula takes column '{}' for numbers, but this cell is '{}'; correct the cell, or use the column \
         without a function: its texts are then categories",
        whole(.file), Shown(.column), Shown(.cell)
    )]
    FormulaText { file: String, line: u64, column: String, cell: String },

    /// A value is outside the bounds of a spline.
    #[error(
        "{}, line {line}: {value} is outside the bounds of {}, {lower} and {upper}; widen them (lower_bound=, upper_bound=) or \
         add extrapolation=\"clip\" or extrapolation=\"extend\"",
        whole(.file), Shown(.expression)
    )]
    FormulaBounds { file: String, line: u64, expression: String, value: f64, lower: f64, upper: f64 },

    /// A response was asked of a formula that has none.
    #[error("the formula has no response: write one before '~', as in y ~ x")]
    NoResponse,

    /// A saved encoder is damaged.
    #[error("the encoder is damaged: {}", whole(.reason))]
    Encoder { reason: String },
}
