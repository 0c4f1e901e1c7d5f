//! Errors of schedules and of their text.

use crate::ConfigError;

/// Why a schedule is not valid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// A parameter is outside its range.
    #[error("the schedule's {name} must be {expected}, got {got}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// Its range, in words.
        expected: &'static str,
        /// The value that was given.
        got: f64,
    },
    /// The milestones do not increase.
    #[error("the schedule's milestones must increase, got {0:?}")]
    Milestones(Vec<u64>),
    /// The exponent p of c₀/(1 + k/κ)^p is outside (½, 1].
    #[error(
        "the exponent {0} violates the Robbins–Monro conditions Σε = ∞ and Σε² < ∞: use an exponent in (1/2, 1], or the \
         unchecked schedule"
    )]
    RobbinsMonro(f64),
}

/// Why a text of the form `NAME:key=value,…` is not valid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The name is unknown.
    #[error("unknown name '{name}': expected one of {known}")]
    Name {
        /// The name that was given.
        name: String,
        /// The known names.
        known: String,
    },
    /// The key is unknown.
    #[error("'{name}' has no key '{key}': it has {known}")]
    Key {
        /// The name before the keys.
        name: String,
        /// The key that was given.
        key: String,
        /// The known keys.
        known: String,
    },
    /// A required key is missing.
    #[error("'{name}' needs {key}=…, as in '{name}:{example}'")]
    Missing {
        /// The name before the keys.
        name: &'static str,
        /// The key.
        key: &'static str,
        /// An example of the keys.
        example: &'static str,
    },
    /// A value cannot be read.
    #[error("'{text}' is not key=value with {expected}")]
    Value {
        /// The text that was given.
        text: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The values are not a valid schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// A value is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigError),
}
