//! Steepest descent.

use super::{Descent, Heading};
use crate::solver::{
    EvaluationError, Objective,
    line::Trial,
    problem::{Counted, Point},
};

/// Steepest descent, d = −∇f (Cauchy, 1847).
///
/// # Example
/// ```
/// use kiln_optim::solver::{Fixed, LineSearch, Steepest, Stop, minimize_fn};
///
/// let square = |x: &[f64], g: &mut [f64]| {
///     g[0] = 2.0 * x[0];
///     x[0] * x[0]
/// };
/// let solver = LineSearch::new(Steepest, Fixed { step: 0.4 });
/// assert!(minimize_fn(square, &[3.0], &solver, &Stop::default())?.success);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steepest;

impl<P: Objective> Descent<P> for Steepest {
    type State = ();

    fn start(&self) {}

    fn heading(&self, _: &Counted<'_, P>, at: &Point, (): &mut ()) -> Result<Heading, EvaluationError> {
        Ok(Heading::steepest(at))
    }

    fn moved(&self, (): &mut (), _: &Heading, _: &Point, _: &Trial) {}

    fn is_steepest(&self) -> bool {
        true
    }
}
