//! Backtracking.

use super::Search;
use crate::solver::{
    EvaluationError, Objective, SolverError,
    error::{at_least_one, within},
    line::{Line, Trial},
};

/// Backtracking: the first of t, ρ·t, ρ²·t, … with φ(t) ≤ φ(0) + c1·t·φ′(0).
///
/// The gradient is computed at the first point and at the accepted one; in between, values are enough.
///
/// # Example
/// ```
/// use kiln_optim::solver::{Armijo, LineSearch, Steepest};
///
/// let solver = LineSearch::new(Steepest, Armijo { shrink: 0.3, ..Armijo::default() });
/// ```
///
/// # References
/// Armijo (1966). Nocedal and Wright, *Numerical Optimization* (2006), algorithm 3.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Armijo {
    /// Fraction of the predicted decrease that a step must reach, in (0, ½). Default 1e-4.
    pub c1: f64,
    /// The factor ρ, in (0, 1). Default ½.
    pub shrink: f64,
    /// Maximum number of values. Default 60, which reaches steps too small to change an f64.
    pub max_trials: usize,
}

impl Default for Armijo {
    fn default() -> Self {
        Self { c1: 1e-4, shrink: 0.5, max_trials: 60 }
    }
}

impl Search for Armijo {
    fn validate(&self) -> Result<(), SolverError> {
        within("c1", self.c1, 0.0, 0.5, "in (0, 0.5)")?;
        within("shrink", self.shrink, 0.0, 1.0, "in (0, 1)")?;
        at_least_one("max_trials", self.max_trials)
    }

    fn search<P: Objective>(&self, line: &Line<'_, P>) -> Result<Option<Trial>, EvaluationError> {
        // Newton's and quasi-Newton methods mostly accept the first step, so its gradient is needed anyway.
        let mut step = line.first;
        let mut promising = true;
        for trial in 1..=self.max_trials {
            if promising {
                let trial = line.at(step)?;
                if line.decreases(&trial, self.c1) {
                    return Ok(Some(trial));
                }
            }
            if trial == self.max_trials {
                break;
            }
            step *= self.shrink;
            promising = line.value_at(step)? <= line.value + self.c1 * step * line.slope + line.rounding;
        }
        Ok(None)
    }
}
