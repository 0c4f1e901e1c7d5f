//! Why a derivative cannot be computed.

use crate::flat::LengthError;

/// Why a derivative cannot be computed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DerivativeError {
    /// The function uses an operation without a forward-mode rule.
    #[error("the operation '{operation}' has no forward-mode rule: use HvpMethod::Differences, which needs none")]
    NoRule {
        /// Burn's name of the operation.
        operation: String,
    },
    /// The function's operations could not be recorded.
    #[error("the function could not be recorded: {reason}")]
    Capture {
        /// The reason.
        reason: String,
    },
    /// The function uses a tensor that is not among its parameters and data.
    #[error(
        "the function uses a tensor from outside, which cannot be recorded for second derivatives: pass the tensor as data, \
         for example with `of_vector_with(start, data, |x, data| …)` or `new(&module, data, |module, data| …)`, \
         or make it inside of the function on the device of x"
    )]
    CapturedTensor,
    /// A vector does not fit the module.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// The function returns more than one number, but one is needed.
    #[error(
        "the value of the function has shape {got:?}: a gradient and a Hessian need a function that returns one number"
    )]
    NotScalar {
        /// The shape of its value.
        got: Vec<usize>,
    },
    /// A vector does not have the shape of the function's value.
    #[error("the vector has shape {got:?}, but the function's value has shape {expected:?}")]
    OutputShape {
        /// The shape of the function's value.
        expected: Vec<usize>,
        /// The shape of the vector.
        got: Vec<usize>,
    },
}

impl DerivativeError {
    /// Returns whether the function could not be recorded, or not be run forward, so that a backward pass may still succeed.
    pub(super) fn is_of_recording(&self) -> bool {
        matches!(self, Self::NoRule { .. } | Self::Capture { .. } | Self::CapturedTensor)
    }
}
