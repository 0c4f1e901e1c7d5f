//! Solvers of the problems with bounds or without constraints that the methods solve on their way.

use burn::tensor::Tensor;

use crate::solver::{
    BoundedTrustRegion, Bounds, Exact, Outcome, Solver, SolverError, Stop, TwiceDifferentiable, lbfgs_b, minimize, tron,
};

/// A solver of the inner problems of an [`AugmentedLagrangian`](crate::constrained::AugmentedLagrangian).
pub trait Inner {
    /// Returns whether the solver keeps the problem's bounds. Otherwise the augmented Lagrangian treats them as constraints.
    fn keeps_bounds(&self) -> bool;

    /// Minimises `problem` from `start`.
    ///
    /// # Errors
    /// Those of [`minimize`].
    fn minimize(
        &self,
        problem: &dyn TwiceDifferentiable,
        start: Tensor<1>,
        bounds: &Bounds,
        stop: &Stop,
    ) -> Result<Outcome, SolverError>;
}

/// Newton's method in a trust region within the problem's bounds. It never evaluates the functions outside of the bounds.
///
/// Up to 200 variables it uses the dense Hessian, and products with it beyond.
///
/// # Example
/// ```
/// use kiln_optim::constrained::{AugmentedLagrangian, NewtonWithinBounds};
///
/// let method: AugmentedLagrangian<NewtonWithinBounds> = AugmentedLagrangian::default();
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NewtonWithinBounds;

/// Maximum number of variables for which the Hessian is dense.
const MAX_DENSE: usize = 200;

impl Inner for NewtonWithinBounds {
    fn keeps_bounds(&self) -> bool {
        true
    }

    fn minimize(
        &self,
        problem: &dyn TwiceDifferentiable,
        start: Tensor<1>,
        bounds: &Bounds,
        stop: &Stop,
    ) -> Result<Outcome, SolverError> {
        if start.dims() <= [MAX_DENSE] {
            minimize(&problem, start, &BoundedTrustRegion::new(bounds.clone(), Exact), stop)
        } else {
            minimize(&problem, start, &tron(bounds.clone()), stop)
        }
    }
}

/// L-BFGS within the problem's bounds, by projection. It never evaluates the functions outside of the bounds, and needs no second
/// derivatives.
///
/// # Example
/// ```
/// use kiln_optim::constrained::{AugmentedLagrangian, WithinBounds};
///
/// let method = AugmentedLagrangian::with(WithinBounds);
/// # let _ = method;
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct WithinBounds;

impl Inner for WithinBounds {
    fn keeps_bounds(&self) -> bool {
        true
    }

    fn minimize(
        &self,
        problem: &dyn TwiceDifferentiable,
        start: Tensor<1>,
        bounds: &Bounds,
        stop: &Stop,
    ) -> Result<Outcome, SolverError> {
        minimize(&problem, start, &lbfgs_b(bounds.clone()), stop)
    }
}

/// Any solver without constraints; [`AugmentedLagrangian::new`](crate::constrained::AugmentedLagrangian::new) wraps a solver in it.
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

impl<S> Inner for Free<S>
where
    S: for<'p> Solver<&'p dyn TwiceDifferentiable>,
{
    fn keeps_bounds(&self) -> bool {
        false
    }

    fn minimize(
        &self,
        problem: &dyn TwiceDifferentiable,
        start: Tensor<1>,
        _: &Bounds,
        stop: &Stop,
    ) -> Result<Outcome, SolverError> {
        minimize(&problem, start, &self.0, stop)
    }
}
