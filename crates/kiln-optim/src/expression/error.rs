//! Why an expression cannot be used.

/// Why an expression cannot be used. Positions are characters of its text, counted from 1.
///
/// # Example
/// ```
/// use kiln_optim::expression::{Expression, ExpressionError};
///
/// let error = "2 * (x + )".parse::<Expression>().unwrap_err();
/// assert_eq!(error.to_string(), "character 10: expected a number, a name, '-' or '(', found ')'");
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages explain the fields")]
pub enum ExpressionError {
    /// The text is no expression.
    #[error("character {position}: expected {expected}, found {found}")]
    Unexpected { position: usize, expected: String, found: String },

    /// A function does not exist.
    #[error("character {position}: there is no function '{name}'; known functions: {known}")]
    UnknownFunction { position: usize, name: String, known: String },

    /// A function has the wrong number of arguments.
    #[error("character {position}: {function} takes {expected} argument(s), not {found}")]
    Arguments { position: usize, function: String, expected: usize, found: usize },

    /// A name has no value.
    #[error("character {position}: '{name}' is not defined; defined are {known}")]
    UnknownName { position: usize, name: String, known: String },

    /// Two values do not fit together.
    #[error("character {position}: {what}")]
    Shape { position: usize, what: String },

    /// The text is too long or nested too deeply.
    #[error("the expression is too large ({what}); divide it into parts")]
    TooLarge { what: String },

    /// A value is not finite although its operands are.
    #[error("character {position}: {text} is {value}{because}")]
    NotFinite { position: usize, text: String, value: String, because: String },
}
