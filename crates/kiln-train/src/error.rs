//! The errors of training.

use kiln_data::DataError;
use kiln_optim::{ConfigError, StepError};

use crate::checkpoint::CheckpointError;

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
    /// The objective is not a mean over rows, so that several processes cannot share a minibatch.
    #[error(
        "this objective cannot be trained by several processes: it is not a mean over rows (Objective::is_mean_over_rows)"
    )]
    NotAMean,
    /// The processes that train together could not go on.
    #[error(transparent)]
    World(#[from] kiln_tensor::world::WorldError),
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

/// A setting of the learning-rate range test is out of its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LrFindError {
    /// The range is empty or not positive.
    #[error("the test must go from a positive learning rate to a larger one, got {from} to {to}")]
    Range {
        /// The first learning rate.
        from: f64,
        /// The last learning rate.
        to: f64,
    },
    /// There are too few steps to measure a slope.
    #[error("a test with this smoothing must have at least {needed} steps, got {got}")]
    Steps {
        /// The smallest number of steps.
        needed: u64,
        /// The number of steps that was given.
        got: u64,
    },
    /// β is not in [0, 1).
    #[error("the smoothing must be in [0, 1), got {0}")]
    Smoothing(f64),
}
