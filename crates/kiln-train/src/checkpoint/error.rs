//! The errors of checkpoints.

use std::{io, path::PathBuf};

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file cannot be written.
    #[error("cannot write the checkpoint {path}: {source}")]
    Write {
        /// The checkpoint.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read the checkpoint {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// There is no checkpoint.
    #[error("there is no checkpoint in {0}: the run stopped before its first one; start it again")]
    None(PathBuf),
    /// The trainer was asked to continue a run but has no folder of checkpoints.
    #[error("the trainer has no folder of checkpoints: call `Trainer::checkpoint_to` before `Trainer::load`")]
    NoFolder,
    /// There is no checkpoint of that step.
    #[error("there is no checkpoint of step {step} in {folder}; available steps: {available}")]
    NoStep {
        /// The folder.
        folder: PathBuf,
        /// The step that was asked for.
        step: u64,
        /// The steps that have a checkpoint.
        available: String,
    },
    /// No checkpoint was evaluated, so none is the best.
    #[error("no checkpoint in {0} was evaluated on test data, so there is no best one: choose the latest")]
    NoScore(PathBuf),
    /// The checkpoint's files do not have the content that was written.
    #[error("the checkpoint {path} is corrupt ({reason}): delete this folder to continue from the previous checkpoint")]
    Corrupt {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The checkpoint is intact but belongs to another model or optimiser.
    #[error("the checkpoint {path} does not belong to this run: {reason}")]
    Mismatch {
        /// The checkpoint.
        path: PathBuf,
        /// The first difference.
        reason: String,
    },
    /// Burn would load the optimiser's state with another float type than the model's.
    #[error(
        "the default device computes in {default:?} and the model in {model:?}, and Burn loads an optimiser's state \
         through the default device: set BURN_DEVICE to the backend that trains"
    )]
    DefaultDevice {
        /// The default device's float type.
        default: burn::tensor::FloatDType,
        /// The training device's float type.
        model: burn::tensor::FloatDType,
    },
}
