//! Against the gradient.

use super::{Descent, Heading};
use crate::solver::{
    EvaluationError, Objective,
    line::Trial,
    problem::{Counted, Point},
};

/// d = −∇f (Cauchy, 1847).
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
