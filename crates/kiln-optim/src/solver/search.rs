//! How far to go.

mod armijo;
mod fixed;
mod hager_zhang;
mod strong_wolfe;

pub use self::{armijo::Armijo, fixed::Fixed, hager_zhang::HagerZhang, strong_wolfe::StrongWolfe};
use super::{
    EvaluationError, Objective, SolverError,
    line::{Line, Trial},
};

/// A choice of the step along a line.
pub trait Search {
    /// Refuses options that are out of range.
    ///
    /// # Errors
    /// [`SolverError::Option`].
    fn validate(&self) -> Result<(), SolverError>;

    /// A point that is good enough; none where there seems to be none.
    ///
    /// # Errors
    /// When the function cannot be evaluated.
    fn search<P: Objective>(&self, line: &Line<'_, P>) -> Result<Option<Trial>, EvaluationError>;
}

pub(crate) fn at_least_one(name: &'static str, value: usize) -> Result<(), SolverError> {
    if value > 0 { Ok(()) } else { Err(SolverError::Option { name, expected: "at least 1", got: 0.0 }) }
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
