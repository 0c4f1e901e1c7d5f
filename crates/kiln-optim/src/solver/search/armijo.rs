//! Backtracking.

use super::{Search, at_least_one, within};
use crate::solver::{
    EvaluationError, Objective, SolverError,
    line::{Line, Trial},
};

/// The first of t, ρ·t, ρ²·t … with φ(t) ≤ φ(0) + c1·t·φ′(0) (Armijo, 1966; Nocedal and Wright, Numerical Optimization, 2nd
/// ed., Algorithm 3.1). The first is tried with its
/// gradient; after that it computes values until one is good, and the gradient there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Armijo {
    /// Which part of the slope must be won, in (0, ½). Default 1e-4.
    pub c1: f64,
    /// ρ, in (0, 1). Default ½.
    pub shrink: f64,
    /// Values tried. Default 60: far enough for any step that makes a difference in f64.
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
        // Methods of Newton's kind mostly take the first step: its gradient is wanted anyway.
        let mut step = line.first;
        let mut promising = true;
        for _ in 0..self.max_trials {
            if promising {
                let trial = line.at(step)?;
                if line.decreases(&trial, self.c1) {
                    return Ok(Some(trial));
                }
            }
            step *= self.shrink;
            promising = line.value_at(step)? <= line.value + self.c1 * step * line.slope + line.rounding;
        }
        Ok(None)
    }
}
