//! Errors of the command line, and exit codes.

use std::{fmt::Display, io, path::Path};

use kiln::{
    data::DataError,
    dist::DistError,
    models::{GmmError, SvmError, VaeConfigError},
    optim::{
        ConfigError, ScheduleError,
        solver::{SnapshotError, SolverError},
    },
    tensor::{DeviceError, weights::WeightsError},
    train::{CheckpointError, LrFindError, TrainError, vi::ViError},
};

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done. A solver converged.
    Done = 0,
    /// An internal error, or a failure of the machine such as a full disk.
    Internal = 1,
    /// Bad usage or bad input.
    Usage = 2,
    /// Stopped without converging.
    NotConverged = 3,
    /// Diverged: a value is not finite.
    Diverged = 4,
    /// Interrupted, after saving.
    Interrupted = 130,
}

/// An error: one line for the user, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) exit: Exit,
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// The user's input is wrong.
    pub(crate) fn usage(message: impl Display) -> Self {
        Self { message: message.to_string(), exit: Exit::Usage }
    }

    /// Nothing that the user gave is wrong.
    pub(crate) fn internal(message: impl Display) -> Self {
        Self { message: message.to_string(), exit: Exit::Internal }
    }

    /// A value is not finite.
    pub(crate) fn diverged(message: impl Display) -> Self {
        Self { message: message.to_string(), exit: Exit::Diverged }
    }

    /// A file cannot be written. A place where no file can be is the user's to change.
    pub(crate) fn write(path: &Path, cause: &io::Error) -> Self {
        Self { message: format!("cannot write {}: {cause}", path.display()), exit: exit_of(cause) }
    }

    /// The message on one line, without control characters, and not longer than a screen: it may quote a user's file.
    pub(crate) fn line(&self) -> String {
        const LONGEST: usize = 2000;
        let mut line = String::new();
        for character in self.message.chars() {
            if line.len() > LONGEST {
                line.push('…');
                break;
            }
            match character {
                '\n' | '\t' => line.push(' '),
                other if other.is_control() => line.extend(other.escape_default()),
                other => line.push(other),
            }
        }
        line
    }
}

impl Exit {
    /// The exit of a code.
    pub(crate) fn of(code: u8) -> Self {
        let all = [Self::Done, Self::Usage, Self::NotConverged, Self::Diverged, Self::Interrupted];
        all.into_iter().find(|exit| *exit as u8 == code).unwrap_or(Self::Internal)
    }
}

fn exit_of(cause: &io::Error) -> Exit {
    match cause.kind() {
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::NotFound
        | io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem => Exit::Usage,
        _ => Exit::Internal,
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
    DistError,
    ConfigError,
    ScheduleError,
    DeviceError,
    WeightsError,
    SnapshotError,
    SolverError,
    SvmError,
    VaeConfigError,
    ViError
);

impl From<GmmError> for Failure {
    fn from(error: GmmError) -> Self {
        match error {
            // EM never lowers the likelihood but by rounding: the numbers are beyond the float type.
            GmmError::Decreased { .. } => {
                Self::diverged(format!("{error}: the values are too large or too far apart; add --standardize"))
            }
            GmmError::World(error) => Self::internal(error),
            _ => Self::usage(error),
        }
    }
}

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        match error {
            CheckpointError::Write { ref source, .. } => Self { exit: exit_of(source), message: error.to_string() },
            CheckpointError::DefaultDevice { .. } => Self::internal(error),
            _ => Self::usage(error),
        }
    }
}

impl From<TrainError> for Failure {
    fn from(error: TrainError) -> Self {
        match error {
            TrainError::Checkpoint(error) => error.into(),
            TrainError::Observer { ref source, .. } => Self { exit: exit_of(source), message: error.to_string() },
            TrainError::Data(_) | TrainError::Empty | TrainError::LrFind(_) => Self::usage(error),
            _ => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_without_control_characters() {
        let line = Failure::usage(format!("bad cell '\u{1b}[31mred\n{}'", "x".repeat(5_000_000))).line();
        assert!(line.starts_with("bad cell '\\u{1b}[31mred x") && line.len() < 2100, "{}", &line[..40]);
    }
}
