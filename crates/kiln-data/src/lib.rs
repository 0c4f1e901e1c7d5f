//! Data for Kiln: datasets on the host, the files they come from, and the minibatches made of them on a device.
//!
//! - [`dataset`]: what a training loop needs of a dataset, and the order of its minibatches.
//! - [`images`], [`examples`]: grey images as bytes, and dense labelled rows.
//! - [`binarize`], [`resident`](mod@resident): grey pixels drawn black or white; examples that stay on the device.
//! - [`builtin`]: the two small datasets compiled into the crate.
//! - [`idx`]: the file format of MNIST.
//! - [`sources`], [`catalogue`](mod@catalogue): image datasets by name: found on disk, or downloaded and verified.
//! - [`table`], [`encode`]: CSV files, and their translation into numbers that a saved model can repeat.
//! - [`split`]: stratified train/test splits.
//!
//! Every failure is a [`DataError`], whose message says which file, what was expected, what came and what to do.

pub mod binarize;
pub mod builtin;
pub mod catalogue;
pub mod dataset;
pub mod encode;
pub mod error;
pub mod examples;
pub mod idx;
pub mod images;
pub mod resident;
pub mod sources;
pub mod split;
pub mod table;

mod collection;
mod content;
mod download;
mod suggest;
mod vocabulary;

pub use binarize::{Binarize, Binarized};
pub use builtin::{BREAST_CANCER_SHA256, BREAST_CANCER_TARGET, DIGITS_SHA256, breast_cancer, digits};
pub use catalogue::{DatasetInfo, Presence, catalogue};
pub use dataset::{Dataset, Minibatches, Order, Supervised, minibatches};
pub use download::Progress;
pub use encode::{EncodedColumn, Encoder, Target};
pub use error::DataError;
pub use examples::Examples;
pub use images::{Images, Labelled};
pub use resident::Resident;
pub use sources::{HoldOut, ImageSplits, Locate, load_images};
pub use split::{Split, stratified_split};
pub use table::{Column, ColumnKind, Table};
