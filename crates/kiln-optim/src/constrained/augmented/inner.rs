//! Solvers of the inner problems of an augmented Lagrangian.

use burn::tensor::Tensor;

use crate::solver::{Bounds, Objective, Outcome, Solver, SolverError, Stop, lbfgs_b, minimize};

/// A solver of the inner problems of an [`AugmentedLagrangian`](super::AugmentedLagrangian).
pub trait Inner<P: Objective> {
    /// Whether the solver keeps the problem's bounds. Otherwise the augmented Lagrangian treats them as constraints.
    const KEEPS_BOUNDS: bool;

    /// Minimises `problem` from `start`.
    ///
    /// # Errors
    /// Those of [`minimize`].
    fn minimize(&self, problem: &P, start: Tensor<1>, bounds: &Bounds, stop: &Stop) -> Result<Outcome, SolverError>;
}

/// L-BFGS within the problem's bounds, by projection. It never evaluates the functions outside of the bounds.
///
/// # Example
/// ```
/// use kiln_optim::constrained::{AugmentedLagrangian, WithinBounds};
///
/// let method: AugmentedLagrangian<WithinBounds> = AugmentedLagrangian::default();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct WithinBounds;

impl<P: Objective> Inner<P> for WithinBounds {
    const KEEPS_BOUNDS: bool = true;

    fn minimize(&self, problem: &P, start: Tensor<1>, bounds: &Bounds, stop: &Stop) -> Result<Outcome, SolverError> {
        minimize(problem, start, &lbfgs_b(bounds.clone()), stop)
    }
}

/// Any solver without constraints; [`AugmentedLagrangian::new`](super::AugmentedLagrangian::new) wraps a solver in it.
///
/// # Example
/// ```
/// use kiln_optim::{constrained::{AugmentedLagrangian, Free}, solver::lbfgs};
///
/// let method = AugmentedLagrangian { growth: 5.0, ..AugmentedLagrangian::new(lbfgs()) };
/// let Free(inner) = &method.inner;
/// assert_eq!(inner.descent.history_size, 10);
/// ```
#[derive(Clone, Debug)]
pub struct Free<S>(pub S);

impl<P: Objective, S: Solver<P>> Inner<P> for Free<S> {
    const KEEPS_BOUNDS: bool = false;

    fn minimize(&self, problem: &P, start: Tensor<1>, _: &Bounds, stop: &Stop) -> Result<Outcome, SolverError> {
        minimize(problem, start, &self.0, stop)
    }
}
