//! Why a minimisation cannot run.

use kiln_tensor::{DeviceError, derivative::EvaluationError, memory::MemoryError};

use super::snapshot::SnapshotError;

/// Why a minimisation cannot run. What happens during a run is a [`Status`](super::Status).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SolverError {
    /// An option is out of its range.
    #[error("{name} must be {expected}, not {got}")]
    Option {
        /// The option.
        name: &'static str,
        /// The option's range.
        expected: &'static str,
        /// The value that was given.
        got: f64,
    },
    /// A vector has the wrong length.
    #[error("{name} must have {expected} numbers, not {got}")]
    Length {
        /// The vector.
        name: &'static str,
        /// The length that it must have.
        expected: usize,
        /// The length that it has.
        got: usize,
    },
    /// An entry of a matrix of derivatives has a place outside of the matrix. A Hessian has row ≥ column.
    #[error("the {name} has no place for an entry at row {row}, column {column}, counted from 0")]
    Place {
        /// The matrix.
        name: &'static str,
        /// The row.
        row: usize,
        /// The column.
        column: usize,
    },
    /// The function could not be evaluated.
    #[error("the function could not be evaluated: {0}")]
    Evaluation(#[from] EvaluationError),
    /// The solver's matrices do not fit into memory.
    #[error("{0}: choose a solver without a matrix, such as l-bfgs, newton-cg or trust-ncg")]
    Memory(#[from] MemoryError),
    /// There is no device to compute on.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The solver cannot continue from the snapshot.
    #[error("the minimisation cannot continue from this snapshot: {0}")]
    Snapshot(#[from] SnapshotError),
}

pub(crate) fn at_least_one(name: &'static str, value: usize) -> Result<(), SolverError> {
    if value > 0 { Ok(()) } else { Err(SolverError::Option { name, expected: "at least 1", got: 0.0 }) }
}

/// Checks a tolerance.
pub(crate) fn tolerance(name: &'static str, got: f64) -> Result<(), SolverError> {
    let is_valid = got.is_finite() && got >= 0.0;
    if is_valid { Ok(()) } else { Err(SolverError::Option { name, expected: "a finite number, 0 or more", got }) }
}

pub(crate) fn within(
    name: &'static str,
    value: f64,
    low: f64,
    high: f64,
    expected: &'static str,
) -> Result<(), SolverError> {
    if value > low && value < high { Ok(()) } else { Err(SolverError::Option { name, expected, got: value }) }
}
