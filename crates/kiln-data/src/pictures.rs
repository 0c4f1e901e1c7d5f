//! Folders and archives of picture files.

mod archive;
mod arrangement;
mod cache;
mod decode;
mod folder;
mod found;
mod how;
mod reading;
mod store;

use std::path::PathBuf;

use self::{
    arrangement::{Arrangement, Part},
    cache::Cache,
    found::Found,
    how::How,
    reading::{Source, decode},
};
use crate::{BadPicture, ColorMode, DataError, Dataset, Fit, Images, Split};

/// A folder or archive of pictures, and how they become images.
///
/// The pictures are PNG, JPEG, WebP, TIFF, GIF or BMP files, which are recognised by their contents. Of an animation, the first frame is
/// used. Pixels of 16 bits are rounded to 8, a picture is turned as its EXIF orientation says, and transparent pixels show a white ground.
/// Pictures are scaled bilinearly with anti-aliasing.
///
/// An archive is a `.tar`, `.tar.gz`, `.tgz`, `.tar.zst` or `.zip` file, and is read like a folder:
///
/// - The pictures may be in folders `train` and `test` (or `val`), which divide them.
/// - Other folders at the top, or within `train` and `test`, are classes. Pictures may be in further folders within these.
/// - Hidden files are left out.
///
/// # Example
///
/// ```no_run
/// use kiln_data::{ColorMode, Dataset, Fit, Pictures};
///
/// let set = Pictures::new("photos").size(64, 64).fit(Fit::Pad).color(ColorMode::Grey).skip_bad(true).read(&mut |_, _| {})?;
/// println!("{} images of {} pixels, {} files left out", set.images.len(), set.images.shape(), set.bad.len());
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictures {
    path: PathBuf,
    how: How,
    skip_bad: bool,
    cache: Option<PathBuf>,
}

/// What [`Pictures::read`] has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureSet {
    /// The images, in the order of their names or of the archive. They have labels if the pictures are in folders of classes.
    pub images: Images,
    /// The name of each image's file, relative to the folder.
    pub files: Vec<String>,
    /// The files that were left out.
    pub bad: Vec<BadPicture>,
    /// The sizes of the files, height and width, with the number of files of each. The most frequent comes first.
    pub sizes: Vec<([usize; 2], usize)>,
    /// The images for training and testing, if the pictures are in such folders.
    pub parts: Option<Split>,
    /// The number of images that belong to neither: those in a folder for validation beside one for testing.
    pub unused: usize,
    /// The SHA-256 of the names and contents of all files, or of the archive.
    pub sha256: String,
}

