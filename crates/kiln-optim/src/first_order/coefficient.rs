//! The momentum α: a number or a schedule.

use super::{ConfigError, error::check_momentum};
use crate::Schedule;

/// The momentum at every step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Coefficient {
    Constant(f64),
    Scheduled(Schedule),
}

impl Coefficient {
    /// Checks that α is in [0, 1) at every step. At 1 and above the velocity would never decay.
    pub(super) fn new(constant: f64, schedule: Option<&Schedule>) -> Result<Self, ConfigError> {
        let coefficient = schedule.cloned().map_or(Self::Constant(constant), Self::Scheduled);
        let (low, high) = coefficient.bounds();
        check_momentum(low)?;
        check_momentum(high)?;
        Ok(coefficient)
    }

    pub(super) fn at(&self, step: u64) -> f64 {
        match self {
            Self::Constant(momentum) => *momentum,
            Self::Scheduled(schedule) => schedule.at(step),
        }
    }

    fn bounds(&self) -> (f64, f64) {
        match self {
            Self::Constant(momentum) => (*momentum, *momentum),
            Self::Scheduled(schedule) => schedule.bounds(),
        }
    }
}
