//! The same step always.

use super::{Search, within};
use crate::solver::{
    EvaluationError, Objective, SolverError,
    line::{Line, Trial},
};

/// t is `step`, whatever the value: for steepest descent 1/L, with L the largest curvature, converges on a convex function
/// (Nesterov, Introductory Lectures on Convex Optimization, 2004, Corollary 2.1.2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fixed {
    /// The step, positive.
    pub step: f64,
}

impl Search for Fixed {
    fn validate(&self) -> Result<(), SolverError> {
        within("step", self.step, 0.0, f64::INFINITY, "a positive number")
    }

    fn search<P: Objective>(&self, line: &Line<'_, P>) -> Result<Option<Trial>, EvaluationError> {
        Ok(Some(line.at(self.step)?).filter(|trial| trial.value.is_finite()))
    }
}
