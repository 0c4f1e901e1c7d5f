//! Why training could not go on.

use kiln_data::DataError;
use kiln_optim::{ConfigError, StepError};

use crate::{checkpoint::CheckpointError, lr_find::LrFindError};

/// Why training could not start or go on. A loss that is not finite is not among these: it is a
/// [`Status`](crate::Status).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The dataset has no rows.
    #[error("the dataset has no rows: there is nothing to train on or to evaluate")]
    Empty,
    /// The dataset cannot be divided as asked.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A learning-rate range test with a number out of its range.
    #[error(transparent)]
    LrFind(#[from] LrFindError),
    /// A plateau controller with a number out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The optimiser had nothing to update.
    #[error(transparent)]
    Step(#[from] StepError),
    /// A checkpoint cannot be written or read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An observer could not write what it saw.
    #[error("cannot write {path}: {source}")]
    Observer {
        /// The file.
        path: std::path::PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
}
