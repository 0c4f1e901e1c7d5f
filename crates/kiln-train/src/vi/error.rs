//! Why inference cannot be done.

use kiln_dist::DistError;
use kiln_optim::{StepError, solver::SolverError};
use kiln_tensor::derivative::EvaluationError;

/// Why inference cannot be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViError {
    /// The guide has another number of dimensions than the model.
    #[error("the model has {expected} dimensions, and {got} came")]
    Dims {
        /// The model's.
        expected: usize,
        /// What came.
        got: usize,
    },
    /// A setting out of its range.
    #[error("{name} must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// An average over fixed draws that has no maximum.
    #[error("with a guide like this an average over fixed draws needs at least {least} of them, not {got}")]
    FixedDraws {
        /// How many it needs.
        least: usize,
        /// How many were asked for.
        got: usize,
    },
    /// A step could not be taken.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The solver refused.
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// The log-density has no Hessian, or none at the mode.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// The solver did not come to a mode.
    #[error("no mode was found, and so there is no Laplace approximation: {message}")]
    NoMode {
        /// How the solver ended.
        message: String,
    },
    /// The Hessian at the mode is not positive definite: there is no peak there.
    #[error("the log-density is not curved down in every direction at its mode: there is no Laplace approximation")]
    NotAPeak,
    /// The approximation is no distribution.
    #[error(transparent)]
    Parameters(#[from] DistError),
}
