//! What solves the inner problems of an augmented Lagrangian.

use burn::tensor::Tensor;

use crate::solver::{Bounds, Objective, Outcome, Solver, SolverError, Stop, lbfgs_b, minimize};

/// A solver of the inner problems of an [`AugmentedLagrangian`](super::AugmentedLagrangian).
pub trait Inner<P: Objective> {
    /// Whether it keeps the problem's bounds; otherwise they are constraints like others.
    const KEEPS_BOUNDS: bool;

    /// Minimises `problem` from `start`.
    ///
    /// # Errors
    /// As [`minimize`].
    fn minimize(&self, problem: &P, start: Tensor<1>, bounds: &Bounds, stop: &Stop) -> Result<Outcome, SolverError>;
}

/// L-BFGS within the problem's bounds, by projection: a function that is not defined beyond them is never asked there.
#[derive(Clone, Copy, Debug, Default)]
pub struct WithinBounds;

impl<P: Objective> Inner<P> for WithinBounds {
    const KEEPS_BOUNDS: bool = true;

    fn minimize(&self, problem: &P, start: Tensor<1>, bounds: &Bounds, stop: &Stop) -> Result<Outcome, SolverError> {
        minimize(problem, start, &lbfgs_b(bounds.clone()), stop)
    }
}

/// Any of Kiln's solvers.
#[derive(Clone, Debug)]
pub struct Free<S>(pub S);

impl<P: Objective, S: Solver<P>> Inner<P> for Free<S> {
    const KEEPS_BOUNDS: bool = false;

    fn minimize(&self, problem: &P, start: Tensor<1>, _: &Bounds, stop: &Stop) -> Result<Outcome, SolverError> {
        minimize(problem, start, &self.0, stop)
    }
}
