//! Everything that can go wrong with data.

use std::{io, path::PathBuf};

/// Why data could not be found, read, encoded or divided.
///
/// The message is complete by itself: it names the file, what was expected, what came and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are the blanks of the messages, which say what they hold")]
pub enum DataError {
    /// The operating system refused to read or write.
    #[error("cannot {action} {path}: {cause}")]
    Io { action: &'static str, path: PathBuf, cause: io::Error },

    /// A named file is not there.
    #[error("{path} does not exist: check the path")]
    MissingFile { path: PathBuf },

    /// A folder that should hold the four IDX files of an image dataset lacks some of them.
    #[error(
        "{dir} lacks {missing}: it must hold train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte \
         and t10k-labels-idx1-ubyte, plain or with .gz"
    )]
    MissingIdxFiles { dir: PathBuf, missing: String },

    /// An image dataset is not on this machine and cannot be, or must not be, downloaded.
    #[error(
        "{name} is not on this machine and {reason}; put train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, \
         t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz into {place}, or into a folder named by the \
         environment variable KILN_DATA_DIR"
    )]
    Unavailable { name: String, reason: String, place: String },

    /// A downloaded file is not the published one; it has been deleted.
    #[error(
        "{url} gave a file with SHA-256 {found}, expected {expected}; it was not kept: try again, \
         or get the file elsewhere"
    )]
    Digest { url: String, expected: String, found: String },

    /// A folder holds the files of another dataset than the one asked for (the file names are the same).
    #[error("{dir} holds {found}, not {asked}: put the files of {asked} into {dir}/{asked} or name another folder")]
    WrongDataset { dir: PathBuf, asked: String, found: String },

    /// Neither a dataset's name nor a folder.
    #[error("no image dataset is called '{name}' and there is no such folder{hint}; known: {known}")]
    UnknownDataset { name: String, hint: String, known: String },

    /// A gzip file ends too early.
    #[error("{path} is a truncated gzip file: copy or download it again")]
    TruncatedGzip { path: PathBuf },

    /// A gzip file cannot be decompressed.
    #[error("{path} is a damaged gzip file ({cause}): copy or download it again")]
    CorruptGzip { path: PathBuf, cause: io::Error },

    /// A file does not start as an IDX file of the expected kind.
    #[error(
        "{path} begins with {found:#010x}, expected {expected:#010x}, an IDX file of {kind}: check \
         that the right file has this name"
    )]
    IdxMagic { path: PathBuf, kind: &'static str, expected: u32, found: u32 },

    /// An IDX file is shorter than its header.
    #[error("{path} ends after {found} bytes, within its header of {expected}: copy or download it again")]
    IdxHeader { path: PathBuf, expected: usize, found: usize },

    /// The sizes in an IDX header cannot be true.
    #[error(
        "the header of {path} says {count} images of {height}×{width}: sizes must be at least 1 and \
         the whole at most 4 GiB"
    )]
    IdxSizes { path: PathBuf, count: u32, height: u32, width: u32 },

    /// An IDX file holds fewer bytes than its header promises.
    #[error("{path} holds {found} bytes after its header, which promises {expected}: copy or download it again")]
    IdxShort { path: PathBuf, expected: u64, found: u64 },

    /// An IDX file goes on after the last of the bytes its header promises.
    #[error("{path} goes on after the {expected} bytes its header promises: copy or download it again")]
    IdxTrailing { path: PathBuf, expected: u64 },

    /// An image file and its label file disagree.
    #[error(
        "{images} holds {image_count} images but {labels} holds {label_count} labels: the files do not belong together"
    )]
    CountMismatch { images: PathBuf, image_count: usize, labels: PathBuf, label_count: usize },

    /// A vector's length does not fit the others.
    #[error("{what}: {found} values, expected {expected}")]
    Length { what: &'static str, expected: usize, found: usize },

    /// Images without extent or without a scale.
    #[error(
        "images of {height}×{width} with pixels up to {max}: height, width and the largest value must be at least 1"
    )]
    ImageShape { height: usize, width: usize, max: u8 },

    /// A pixel above the declared largest value.
    #[error("pixel {index} is {value}, above the largest value {max}")]
    PixelRange { index: usize, value: u8, max: u8 },

    /// A class index without a class.
    #[error("row {row} has class {target}, but there are {classes} classes, counted from 0")]
    TargetRange { row: usize, target: usize, classes: usize },

    /// An input that is infinite or not a number.
    #[error("row {row} of '{feature}' is not finite: check the data, or the scale of the encoder")]
    NonFinite { row: usize, feature: String },

    /// Minibatches of no rows.
    #[error("the batch size must be at least 1")]
    BatchSize,

    /// A test fraction that is not in [0, 1).
    #[error("the test fraction is {found}, expected a number from 0 up to, but not including, 1")]
    TestFraction { found: f64 },

    /// A split that would leave nothing to train on.
    #[error("a test fraction of {fraction} leaves none of {rows} rows to train on: choose a smaller one")]
    EmptyTraining { fraction: f64, rows: usize },

    /// A CSV file that is not text.
    #[error("{file}, line {line}: not UTF-8 text; save the file as UTF-8")]
    NotUtf8 { file: String, line: u64 },

    /// The CSV parser gave up.
    #[error("{file}: {cause}")]
    Csv { file: String, cause: csv::Error },

    /// A CSV file without a header.
    #[error("{file} is empty: the first line must name the columns")]
    NoHeader { file: String },

    /// A CSV file whose first line is data.
    #[error("{file}: the first line holds only numbers ({first}, …); it must name the columns")]
    NumericHeader { file: String, first: String },

    /// A CSV file with a header only.
    #[error("{file} has a header but no rows")]
    NoRows { file: String },

    /// A column without a name.
    #[error("{file}: column {position} has no name; name every column in the first line")]
    UnnamedColumn { file: String, position: usize },

    /// Two columns with one name.
    #[error("{file}: two columns are called '{column}'; rename one")]
    DuplicateColumn { file: String, column: String },

    /// A line with too few or too many cells.
    #[error(
        "{file}, line {line}: {found} cells, expected {expected} as in the header; put quotes around a cell \
         that holds a comma"
    )]
    Ragged { file: String, line: u64, expected: usize, found: usize },

    /// Text among numbers.
    #[error(
        "{file}: text cell '{cell}' in numeric column '{column}' at line {line}; correct the cell or drop the column"
    )]
    TextInNumeric { file: String, line: u64, column: String, cell: String },

    /// Cells without a value.
    #[error("{file}: {count} missing value(s): {first}; fill them in or drop these rows or columns")]
    MissingValues { file: String, count: usize, first: String },

    /// A column to predict, or of weights, that is not there.
    #[error("{file} has no column '{column}'{hint}; its columns: {columns}")]
    UnknownColumn { file: String, column: String, hint: String, columns: String },

    /// A weight that is none.
    #[error("{file}, line {line}: weight '{cell}' in column '{column}'; weights must be finite numbers, 0 or more")]
    Weight { file: String, line: u64, column: String, cell: String },

    /// Nothing to tell apart.
    #[error("{file}: every row of target '{target}' is '{class}'; two classes are needed")]
    OneClass { file: String, target: String, class: String },

    /// A target of measurements or names.
    #[error(
        "{file}: target '{target}' has {count} different values in {rows} rows, which cannot be classes (at most \
         {limit}, and some must repeat); choose another target"
    )]
    NotClasses { file: String, target: String, count: usize, rows: usize, limit: usize },

    /// No input besides the target.
    #[error("{file} has no feature column; it needs one besides the target, and commas between the columns")]
    NoFeatures { file: String },

    /// Too many different texts for one-hot columns.
    #[error(
        "{file}: column '{column}' has {count} different values, more than {limit}; drop the column or \
         encode it as numbers"
    )]
    TooManyCategories { file: String, column: String, count: usize, limit: usize },

    /// A column that names rows rather than describing them.
    #[error(
        "{file}: all {count} values of column '{column}' are different, as in a list of names; drop the column \
         or encode it as numbers"
    )]
    AllDistinct { file: String, column: String, count: usize },

    /// Numbers that cannot be standardised.
    #[error(
        "{file}: the numbers of column '{column}' are so large that their deviation overflows; choose a larger unit"
    )]
    Spread { file: String, column: String },

    /// No rows to fit an encoder to.
    #[error("{file}: an encoder needs at least one training row")]
    NoTrainingRows { file: String },

    /// A column that the encoder was fitted to is not in the file.
    #[error("{file} lacks column '{column}', which the encoder was fitted to; its columns: {columns}")]
    MissingColumn { file: String, column: String, columns: String },

    /// A text that the encoder has never seen.
    #[error("{file}, line {line}: '{cell}' in column '{column}' is unknown to the encoder; known: {known}")]
    UnknownCategory { file: String, line: u64, column: String, cell: String, known: String },

    /// Labels were asked of an encoder fitted without a target.
    #[error("the encoder was fitted without a target column and cannot make labelled examples")]
    NoTarget,
}
