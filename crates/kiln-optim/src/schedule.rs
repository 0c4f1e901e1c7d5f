//! The step size as a plain function of the step.
//!
//! A schedule has no state: what is saved with a run is the step alone. Steps count optimiser updates from 0.

use serde::{Deserialize, Serialize};

/// How the step size ε_k depends on the step k.
///
/// ```
/// use kiln_optim::Schedule;
///
/// let schedule = Schedule::linear(0.1, 1000)?;
/// assert_eq!(schedule.at(0), 0.1);
/// assert!((schedule.at(500) - 0.0505).abs() < 1e-15);
/// assert_eq!(schedule.at(1_000_000), 0.001);
/// # Ok::<(), kiln_optim::ScheduleError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Schedule {
    /// ε_k = ε₀ for ever.
    Constant {
        /// ε₀.
        initial: f64,
    },
    /// ε_k = (1 − k/τ)·ε₀ + (k/τ)·ε_τ up to k = τ, and ε_τ from there on (*Deep Learning*, eq. 8.14).
    Linear {
        /// ε₀.
        initial: f64,
        /// ε_τ.
        last: f64,
        /// τ, in steps.
        horizon: u64,
    },
}

/// A schedule that no method could use.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// A step size that is not a positive, finite number.
    #[error("the learning rate must be positive and finite, got {0}")]
    StepSize(f64),
    /// τ = 0: the decay has no length.
    #[error("the schedule's horizon must be at least 1 step, got 0")]
    Horizon,
}

impl Schedule {
    /// ε_k = ε₀.
    ///
    /// # Errors
    /// [`ScheduleError::StepSize`] when `initial` is not positive and finite. There is no upper limit.
    pub fn constant(initial: f64) -> Result<Self, ScheduleError> {
        Ok(Self::Constant { initial: check(initial)? })
    }

    /// Linear decay over `horizon` steps to ε_τ = ε₀/100, and constant from there on.
    ///
    /// # Errors
    /// [`ScheduleError`] when `initial` is not positive and finite, or `horizon` is 0.
    pub fn linear(initial: f64, horizon: u64) -> Result<Self, ScheduleError> {
        Self::linear_to(initial, initial / 100.0, horizon)
    }

    /// Linear decay over `horizon` steps to `last`, and constant from there on.
    ///
    /// # Errors
    /// [`ScheduleError`] when a step size is not positive and finite, or `horizon` is 0.
    pub fn linear_to(initial: f64, last: f64, horizon: u64) -> Result<Self, ScheduleError> {
        if horizon == 0 {
            return Err(ScheduleError::Horizon);
        }
        Ok(Self::Linear { initial: check(initial)?, last: check(last)?, horizon })
    }

    /// The step size of step `step`, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        match *self {
            Self::Constant { initial } => initial,
            Self::Linear { last, horizon, .. } if step >= horizon => last,
            Self::Linear { initial, last, horizon } => {
                let fraction = step as f64 / horizon as f64;
                (1.0 - fraction) * initial + fraction * last
            }
        }
    }
}

fn check(step_size: f64) -> Result<f64, ScheduleError> {
    if step_size.is_finite() && step_size > 0.0 { Ok(step_size) } else { Err(ScheduleError::StepSize(step_size)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_meets_both_ends_and_stays() {
        let schedule = Schedule::linear_to(0.5, 0.1, 4).unwrap();
        let values: Vec<f64> = (0..7).map(|k| schedule.at(k)).collect();
        for (got, want) in values.iter().zip([0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1]) {
            assert!((got - want).abs() < 1e-15, "{values:?}");
        }
    }

    #[test]
    fn bad_settings_are_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Schedule::constant(bad), Err(ScheduleError::StepSize(_))));
            assert!(matches!(Schedule::linear(bad, 10), Err(ScheduleError::StepSize(_))));
        }
        assert_eq!(Schedule::linear(0.1, 0), Err(ScheduleError::Horizon));
        assert!(Schedule::constant(10.0).is_ok(), "a step size above 1 is legal");
    }
}
