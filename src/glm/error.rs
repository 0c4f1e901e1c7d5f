//! Errors of a generalised linear model.

use kiln_models::{InferenceError, Separation, glm::GlmDataError};
use kiln_optim::solver::SolverError;
use kiln_tensor::{DeviceError, derivative::EvaluationError, world::WorldError};

use super::GlmFit;

/// Why a generalised linear model could not be fitted or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GlmError {
    /// The data do not fit the family.
    #[error(transparent)]
    Data(#[from] GlmDataError),
    /// A setting is out of its range.
    #[error("`{name}` must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// Rows for a prediction do not have the features of the fit.
    #[error(
        "`x` holds {values} values, which is not a number of rows of {features} features; pass x in row-major order"
    )]
    Shape {
        /// Values in x.
        values: usize,
        /// Features per row.
        features: usize,
    },
    /// The classes of a binomial response are separable, so the maximum likelihood estimate does not exist.
    #[error("the two classes are {}separable by the features, so the maximum likelihood estimate does not exist", if certificate.complete { "perfectly " } else { "quasi-completely " })]
    Separable {
        /// A direction that separates the classes. [`Separation::sides`] checks it.
        certificate: Box<Separation>,
    },
    /// The solver stopped before convergence. The error holds the result so far.
    #[error(
        "the fit did not converge: {} (largest gradient entry {:.1e}, tolerance {gtol:.1e}); raise `max_iter` or `gtol`",
        fit.outcome.message, fit.outcome.grad_norm
    )]
    NotConverged {
        /// The tolerance.
        gtol: f64,
        /// The result where the solver stopped.
        fit: Box<GlmFit>,
    },
    /// The standard errors could not be computed.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// The fit has no standard errors.
    #[error("the fit has no standard errors: {reason}")]
    NoInference {
        /// Why.
        reason: String,
    },
    /// The loss could not be evaluated.
    #[error("the loss could not be evaluated: {0}")]
    Evaluation(EvaluationError),
    /// The solver refused the problem.
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// The ranks could not compute together.
    #[error(transparent)]
    World(#[from] WorldError),
    /// This build has no CPU backend, which f64 needs.
    #[error(transparent)]
    Device(#[from] DeviceError),
}
