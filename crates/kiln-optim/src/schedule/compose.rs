//! Schedules made of other schedules.

use serde::{Deserialize, Serialize};

use super::{
    Schedule, ScheduleError,
    curve::{Curve, CurvePiece},
};

/// One piece of [`Schedule::join`]: a schedule for a number of steps.
///
/// # Example
/// ```
/// use kiln_optim::{Schedule, schedule::Piece};
///
/// let warm = Piece { schedule: Schedule::constant(0.01)?, steps: 10 };
/// assert_eq!(Schedule::join(vec![warm], Schedule::constant(0.1)?)?.at(10), 0.1);
/// # Ok::<(), kiln_optim::ScheduleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// The schedule, whose step is 0 at the start of the piece.
    pub schedule: Schedule,
    /// Number of steps, at least 1.
    pub steps: u64,
}

impl Schedule {
    /// Adds a warm-up: a straight line from `start`·c(0) to c(0) over `steps` steps, followed by this schedule from its step 0.
    ///
    /// `start` is a fraction in [0, 1]; with 0 the first step does nothing. With 0 `steps` the schedule does not change.
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if `start` is outside [0, 1].
    pub fn warm_up(self, steps: u64, start: f64) -> Result<Self, ScheduleError> {
        Curve::WarmUp { steps, start, then: Box::new(self.into()) }.try_into()
    }

    /// Joins schedules: one after the other, and `last` for the rest. Each counts its steps from its own start.
    ///
    /// # Example
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
    /// Returns [`ScheduleError`] if a piece has no steps.
    pub fn join(pieces: Vec<Piece>, last: Self) -> Result<Self, ScheduleError> {
        let piece = |piece: Piece| CurvePiece { schedule: piece.schedule.into(), steps: piece.steps };
        Curve::Join { pieces: pieces.into_iter().map(piece).collect(), last: Box::new(last.into()) }.try_into()
    }

    /// Multiplies all values by `factor`.
    ///
    /// # Errors
    /// Returns [`ScheduleError`] if `factor` is not positive and finite.
    pub fn scaled(self, factor: f64) -> Result<Self, ScheduleError> {
        Curve::Scaled { factor, schedule: Box::new(self.into()) }.try_into()
    }
}
