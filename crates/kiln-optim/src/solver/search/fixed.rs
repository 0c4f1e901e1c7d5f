//! A fixed step.

use super::Search;
use crate::solver::{
    EvaluationError, Objective, SolverError,
    error::within,
    line::{Line, Trial},
};

/// A fixed step t, whatever the value.
///
/// With steepest descent, t = 1/L converges on a convex function, where L is the largest curvature (Nesterov, *Introductory
/// Lectures on Convex Optimization*, 2004, corollary 2.1.2).
///
/// # Example
/// ```
/// use kiln_optim::solver::{Fixed, LineSearch, Steepest};
///
/// let solver = LineSearch::new(Steepest, Fixed { step: 0.1 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fixed {
    /// The step t, above 0.
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
