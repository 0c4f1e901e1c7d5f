//! The radius of a trust region.

use crate::solver::{
    Objective, SolverError,
    method::Move,
    problem::{Counted, Point, dots, epsilon},
};

/// The options of the radius.
#[derive(Clone, Copy, Debug)]
pub(super) struct Radius {
    pub(super) initial: f64,
    pub(super) max: f64,
    pub(super) eta: f64,
}

/// What the model says of a point.
pub(super) struct Trial {
    /// The predicted decrease, above 0.
    pub(super) promise: f64,
    pub(super) at_rim: bool,
    /// Whether the point is nearer to being stationary.
    pub(super) flatter: bool,
}

impl Radius {
    pub(super) fn validate(&self) -> Result<(), SolverError> {
        let radii = self.initial > 0.0 && self.initial < self.max && self.max.is_finite();
        if !radii {
            let (expected, got) = ("above 0 and below max_radius, both finite", self.initial);
            return Err(SolverError::Option { name: "initial_radius", expected, got });
        }
        if !(0.0..0.25).contains(&self.eta) {
            return Err(SolverError::Option { name: "eta", expected: "in [0, 0.25)", got: self.eta });
        }
        Ok(())
    }

    /// Accepts or rejects a point, and changes the radius.
    pub(super) fn judge<P: Objective>(
        &self,
        problem: &Counted<'_, P>,
        at: &Point,
        point: Point,
        trial: &Trial,
        radius: &mut f64,
    ) -> Move {
        let noise = problem.rounding(at);
        // If both decreases are below rounding, the model is trusted if the gradient shrinks.
        let lost = trial.promise <= noise && (at.value - point.value).abs() <= noise;
        let ratio = if !point.is_finite() {
            f64::NEG_INFINITY
        } else if lost && trial.flatter {
            1.0
        } else {
            (at.value - point.value) / trial.promise
        };
        if ratio < 0.25 {
            *radius *= 0.25;
        } else if ratio > 0.75 && trial.at_rim {
            *radius = (2.0 * *radius).min(self.max);
        }
        if ratio > self.eta {
            return Move::To(Box::new(point));
        }
        // In a smaller region no step would change x.
        let [length] = dots([[&at.x, &at.x]]);
        let smallest = epsilon(&at.x) * length.sqrt().max(f64::MIN_POSITIVE);
        if *radius < smallest { Move::Stuck } else { Move::Refused }
    }
}
