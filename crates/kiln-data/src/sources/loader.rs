//! Finds out what a name or a path stands for, and reads it.

use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};

use kiln_tensor::Stream;

use super::{
    arrays, cifar,
    named::{check_identity, check_published, load_digits, read, resolve},
    pixels,
    raw::Raw,
    splits::{HoldOut, ImageSplits},
};
use crate::{
    ColorMode, DataError, Dataset, DownloadProgress, Fit, Locate,
    collection::{all_files, collections, files_in},
    content::Content,
    download::agent,
    idx,
    image_options::is_archive,
    locate::Places,
    stratified_split, suggest,
    table::{Tensors, is_table},
};

/// Loads images from wherever they are.
///
/// The name or path is one of these:
///
/// | what | notes |
/// |---|---|
/// | `digits`, `mnist`, `fashion-mnist` | they are downloaded and verified if necessary |
/// | a folder with the four IDX files of MNIST | each may be compressed |
/// | a folder with the binary files of CIFAR-10 or CIFAR-100 | in colour |
/// | a folder or archive of pictures | see `Pictures`; it needs the feature `pictures` |
/// | a `.npy` or `.npz` file | `[n, height, width]`, with the channels before or after; or `[n, pixels]`. In an archive, labels are arrays `[n]` or `[n, 1]`, and names with `test` are the test set |
/// | an IDX file | images without labels |
/// | a table (CSV, Parquet, …) | one row per image and one column per pixel; a column `label`, `class`, `target`, `digit` or `y` has the classes |
///
/// A dataset's name takes precedence over a path of that name; write `./mnist` for the folder. Numbers from 0 to 1, or whole numbers up to
/// 1, 16, 255 or 65,535, are grey levels.
///
/// Pictures are shuffled, and so are images of which some are held out for testing.
///
/// # Example
///
/// ```
/// use kiln_data::{Dataset, HoldOut, ImageLoader};
///
/// let half = ImageLoader::new("digits").hold_out(HoldOut { test_fraction: 0.5, seed: 1 }).load(&mut |_| {})?;
/// assert_eq!(half.train.len() + half.test.len(), 1797);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ImageLoader {
    name: String,
    locate: Locate,
    hold_out: HoldOut,
    size: Option<[usize; 2]>,
    fit: Fit,
    color: ColorMode,
    skip_bad: bool,
    cache: Option<PathBuf>,
}

/// What [`ImageLoader::load`] is doing.
///
/// # Example
///
/// ```
/// use kiln_data::{Dataset, ImageLoader, LoadProgress};
///
/// let splits = ImageLoader::new("digits").load(&mut |progress| match progress {
///     LoadProgress::Pictures(done, Some(all)) => eprintln!("{done} of {all} pictures"),
///     LoadProgress::Pictures(done, None) => eprintln!("{done} pictures"),
///     _ => (),
/// })?;
/// assert_eq!(splits.train.len() + splits.test.len(), 1797);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum LoadProgress<'a> {
    /// It downloads a dataset.
    Download(DownloadProgress<'a>),
    /// It has decoded so many pictures, of so many files if their number is known.
    Pictures(usize, Option<usize>),
}

impl ImageLoader {
    /// Images by the name of a dataset, or by a path.
    pub fn new(name_or_path: impl Into<String>) -> Self {
        Self {
            name: name_or_path.into(),
            locate: Locate::default(),
            hold_out: HoldOut::default(),
            size: None,
            fit: Fit::default(),
            color: ColorMode::default(),
            skip_bad: false,
            cache: Places::of(&Locate::default()).cache.map(|folder| folder.join("pictures")),
        }
    }

    /// Sets where the files of named datasets are looked for.
    pub fn locate(self, locate: Locate) -> Self {
        Self { locate, ..self }
    }

    /// Sets how data without a test set are divided. Default: 20% are held out.
    pub fn hold_out(self, hold_out: HoldOut) -> Self {
        Self { hold_out, ..self }
    }

    /// Sets height and width of the images. Picture files are resized; rows of a matrix or table are images of this size. Default: that
    /// of the pictures, or a square.
    pub fn size(self, height: usize, width: usize) -> Self {
        Self { size: Some([height, width]), ..self }
    }

    /// Sets how pictures of other shapes get their size. Default: [`Fit::Crop`].
    pub fn fit(self, fit: Fit) -> Self {
        Self { fit, ..self }
    }

