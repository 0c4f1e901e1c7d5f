//! Errors of a logistic regression.

use kiln_models::{RegressionDataError, Separation};
use kiln_optim::solver::SolverError;
use kiln_tensor::DeviceError;

use super::LogisticFit;

/// Why a logistic or softmax regression could not be fitted or applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogisticError {
    /// The numbers of values, features and targets do not fit together.
    #[error("`x` holds {values} values, which is not {rows} rows of {features} features; pass x in row-major order")]
    Shape {
        /// Values in x.
        values: usize,
        /// Rows expected from the targets.
        rows: usize,
        /// Features per row.
        features: usize,
    },
    /// An input is NaN or infinite.
    #[error("row {row}, column {column} of `x` is {value}; remove or impute missing values")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value.
        value: f64,
    },
    /// A setting is out of its range.
    #[error("`{name}` must be {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// A wrong number of weights.
    #[error("expected {expected} {what}, got {got}")]
    Weights {
        /// Sample weights or class weights.
        what: &'static str,
        /// How many are needed.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// A wrong number of names.
    #[error("expected names for {expected} {what}, got {got}")]
    Names {
        /// Features or classes.
        what: &'static str,
        /// How many are needed.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// The targets or the weights are not valid.
    #[error(transparent)]
    Data(#[from] RegressionDataError),
    /// The classes are separable, so the maximum likelihood estimate does not exist.
    #[error(
        "the classes are {}separable, so the maximum likelihood estimate does not exist; add a penalty, for example `.l2(0.01)`",
        degree(certificate.as_deref())
    )]
    Separable {
        /// A direction that separates the classes. [`Separation::sides`] checks it. `None` if the model is too large to look for one.
        certificate: Option<Box<Separation>>,
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
        fit: Box<LogisticFit>,
    },
    /// The solver refused the problem.
    #[error(transparent)]
    Solver(#[from] SolverError),
    /// This build has no CPU backend, which f64 needs.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

fn degree(certificate: Option<&Separation>) -> &'static str {
    match certificate {
        Some(Separation { complete: true, .. }) => "perfectly ",
        Some(Separation { complete: false, .. }) => "quasi-completely ",
        None => "",
    }
}
