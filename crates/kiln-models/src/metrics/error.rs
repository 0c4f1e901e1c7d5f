//! The errors of the measures.

/// Why a measure does not exist for the given rows. Rows and classes are counted from 0.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages explain the fields")]
pub enum MetricsError {
    /// Two slices do not belong together.
    #[error(
        "{found} {what}, expected {expected}: give what is observed, what is predicted and the weights for the same rows"
    )]
    Length { what: &'static str, expected: usize, found: usize },

    /// There is nothing to measure.
    #[error("there are no rows: a measure needs at least one")]
    NoRows,

    /// The number of classes is out of its range.
    #[error("the number of classes must be from 1 to {limit}, got {found}")]
    Classes { found: usize, limit: usize },

    /// A class index without a class.
    #[error("row {row} has the {what} class {found}, but there are {classes} classes, counted from 0")]
    Class { what: &'static str, row: usize, found: usize, classes: usize },

    /// A measure compares the rows of a class with the others, and one of the two groups is empty.
    #[error(
        "{measure} needs rows with a weight that are {missing}, but there are none: use data in which both kinds occur"
    )]
    OneClass { measure: &'static str, missing: String },

    /// A score or a number is infinite or NaN.
    #[error("row {row}: the {what} value is {found}; all values must be finite")]
    NotFinite { what: &'static str, row: usize, found: f64 },

    /// A probability is not between 0 and 1.
    #[error("row {row}: {found} is not a probability; give numbers from 0 to 1")]
    Probability { row: usize, found: f64 },

    /// The probabilities of a row do not sum to 1.
    #[error("row {row}: the probabilities of the classes sum to {found} instead of 1; divide them by their sum")]
    ProbabilitySum { row: usize, found: f64 },

    /// A weight is negative, infinite or NaN.
    #[error("row {row} has the weight {found}; weights must be finite numbers, 0 or more")]
    Weight { row: usize, found: f64 },

    /// All weights are 0, or their sum is too large.
    #[error("the weights sum to {found}; the sum must be above 0 and at most {limit:e}")]
    WeightSum { found: f64, limit: f64 },

    /// A number is outside the range of a deviance.
    #[error("row {row}: the {what} value is {found}, but {measure} needs {expected}")]
    Domain { measure: &'static str, what: &'static str, row: usize, found: f64, expected: &'static str },

    /// A setting is out of its range.
    #[error("{name} must be {expected}, got {found}")]
    Setting { name: &'static str, expected: &'static str, found: f64 },

    /// R² compares with the mean, which is exact if all observed values are equal.
    #[error("R² does not exist: every observed value is {value}; use the RMSE or the MAE instead")]
    Constant { value: f64 },

    /// A result is too large for a float.
    #[error("{measure} is too large for a 64-bit float: choose larger units")]
    Overflow { measure: &'static str },
}