impl Pictures {
    /// The pictures in a folder or archive.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), how: How::default(), skip_bad: false, cache: None }
    }

    /// Sets the size of the images in pixels, each side at least 1. Default: that of the pictures, which then must all have the same.
    pub fn size(self, height: usize, width: usize) -> Self {
        Self { how: How { size: Some([height, width]), ..self.how }, ..self }
    }

    /// Sets how pictures of other shapes get their size. Default: [`Fit::Crop`].
    pub fn fit(self, fit: Fit) -> Self {
        Self { how: How { fit, ..self.how }, ..self }
    }

    /// Sets the channels of the images. Default: [`ColorMode::Auto`].
    pub fn color(self, color: ColorMode) -> Self {
        Self { how: How { color, ..self.how }, ..self }
    }

    /// Sets whether files that cannot be used are left out. Default: they are an error.
    pub fn skip_bad(self, skip_bad: bool) -> Self {
        Self { skip_bad, ..self }
    }

    /// Sets the folder where decoded pictures of 16 MiB or more are kept, for the next time that the same files are read in the same way.
    /// Default: they are not kept.
    pub fn cache(self, folder: Option<PathBuf>) -> Self {
        Self { cache: folder, ..self }
    }

    /// Reads the pictures, on several threads. `progress` is called with the number of files read so far, and of all files if it is known.
    ///
    /// Images of 256 MiB or more are in a temporary file, or in one of the cache, and not in memory.
    ///
    /// # Errors
    ///
    /// - [`DataError::Io`] if the folder or the archive cannot be read, or there is no place for the images;
    /// - [`DataError::NoPictures`] if no file can be used;
    /// - [`DataError::BadPictures`] if a file cannot be used, unless these are [skipped](Self::skip_bad);
    /// - [`DataError::PictureSizes`] if the pictures have several sizes, and no [size](Self::size) was set.
    pub fn read(&self, progress: &mut dyn FnMut(usize, Option<usize>)) -> Result<PictureSet, DataError> {
        if let Some([height, width]) = self.how.size.filter(|size| size.contains(&0)) {
            return Err(DataError::ImageShape { height, width, max: u8::MAX });
        }
        let source = Source::open(&self.path)?;
        let sha256 = source.sha256()?;
        let cache = self.cache.as_deref().and_then(|folder| Cache::new(folder, &sha256, &self.how));
        let found = match cache.as_ref().and_then(Cache::load) {
            Some(found) => found,
            None => decode(&self.how, source, cache.as_ref(), progress)?,
        };
        self.arranged(found, sha256)
    }

    /// Checks what was found, and adds what the names of the files say.
    fn arranged(&self, found: Found, sha256: String) -> Result<PictureSet, DataError> {
        let Found { files, mut bad, sizes, images } = found;
        let of = files.len() + bad.len();
        let arrangement = Arrangement::of(files.iter().chain(bad.iter().map(|bad| &bad.file)).map(String::as_str));
        let classes: Vec<Option<u32>> = files.iter().map(|file| arrangement.class(file)).collect();
        if !arrangement.classes.is_empty() {
            let outside = files.iter().zip(&classes).filter(|(_, class)| class.is_none());
            let reason = || "is not in the folder of a class, as other files are".to_owned();
            bad.extend(outside.map(|(file, _)| BadPicture { file: file.clone(), reason: reason() }));
            bad.sort_by(|a, b| a.file.cmp(&b.file));
        }
        let path = || self.path.clone();
        if files.is_empty() {
            return Err(DataError::NoPictures { path: path(), bad: list(&bad) });
        }
        if !bad.is_empty() && !self.skip_bad {
            return Err(DataError::BadPictures { path: path(), count: bad.len(), of, bad: list(&bad) });
        }
        let Some(images) = images else {
            let sizes = sizes.iter().map(|([height, width], files)| format!("{height}×{width} ({files})"));
            return Err(DataError::PictureSizes { path: path(), sizes: first_of(sizes) });
        };
        let is_used = |row: &usize| {
            (arrangement.classes.is_empty() || classes[*row].is_some())
                && arrangement.part(&files[*row]) != Part::Unused
        };
        let used: Vec<usize> = (0..files.len()).filter(is_used).collect();
        let unused = files.iter().filter(|file| arrangement.part(file) == Part::Unused).count();
        if used.is_empty() {
            return Err(DataError::NoPictures { path: path(), bad: list(&bad) });
        }
        let mut images = if used.len() == images.len() { images } else { images.subset(&used) };
        if !arrangement.classes.is_empty() {
            let labels = used.iter().filter_map(|row| classes[*row]).collect();
            images = images.with_labels(labels)?.with_class_names(arrangement.classes.clone())?;
        }
        let files: Vec<String> = used.iter().map(|row| files[*row].clone()).collect();
        let rows_of = |part| (0..files.len()).filter(|row| arrangement.part(&files[*row]) == part).collect();
        let split = || Split { train: rows_of(Part::Training), test: rows_of(Part::Testing) };
        let parts = arrangement.is_divided.then(split);
        Ok(PictureSet { images, files, bad, sizes, parts, unused, sha256 })
    }
}

fn list(bad: &[BadPicture]) -> String {
    first_of(bad.iter().map(ToString::to_string))
}

/// The first texts of a list, and how many more there are.
fn first_of(texts: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 10;
    let more = texts.len().saturating_sub(SHOWN);
    let mut shown: Vec<String> = texts.take(SHOWN).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join("; ")
}
