//! Schedules made of schedules.

use serde::{Deserialize, Serialize};

use super::{Schedule, ScheduleError, curve::Curve};

/// A schedule for some number of steps: one piece of [`Schedule::join`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// What holds in this piece. It counts its steps from 0.
    pub schedule: Schedule,
    /// How long, at least 1 step.
    pub steps: u64,
}

impl Schedule {
    /// A straight line from `start`·c(0) to c(0) over `steps` steps, then this schedule from its beginning.
    ///
    /// `start` is a fraction in [0, 1]; with 0 the first step does nothing. No steps: this schedule as it is.
    ///
    /// # Errors
    /// When `start` is outside [0, 1].
    pub fn warm_up(self, steps: u64, start: f64) -> Result<Self, ScheduleError> {
        Curve::WarmUp { steps, start, then: Box::new(self) }.try_into()
    }

    /// One schedule after the other, and `last` for the rest. Each sees the steps since its own beginning.
    ///
    /// ```
    /// use kiln_optim::{Schedule, schedule::Piece};
    ///
    /// let pieces = vec![Piece { schedule: Schedule::constant(0.1)?, steps: 100 }];
    /// let schedule = Schedule::join(pieces, Schedule::linear(0.1, 50)?)?;
    /// assert_eq!((schedule.at(99), schedule.at(100), schedule.at(150)), (0.1, 0.1, 0.001));
    /// # Ok::<(), kiln_optim::ScheduleError>(())
    /// ```
    ///
    /// # Errors
    /// When a piece has no steps.
    pub fn join(pieces: Vec<Piece>, last: Self) -> Result<Self, ScheduleError> {
        Curve::Join { pieces, last: Box::new(last) }.try_into()
    }

    /// `factor`·c(k).
    ///
    /// # Errors
    /// When `factor` is not positive and finite.
    pub fn scaled(self, factor: f64) -> Result<Self, ScheduleError> {
        Curve::Scaled { factor, schedule: Box::new(self) }.try_into()
    }
}
