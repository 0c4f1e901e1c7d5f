//! The image datasets that consist of four IDX files.

use crate::DataError;
use std::path::{Path, PathBuf};

/// The four files of every collection, without `.gz`. The digest of a collection covers them in this order.
pub(crate) const STEMS: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// A published set of four IDX files.
pub(crate) struct Collection {
    pub(crate) name: &'static str,
    /// The address of the files `{stem}.gz`, with a slash at the end.
    pub(crate) base_url: String,
    /// The published digests of the four files, in the order of [`STEMS`].
    pub(crate) checks: [Check; 4],
    /// The SHA-256 of the four uncompressed files together, if the published digests allow to compute it.
    pub(crate) sha256: Option<&'static str>,
    /// The first training labels. They tell apart collections with the same file names.
    pub(crate) opening: [u8; 10],
}

/// A published SHA-256.
pub(crate) enum Check {
    /// Of the uncompressed file, because the archives differ between mirrors.
    Content(String),
    /// Of the gzip archive.
    Archive(String),
}

/// MNIST and Fashion-MNIST.
pub(crate) fn collections() -> [Collection; 2] {
    let mnist = [
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ];
    // From TensorFlow Datasets.
    let fashion = [
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ];
    [
        Collection {
            name: "mnist",
            base_url: "https://ossci-datasets.s3.amazonaws.com/mnist/".into(),
            checks: mnist.map(|digest| Check::Content(digest.into())),
            sha256: Some("b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a"),
            opening: [5, 0, 4, 1, 9, 2, 1, 3, 1, 4],
        },
        Collection {
            name: "fashion-mnist",
            base_url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/".into(),
            checks: fashion.map(|digest| Check::Archive(digest.into())),
            sha256: None,
            opening: [9, 0, 0, 3, 0, 2, 7, 2, 5, 5],
        },
    ]
}

/// Returns the paths of the four files in `dir`, as far as they exist; a plain file comes before a compressed one.
pub(crate) fn files_in(dir: &Path) -> [Option<PathBuf>; 4] {
    STEMS.map(|stem| {
        // Some mirrors write `train-images.idx3-ubyte`.
        let dotted = stem.replace("-idx", ".idx");
        let grey = [stem.to_string(), format!("{stem}.gz"), dotted.clone(), format!("{dotted}.gz")];
        let coloured = grey.clone().map(|name| name.replace("idx3", "idx4"));
        grey.iter().chain(&coloured).map(|name| dir.join(name)).find(|path| path.is_file())
    })
}

/// Returns the paths of the four files in `dir`, or an error that lists the missing ones.
pub(crate) fn all_files(dir: &Path) -> Result<[PathBuf; 4], DataError> {
    match files_in(dir) {
        [Some(a), Some(b), Some(c), Some(d)] => Ok([a, b, c, d]),
        found => {
            let missing: Vec<&str> =
                STEMS.iter().zip(&found).filter(|(_, path)| path.is_none()).map(|(stem, _)| *stem).collect();
            Err(DataError::MissingIdxFiles { dir: dir.into(), missing: missing.join(", ") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_missing_files_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        STEMS.iter().for_each(|stem| fs::write(dir.path().join(format!("{stem}.gz")), "x").unwrap());
        fs::remove_file(dir.path().join("t10k-images-idx3-ubyte.gz")).unwrap();
        fs::rename(dir.path().join("train-labels-idx1-ubyte.gz"), dir.path().join("train-labels.idx1-ubyte")).unwrap();
        let error = all_files(dir.path()).unwrap_err();
        assert!(matches!(error, DataError::MissingIdxFiles { missing, .. } if missing == "t10k-images-idx3-ubyte"));
    }
}
