//! The errors of training.

use kiln_data::DataError;
use kiln_optim::{ConfigError, StepError};

use crate::{checkpoint::CheckpointError, lr_find::LrFindError};

/// Why training could not start or continue.
///
/// A loss that is not finite is not an error: it is the status
/// [`TrainStatus::Diverged`](crate::TrainStatus::Diverged).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The dataset has no rows.
    #[error("the dataset has no rows: training and evaluation need at least one")]
    Empty,
    /// The dataset cannot be used as asked.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A setting of the learning-rate range test is out of its range.
    #[error(transparent)]
    LrFind(#[from] LrFindError),
    /// A setting is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model does not accept the data: a number of columns or a class does not fit.
    #[error("the data do not fit the model: {0}")]
    Mismatch(#[from] kiln_dist::DistError),
    /// The optimiser had nothing to update.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An observer could not write a file.
    #[error("cannot write {path}: {source}")]
    Observer {
        /// The file.
        path: std::path::PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// An observer returned an error of its own.
    #[error(transparent)]
    Custom(Box<dyn std::error::Error + Send + Sync>),
}
