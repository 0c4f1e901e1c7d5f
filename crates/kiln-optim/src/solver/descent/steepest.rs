//! Against the gradient.

use super::{Descent, Heading};
use crate::solver::{
    Objective, SolverError,
    line::Trial,
    problem::{Counted, Point},
};

/// d = −∇f (Cauchy, 1847).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steepest;

impl<P: Objective> Descent<P> for Steepest {
    type State = ();

    fn start(&self, _: &Point) -> Result<(), SolverError> {
        Ok(())
    }
    fn heading(&self, _: &Counted<'_, P>, at: &Point, (): &mut ()) -> Result<Heading, SolverError> {
        Ok(Heading::steepest(at))
    }
    fn moved(&self, (): &mut (), _: &Heading, _: &Point, _: &Trial) -> Result<(), SolverError> {
        Ok(())
    }
    fn is_steepest(&self) -> bool {
        true
    }
}
