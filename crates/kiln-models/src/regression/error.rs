//! Errors of a regression's data.

/// Why a regression cannot be fitted to some data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegressionDataError {
    /// The number of targets or weights differs from the number of rows.
    #[error("there are {rows} rows but {got} {what}; give one for each row")]
    Length {
        /// What is counted.
        what: &'static str,
        /// Number of rows.
        rows: usize,
        /// Number of targets or weights.
        got: usize,
    },
    /// A target is not a class index.
    #[error("target {target} of row {row} is not one of the {classes} classes; class indices count from 0")]
    Target {
        /// The row, from 0.
        row: usize,
        /// Its target.
        target: usize,
        /// Number of classes.
        classes: usize,
    },
    /// There are no rows, or fewer than two classes.
    #[error("a regression needs at least one row and two classes")]
    Empty,
    /// A weight is negative or not finite, all weights are zero, or their sum is not finite.
    #[error("weights must be finite and not negative, and their sum must be positive and finite")]
    Weights,
    /// The penalty is negative or not finite.
    #[error("the penalty must be finite and not negative, not {0}")]
    Penalty(String),
}
