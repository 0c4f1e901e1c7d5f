//! Errors of variational inference.

use kiln_dist::DistError;
use kiln_optim::{StepError, solver::SolverError};
use kiln_tensor::derivative::EvaluationError;

/// Why inference failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ViError {
    /// The guide, or the start, has a different number of dimensions than the model.
    #[error("the model has {expected} dimensions but the guide or the start has {got}")]
    Dims {
        /// Dimensions of the model.
        expected: usize,
        /// Dimensions of the guide or the start.
        got: usize,
    },
    /// The model returned a wrong number of values.
    #[error(
        "`log_joint` returned {got} values for {rows} rows of z; return one value for each row, summed over the columns only"
    )]
    Rows {
        /// Rows of z.
        rows: usize,
        /// Values that the model returned.
        got: usize,
    },
    /// The model's factors have wrong shapes.
    #[error(
        "`factors` returned terms of shape {terms:?} and involved of shape {involved:?} for z of shape [{rows}, {dims}]; return [{rows}, f] and [f, {dims}]"
    )]
    Factors {
        /// Rows of z.
        rows: usize,
        /// Columns of z.
        dims: usize,
        /// Shape of the terms.
        terms: [usize; 2],
        /// Shape of the matrix of involved entries.
        involved: [usize; 2],
    },
    /// A setting is out of its range.
    #[error("`{name}` must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// Too few fixed draws: their average has no maximum.
    #[error("this guide needs at least {least} fixed draws, not {got}; raise `draws`")]
    FixedDraws {
        /// The smallest number of draws with a maximum.
        least: usize,
        /// The number asked for.
        got: usize,
    },
    /// An optimiser step failed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The solver refused the problem.
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// The log-density or its Hessian could not be evaluated.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// The solver did not reach a mode.
    #[error("no mode was found, so there is no Laplace approximation: {message}")]
    NoMode {
        /// The solver's message.
        message: String,
    },
    /// The Hessian of −ln p at the mode is not positive definite.
    #[error("the log-density is not concave at its mode, so there is no Laplace approximation")]
    NotAPeak,
    /// The parameters do not define a distribution.
    #[error(transparent)]
    Parameters(#[from] DistError),
}
