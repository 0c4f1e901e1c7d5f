//! What goes wrong, and the exit code that says whose turn it is.

use std::{fmt::Display, path::Path};

use kiln::{
    data::DataError,
    optim::{ConfigError, ScheduleError, solver::SnapshotError},
    tensor::{DeviceError, weights::WeightsError},
    train::{CheckpointError, LrFindError, TrainError},
};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done; a solver converged.
    Done = 0,
    /// A fault of Kiln's or the machine's.
    Internal = 1,
    /// Bad usage or bad input.
    Usage = 2,
    /// Stopped without converging.
    NotConverged = 3,
    /// Not finite.
    Diverged = 4,
    /// Interrupted, after saving.
    Interrupted = 130,
}

/// One line for the person, and whether they can mend it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) exit: Exit,
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// Something that the person gave is wrong.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { message: message.to_string(), exit: Exit::Usage }
    }

    /// Something that the person cannot be blamed for.
    pub(crate) fn internal(message: impl Display) -> Self {
        Self { message: message.to_string(), exit: Exit::Internal }
    }

    /// A file that cannot be written.
    pub(crate) fn write(path: &Path, cause: impl Display) -> Self {
        Self::internal(format!("cannot write {}: {cause}", path.display()))
    }
}

macro_rules! usage_from {
    ($($error:ty),*) => { $(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::usage(error)
            }
        }
    )* };
}

usage_from!(
    LrFindError,
    DataError,
    ConfigError,
    ScheduleError,
    DeviceError,
    WeightsError,
    SnapshotError,
    kiln::models::VaeConfigError
);

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Write { .. } | CheckpointError::DefaultDevice { .. } => Self::internal(error),
            _ => Self::usage(error),
        }
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Checkpoint(error) => error.into(),
            TrainError::Data(_) | TrainError::Empty | TrainError::LrFind(_) => Self::usage(error),
            _ => Self::internal(error),
        }
    }
}
