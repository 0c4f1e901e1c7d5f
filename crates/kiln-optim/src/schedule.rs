//! Functions of the step, for the learning rate ε, the momentum α and the batch size.
//!
//! A schedule has no state: a run saves the step only, and a resumed run reads the same values. Steps count optimiser updates from
//! 0.
//!
//! | schedule | value at step k | from the horizon on |
//! |---|---|---|
//! | [`constant`](Schedule::constant) | c | c |
//! | [`linear`](Schedule::linear) | (1 − k/τ)·c₀ + (k/τ)·c_τ | c_τ |
//! | [`polynomial`](Schedule::polynomial) | c_τ + (c₀ − c_τ)(1 − k/τ)^p | c_τ |
//! | [`inverse_time`](Schedule::inverse_time) | c₀/(1 + k/κ)^p | no horizon; tends to 0 |
//! | [`inverse_sqrt`](Schedule::inverse_sqrt) | c₀/√(1 + k/κ) | no horizon; tends to 0 |
//! | [`exponential`](Schedule::exponential) | c₀·γ^(k/s) | no horizon |
//! | [`step`](Schedule::step) | c₀·γ^⌊k/s⌋ | no horizon |
//! | [`multi_step`](Schedule::multi_step) | c₀·γ^(milestones ≤ k) | c₀·γ^(all milestones) |
//! | [`cosine`](Schedule::cosine) | c_τ + ½(c₀ − c_τ)(1 + cos πk/τ) | c_τ |
//! | [`cosine_restarts`](Schedule::cosine_restarts) | a cosine in each period | no horizon; periods repeat |
//! | [`one_cycle`](Schedule::one_cycle) | up to the peak, then down | its last value |
//! | [`sutskever`](Schedule::sutskever) | min(1 − 2^(−1 − log₂(⌊k/250⌋ + 1)), c_max) | c_max |
//! | [`nesterov`](Schedule::nesterov) | min(k/(k + 3), c_max) | c_max |
//! | [`warm_up`](Schedule::warm_up), [`join`](Schedule::join), [`scaled`](Schedule::scaled) | of other schedules | of other schedules |

mod burn_scheduler;
mod compose;
mod curve;
mod cycle;
mod decay;
mod error;
mod options;
mod spec;

use serde::{Deserialize, Serialize};

pub use burn_scheduler::ScheduledLr;
pub use compose::Piece;
pub use error::{ScheduleError, SpecError};
pub(crate) use options::{Options, through_text, unknown};
pub use spec::ScheduleSpec;

use curve::Curve;

/// A hyperparameter as a function of the step.
///
/// # Example
///
/// ```
/// use kiln_optim::Schedule;
///
/// let schedule = Schedule::linear(0.1, 1000)?;
/// assert_eq!(schedule.at(0), 0.1);
/// assert!((schedule.at(500) - 0.0505).abs() < 1e-15);
/// assert_eq!(schedule.at(1_000_000), 0.001);
///
/// let warmed = Schedule::cosine(0.1, 0.0, 9_000)?.warm_up(1000, 0.01)?;
/// assert_eq!((warmed.at(0), warmed.at(1000), warmed.at(10_000)), (0.001, 0.1, 0.0));
/// # Ok::<(), kiln_optim::ScheduleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Curve", into = "Curve")]
pub struct Schedule(Curve);

impl Schedule {
    /// Returns the value for step `step`, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        self.0.at(step)
    }

    /// Returns bounds of the values over all steps. They may not be reached, such as 0 by c₀/(1 + k/κ). For [`join`](Self::join)
    /// they are those of the pieces without their ends.
    pub fn bounds(&self) -> (f64, f64) {
        self.0.bounds()
    }

    /// Returns the value if it is the same for all steps.
    pub fn as_constant(&self) -> Option<f64> {
        match self.0 {
            Curve::Constant { value } => Some(value),
            _ => None,
        }
    }
}

impl TryFrom<Curve> for Schedule {
    type Error = ScheduleError;

    fn try_from(curve: Curve) -> Result<Self, ScheduleError> {
        curve.check()?;
        Ok(Self(curve))
    }
}

impl From<Schedule> for Curve {
    fn from(schedule: Schedule) -> Self {
        schedule.0
    }
}
