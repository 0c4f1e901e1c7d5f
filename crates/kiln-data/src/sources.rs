//! Images by the name of a dataset, or by the path of a folder or file.

mod arrays;
mod cifar;
mod labels;
mod levels;
mod loader;
mod named;
mod pixels;
mod raw;
mod splits;

pub use self::{
    loader::{ImageLoader, LoadProgress},
    splits::{HoldOut, ImageSplits},
};
use crate::{DataError, DownloadProgress, Locate};

/// Loads the dataset `digits`, `mnist` or `fashion-mnist`, or images from a path, as an [`ImageLoader`] with its defaults does.
///
/// `hold_out` applies to data without a test set. `progress` is called during downloads, before and after every block.
///
/// # Errors
///
/// Those of [`ImageLoader::load`].
///
/// # Example
///
/// ```
/// use kiln_data::{Dataset, HoldOut, Locate, load_images};
///
/// let digits = load_images("digits", &Locate::default(), HoldOut::default(), &mut |_| {})?;
/// assert_eq!((digits.train.len(), digits.test.len()), (1438, 359));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
pub fn load_images(
    name_or_path: &str,
    locate: &Locate,
    hold_out: HoldOut,
    progress: &mut dyn FnMut(DownloadProgress<'_>),
) -> Result<ImageSplits, DataError> {
    let loader = ImageLoader::new(name_or_path).locate(locate.clone()).hold_out(hold_out);
    loader.load(&mut |at| {
        if let LoadProgress::Download(at) = at {
            progress(at);
        }
    })
}
