//! Images that are divided into training and test data.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};

use crate::{BadPicture, Images, content::hex, idx};

/// How to divide a dataset that has no test set.
///
/// # Example
/// ```
/// use kiln_data::{Dataset, HoldOut, Locate, load_images};
///
/// let half = HoldOut { test_fraction: 0.5, seed: 1 };
/// let digits = load_images("digits", &Locate::default(), half, &mut |_| {})?;
/// assert_eq!(digits.train.len() + digits.test.len(), 1797);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HoldOut {
    /// The fraction of the rows to test on, in [0, 1). Default: 0.2.
    pub test_fraction: f64,
    /// The seed of the division. Default: 0.
    pub seed: u64,
}

impl Default for HoldOut {
    fn default() -> Self {
        Self { test_fraction: 0.2, seed: 0 }
    }
}

/// An image dataset, divided into training and test data.
///
/// Both parts have the same image shape and number of classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSplits {
    /// The dataset's name, or its path as given.
    pub name: String,
    /// Whether the files are the published ones of the dataset `name`. `None` if that cannot be told: for files of your
    /// own, and for Fashion-MNIST outside the cache, of which only the archives' digests are published.
    pub published: Option<bool>,
    /// The training images.
    pub train: Images,
    /// The test images.
    pub test: Images,
    /// What a reader of the data might not expect, such as a rounding of the pixels.
    pub notes: Vec<String>,
    /// The files that were left out, for a folder or an archive of pictures.
    pub skipped: Vec<BadPicture>,
    /// The sizes of the pictures in a folder or an archive, height and width, with the number of files of each.
    pub sizes: Vec<([usize; 2], usize)>,
    /// Computed when it is asked for.
    pub(super) sha256: OnceLock<String>,
}

impl ImageSplits {
    /// Returns the SHA-256 of the data. For the four IDX files of a folder it is that of the uncompressed files in the order training
    /// images, training labels, test images, test labels. Its first call reads all images; replace `train` or `test` after it only.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| {
            let mut digest = Sha256::new();
            idx::digest_files(&mut digest, &self.train);
            idx::digest_files(&mut digest, &self.test);
            hex(&digest.finalize())
        })
    }
}
