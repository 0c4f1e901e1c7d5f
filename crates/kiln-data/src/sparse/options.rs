//! How sparse files are read.

/// How a file of LIBSVM or SVMlight is read.
///
/// # Example
/// ```
/// use kiln_data::{SparseExamples, SparseOptions, ZeroBased};
///
/// // A file to test on, in which the last features are 0 everywhere.
/// let options = SparseOptions { zero_based: ZeroBased::No, features: Some(10) };
/// assert_eq!(SparseExamples::parse("test.svm", "1 2:0.5\n", &options)?.features(), 10);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SparseOptions {
    /// Whether the first feature has index 0. Default: [`ZeroBased::Auto`].
    pub zero_based: ZeroBased,
    /// The number of features. Default: the highest one in the file.
    pub features: Option<usize>,
}

/// Whether the first feature has index 0 or 1.
///
/// # Example
/// ```
/// use kiln_data::{SparseExamples, SparseOptions, ZeroBased};
///
/// let read = |zero_based| SparseExamples::parse("t.svm", "1 1:5\n", &SparseOptions { zero_based, features: None });
/// assert_eq!((read(ZeroBased::Auto)?.features(), read(ZeroBased::Yes)?.features()), (1, 2));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ZeroBased {
    /// It has index 0 if the file has this index, and 1 otherwise. The default.
    #[default]
    Auto,
    /// It has index 0.
    Yes,
    /// It has index 1, as LIBSVM writes it.
    No,
}
