//! Errors in the text of a formula.

use crate::shown::{Shown, whole};

/// Why a text is not a formula that Kiln understands.
///
/// Every error but two has the position of the mistake: a character of the text, counted from 1.
///
/// # Example
/// ```
/// use kiln_data::{Formula, FormulaError};
///
/// let error = "y ~ lug(age)".parse::<Formula>().unwrap_err();
/// assert!(matches!(error, FormulaError::UnknownFunction { position: 5, .. }));
/// assert!(error.to_string().starts_with("formula, character 5: there is no function 'lug' (did you mean 'log'?)"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages explain the fields")]
pub enum FormulaError {
    /// Something stands where the formula needs something else.
    #[error("formula, character {position}: found {}, expected {}", whole(.found), whole(.expected))]
    Unexpected { position: usize, found: String, expected: String },

    /// A quote is not closed.
    #[error("formula, character {position}: the quote that begins here is not closed; add the missing {quote}")]
    OpenQuote { position: usize, quote: char },

    /// A character that no formula has.
    #[error(
        "formula, character {position}: '{}' has no meaning in a formula; put a column's name with odd characters between \
         backticks, as in `odd name`",
        found.escape_debug()
    )]
    Character { position: usize, found: char },

    /// A function does not exist.
    #[error(
        "formula, character {position}: there is no function '{}'{hint}; known functions: {known}",
        Shown(.name)
    )]
    UnknownFunction { position: usize, name: String, hint: String, known: String },

    /// The arguments of a function are wrong.
    #[error("formula, character {position}: {function}: {}", whole(.problem))]
    Argument { position: usize, function: String, problem: String },

    /// Something that R, patsy or formulaic has and Kiln lacks, or about which they disagree.
    #[error("formula, character {position}: {}; {}", whole(.what), whole(.instead))]
    Unsupported { position: usize, what: String, instead: String },

    /// Parentheses or operators are nested too deeply.
    #[error("formula, character {position}: it is nested more than {limit} levels deep; write a simpler formula")]
    TooDeep { position: usize, limit: usize },

    /// The text is too long.
    #[error("the formula has {found} bytes, and at most {limit} are allowed; write a shorter formula")]
    TooLong { found: usize, limit: usize },

    /// The formula stands for too many terms.
    #[error("the formula stands for more than {limit} terms; use fewer interactions")]
    TooManyTerms { limit: usize },
}
