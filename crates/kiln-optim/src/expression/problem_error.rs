//! Why a problem of expressions is not valid.

use super::ExpressionError;

/// Why a problem is not valid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages explain the fields")]
pub enum ExpressionProblemError {
    /// An expression is wrong, or has no value at the start.
    #[error("{place}, {error}")]
    Expression { place: String, error: ExpressionError },

    /// An expression has no finite value at the start.
    #[error("{place}, {error}: change the start")]
    Start { place: String, error: ExpressionError },

    /// A name is not one, or is used twice.
    #[error("'{name}' {problem}")]
    Name { name: String, problem: &'static str },

    /// The start and the bounds of a variable do not fit together.
    #[error("variable '{name}': {problem}")]
    Variable { name: String, problem: String },

    /// A matrix has rows of different lengths, or a parameter has no numbers.
    #[error("parameter '{name}': {problem}")]
    Parameter { name: String, problem: &'static str },

    /// The objective is not one number.
    #[error("the objective has {entries} entries, but one number is needed: use sum(…) or norm(…)")]
    NotOneNumber { entries: usize },

    /// There is no variable.
    #[error("there is no variable: add one with its start")]
    NoVariables,
}
