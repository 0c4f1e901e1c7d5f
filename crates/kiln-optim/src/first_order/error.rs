//! Errors of settings and of steps.

/// A hyperparameter is outside its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} must be {expected}, got {got}")]
pub struct ConfigError {
    /// The hyperparameter.
    pub name: &'static str,
    /// Its range, in words.
    pub expected: &'static str,
    /// The value that was given.
    pub got: f64,
}

pub(crate) fn require(holds: bool, name: &'static str, expected: &'static str, got: f64) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { name, expected, got }) }
}

/// α in [0, 1): at 1 and above the velocity would never decay.
pub(super) fn check_momentum(momentum: f64) -> Result<(), ConfigError> {
    require((0.0..1.0).contains(&momentum), "momentum", "in [0, 1)", momentum)
}

/// Why a step was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// No parameter of the module has a gradient, so the step would change nothing.
    #[error(
        "the step would update no parameter, because no gradient belongs to this module: check that the model is on an \
         autodiff device, that not all parameters are frozen, and that the loss depends on them"
    )]
    NothingToUpdate,
    /// Too many gradients in a row were not finite.
    #[error(
        "the gradient of {parameter} is not finite, {in_a_row} times in a row: lower the learning rate, or check the data"
    )]
    NonFinite {
        /// A parameter whose gradient is not finite.
        parameter: String,
        /// How many gradients in a row were not finite.
        in_a_row: u64,
    },
}
