//! Data for Kiln: datasets, the files that they come from, and minibatches on a device.
//!
//! | module | content |
//! |---|---|
//! | [`dataset`] | the trait [`Dataset`], and the order of minibatches |
//! | [`images`], [`binarize`] | images as bytes; random binarisation |
//! | [`examples`], [`resident`](mod@resident) | rows of numbers with classes; the same on a device |
//! | [`tensors`] | tensors of any rank as a dataset; real-valued targets |
//! | [`sparse`] | sparse rows with targets, and the files of LIBSVM and SVMlight |
//! | [`builtin`] | the two small datasets that are compiled into the crate |
//! | [`sources`], [`catalogue`](mod@catalogue) | image datasets by name: found on disk, or downloaded and verified |
//! | [`idx`] | the file format of MNIST |
//! | [`table`], [`describe`], [`roles`], [`encode`] | tables from text files, what their columns are for, and encoders that turn them into numbers |
//! | [`formula`] | model formulas such as `y ~ a * b + poly(x, 2)`, and the encoders that they become |
//! | [`split`], [`folds`] | stratified train/test splits; the folds of a cross-validation |
//! | [`image_grid`] | grids of images as PNG files |
//! | [`shown`] | text from data files in messages |
//!
//! Every failure is a [`DataError`]. Its message names the file, what was expected, what was found and what to do.

mod augment;
pub mod binarize;
pub mod builtin;
pub mod catalogue;
pub mod dataset;
pub mod describe;
pub mod encode;
pub mod error;
pub mod examples;
pub mod folds;
pub mod formula;
pub mod idx;
pub mod image_grid;
pub mod image_options;
pub mod images;
pub mod locate;
#[cfg(feature = "pictures")]
pub mod pictures;
pub mod resident;
pub mod roles;
pub mod shown;
pub mod sources;
pub mod sparse;
pub mod split;
pub mod table;
pub mod tensors;

mod collection;
mod content;
mod download;
mod resident_images;
mod suggest;
mod vocabulary;

pub use augment::Augment;
pub use binarize::{Binarize, Binarized};
pub use builtin::{BREAST_CANCER_SHA256, BREAST_CANCER_TARGET, DIGITS_SHA256, breast_cancer, digits};
pub use catalogue::{DatasetInfo, Presence, catalogue};
pub use dataset::{Dataset, Minibatches, Order, Supervised, minibatches};
pub use describe::ColumnSummary;
pub use download::DownloadProgress;
pub use encode::{Coding, EncodedColumn, Encoder, EncoderConfig, Missing, Reference, Target, Unseen};
pub use error::DataError;
pub use examples::Examples;
pub use folds::{FoldSplits, Folds};
pub use formula::{Formula, FormulaEncoder, FormulaError, FormulaTerm};
pub use image_grid::ImageGrid;
pub use image_options::{BadPicture, ColorMode, Fit};
pub use images::{ImageShape, Images, Labelled, PixelSums};
pub use locate::Locate;
#[cfg(feature = "pictures")]
pub use pictures::{PictureSet, Pictures};
pub use resident::Resident;
pub use roles::{Columns, MissingRows, Reason, Role};
pub use shown::Shown;
pub use sources::{HoldOut, ImageLoader, ImageSplits, LoadProgress, load_images};
pub use sparse::{SparseExamples, SparseOptions, ZeroBased};
pub use split::{Split, stratified_split};
pub use suggest::hint as did_you_mean;
pub use table::{Column, ColumnKind, Dates, MISSING_MARKS, Note, Table, TableChunks, TableOptions, tables_sha256};
pub use tensors::{RegressionExamples, Rows, TensorDataset};
