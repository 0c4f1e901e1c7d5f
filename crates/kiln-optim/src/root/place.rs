//! A point of a search.

use crate::{
    least_squares::Residuals,
    solver::{Evaluations, Iteration, SolverError, Status},
};

/// A singular value below this, relative to the largest one, is 0.
pub(super) const SINGULAR: f64 = 1e-13;

/// The largest absolute value; NaN if one is.
pub(super) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest: f64, value| if value.is_nan() { f64::NAN } else { largest.max(value.abs()) })
}

/// A point with F there.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) x: Vec<f64>,
    pub(super) residuals: Vec<f64>,
}

impl Place {
    pub(super) fn new(x: Vec<f64>, residuals: Vec<f64>) -> Self {
        Self { x, residuals }
    }

    pub(super) fn square(&self) -> f64 {
        self.residuals.iter().map(|f| f * f).sum()
    }

    /// Moves along d, with shorter steps until ‖F‖ falls. None if it does not.
    pub(super) fn along<P: Residuals + ?Sized>(
        &self,
        problem: &P,
        d: &[f64],
        counts: &mut Evaluations,
    ) -> Result<Option<Self>, SolverError> {
        let before = self.square();
        let mut t = 1.0;
        for _ in 0..SHORTER {
            let x: Vec<f64> = self.x.iter().zip(d).map(|(x, d)| x + t * d).collect();
            let next = Self { residuals: problem.residuals(&x)?, x };
            counts.values += 1;
            // It is false for NaN.
            if next.square() <= (1.0 - 1e-4 * t) * before {
                return Ok(Some(next));
            }
            t *= 0.5;
        }
        Ok(None)
    }
}

/// Maximum number of points along a step.
const SHORTER: usize = 40;

/// A run that has ended.
pub(super) struct Ended {
    pub(super) at: Place,
    pub(super) status: Status,
    pub(super) iterations: usize,
    pub(super) counts: Evaluations,
    pub(super) history: Vec<Iteration>,
}

/// The entry of the history for a point.
pub(super) fn entry(iteration: usize, at: &Place, step: f64, counts: Evaluations) -> Iteration {
    Iteration { iteration, value: 0.5 * at.square(), grad_norm: largest(&at.residuals), step, values: counts.values }
}