    /// Sets the channels of pictures. Default: [`ColorMode::Auto`].
    pub fn color(self, color: ColorMode) -> Self {
        Self { color, ..self }
    }

    /// Sets whether picture files that cannot be used are left out. Default: they are an error.
    pub fn skip_bad(self, skip_bad: bool) -> Self {
        Self { skip_bad, ..self }
    }

    /// Sets the folder where decoded pictures are kept. Default: `kiln/pictures` in the user's cache directory.
    pub fn cache(self, folder: Option<PathBuf>) -> Self {
        Self { cache: folder, ..self }
    }

    /// Loads the images. `progress` is called during downloads and while pictures are decoded.
    ///
    /// Images of 256 MiB or more stay in a file where that is possible, and are read as they are used. Do not change the files meanwhile.
    ///
    /// # Errors
    ///
    /// - [`DataError::UnknownDataset`];
    /// - [`DataError::MissingIdxFiles`] if a folder, or an explicit `data_dir`, lacks files;
    /// - [`DataError::Unavailable`] if a dataset is not on the machine and cannot be downloaded;
    /// - [`DataError::Digest`] if a download is not the published file;
    /// - [`DataError::CachedDigest`] if the files in the cache are not the published ones;
    /// - [`DataError::WrongDataset`] if the files are those of another dataset;
    /// - [`DataError::NotImages`] if an array or a table is not one of images;
    /// - [`DataError::BadPictures`], [`DataError::NoPictures`] and [`DataError::PictureSizes`] for picture files;
    /// - [`DataError::NotCompiledIn`] for picture files in a build without the feature `pictures`;
    /// - [`DataError::TestFraction`], [`DataError::EmptyTraining`], and the errors of [`idx`] and of tables.
    pub fn load(&self, progress: &mut dyn FnMut(LoadProgress<'_>)) -> Result<ImageSplits, DataError> {
        if self.name == "digits" {
            return self.of_fixed_size(load_digits(self.hold_out)?);
        }
        let known = collections();
        if let Some(collection) = known.iter().find(|collection| collection.name == self.name) {
            let places = Places::of(&self.locate);
            let downloads = &mut |at: DownloadProgress<'_>| progress(LoadProgress::Download(at));
            let (dir, files) = resolve(collection, &places, self.locate.offline, &agent(), downloads)?;
            let mut splits = read(&self.name, &files)?;
            check_identity(&splits, &dir, &known)?;
            check_published(&mut splits, collection, &places, &dir, &files)?;
            return self.of_fixed_size(splits);
        }
        let path = Path::new(&self.name);
        if path.is_dir() && files_in(path).iter().any(Option::is_some) {
            return self.of_fixed_size(read(&self.name, &all_files(path)?)?);
        }
        if cifar::is_in(path) {
            return self.of_fixed_size(self.divided(cifar::read(path)?)?);
        }
        self.divided(match Kind::of(path) {
            Some(Kind::Pictures) => self.pictures(path, progress)?,
            Some(Kind::Array) => arrays::read(path, self.size)?,
            Some(Kind::Idx) => of_idx(path)?,
            Some(Kind::Table) => pixels::read(path, self.size)?,
            None => return Err(self.unknown()),
        })
    }

    /// Returns whether a name or a path is one of images, and not a table: a named dataset, a folder without tables, an archive, an IDX file,
    /// or a NumPy file with an array of three axes or more.
    pub fn are_images(name_or_path: &str) -> bool {
        let path = Path::new(name_or_path);
        let has_tables = || {
            let names = path.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
            names.filter(|path| path.is_file()).any(|path| is_table(&path))
        };
        match Kind::of(path) {
            _ if ["digits", "mnist", "fashion-mnist"].contains(&name_or_path) => true,
            Some(Kind::Pictures) => !path.is_dir() || !has_tables(),
            Some(Kind::Idx) => true,
            Some(Kind::Array) => {
                Tensors::open(path).is_ok_and(|tensors| tensors.all.iter().any(|values| values.shape.len() > 2))
            }
            Some(Kind::Table) | None => false,
        }
    }

    fn unknown(&self) -> DataError {
        let names = ["digits", "mnist", "fashion-mnist"];
        let hint = suggest::hint(&self.name, names);
        DataError::UnknownDataset { name: self.name.clone(), hint, known: names.join(", ") }
    }

    /// Refuses a size for images that have one.
    fn of_fixed_size(&self, splits: ImageSplits) -> Result<ImageSplits, DataError> {
        let own = splits.train.shape();
        match self.size {
            Some([height, width]) if [height, width] != [own.height, own.width] => {
                let cause = format!(
                    "its images are {own}, and --size asks for {height}×{width}: only picture files are resized"
                );
                Err(DataError::NotImages { path: self.name.clone().into(), cause })
            }
            _ => Ok(splits),
        }
    }

    /// Divides images that have no test set. Parts that are drawn are shuffled, too: a source is often in the order of its classes, and the
    /// first test images would stand for one of them.
    fn divided(&self, raw: Raw) -> Result<ImageSplits, DataError> {
        let Raw { train, test, sha256, notes, skipped, sizes } = raw;
        let HoldOut { test_fraction, seed } = self.hold_out;
        let (train, test) = match test {
            Some(test) => (train, test),
            None => {
                let classes = if train.has_labels() { train.targets() } else { vec![0; train.len()] };
                let split = stratified_split(&classes, test_fraction, seed)?;
                let shuffled = |rows: &[usize], part: u64| {
                    let order = Stream::new(seed, "order of images", part, 0).permutation(rows.len());
                    train.subset(&order.into_iter().map(|at| rows[at]).collect::<Vec<_>>())
                };
                match split.test.is_empty() {
                    true => (train.subset(&split.train), train.subset(&[])),
                    false => (shuffled(&split.train, 0), shuffled(&split.test, 1)),
                }
            }
        };
        let sha256 = OnceLock::from(sha256);
        Ok(ImageSplits { name: self.name.clone(), published: None, train, test, notes, skipped, sizes, sha256 })
    }

    #[cfg(feature = "pictures")]
    fn pictures(&self, path: &Path, progress: &mut dyn FnMut(LoadProgress<'_>)) -> Result<Raw, DataError> {
        let pictures = crate::Pictures::new(path).fit(self.fit).color(self.color).skip_bad(self.skip_bad);
        let pictures = match self.size {
            Some([height, width]) => pictures.size(height, width),
            None => pictures,
        };
        let set =
            pictures.cache(self.cache.clone()).read(&mut |done, of| progress(LoadProgress::Pictures(done, of)))?;
        let images = set.images.with_files(&set.files)?;
        let mut notes = Vec::new();
        if set.unused > 0 {
            notes.push(format!(
                "{} pictures for validation are not used, because there are others for testing",
                set.unused
            ));
        }
        // The files are in the order of their classes.
        let part = |rows: &[usize]| {
            let order =
                Stream::new(self.hold_out.seed, "order of pictures", rows.len() as u64, 0).permutation(rows.len());
            images.subset(&order.into_iter().map(|at| rows[at]).collect::<Vec<_>>())
        };
        let (train, test) = match &set.parts {
            Some(parts) => (part(&parts.train), Some(part(&parts.test))),
            None if self.hold_out.test_fraction > 0.0 => (images, None),
            None => (part(&(0..images.len()).collect::<Vec<_>>()), None),
        };
        Ok(Raw { train, test, sha256: set.sha256, notes, skipped: set.bad, sizes: set.sizes })
    }

    #[cfg(not(feature = "pictures"))]
    fn pictures(&self, path: &Path, _: &mut dyn FnMut(LoadProgress<'_>)) -> Result<Raw, DataError> {
        Err(DataError::NotCompiledIn { path: path.into(), format: "picture", feature: "pictures" })
    }
}

/// Reads an IDX file of images without labels.
fn of_idx(path: &Path) -> Result<Raw, DataError> {
    Raw::of_parts(vec![(idx::read_unlabelled(path)?, None)], Content::open_raw(path)?.sha256(u64::MAX)?, Vec::new())
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pictures,
    Array,
    Idx,
    Table,
}

impl Kind {
    /// By the name of a file, and by the first bytes of an IDX file. None if there is no such path.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        match (path.is_dir(), path.exists()) {
            (true, _) => Some(Self::Pictures),
            (_, false) => None,
            _ if is_archive(path) => Some(Self::Pictures),
            _ if ends(&[".npy", ".npz"]) => Some(Self::Array),
            _ if idx::begins(path) => Some(Self::Idx),
            _ => Some(Self::Table),
        }
    }
}
