//! Choices of the step along a line.

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
    /// Checks that the options are in their ranges.
    ///
    /// # Errors
    /// Returns [`SolverError::Option`].
    fn validate(&self) -> Result<(), SolverError>;

    /// Returns an acceptable point, or none if the search finds none.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    fn search<P: Objective>(&self, line: &Line<'_, P>) -> Result<Option<Trial>, EvaluationError>;
}
