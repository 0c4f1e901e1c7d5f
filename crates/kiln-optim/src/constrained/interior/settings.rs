//! The settings of the method.

use crate::constrained::{Multipliers, sqp::LagrangianHessian};

/// A primal-dual interior-point method with a filter line search, for many unknowns and constraints.
///
/// Inequalities g(x) ≤ 0 become g(x) + s = 0 with s > 0, and bounds on x and s are replaced by −μ·ln(distance), with μ that goes to 0. Each
/// step solves the linearised equations of a stationary point of this barrier problem, with second derivatives or an estimate of them. A step is accepted if it
/// makes the violation or the value smaller than before, and than all points in a filter. If no step is, the method goes on from a point with
/// less violation (restoration); if there is none, the status is [`Infeasible`](crate::solver::Status::Infeasible).
///
/// The objective and each constraint are divided so that their first derivatives at the start are at most 100. Multipliers are returned in the
/// units of the problem.
///
/// It is used in two ways: by [`minimize_sparse`](crate::constrained::minimize_sparse) for thousands of unknowns with sparse derivatives, and by
/// [`minimize_constrained`](crate::constrained::minimize_constrained) for problems on tensors, with dense derivatives.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::constrained::{ConstrainedProblem, ConstrainedStop, InteriorPoint, minimize_constrained};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let start = Tensor::<1>::from_data([2.0, 0.5], &kiln_tensor::device::named_f64("cpu")?);
/// let problem = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x.square().sum())
///     .inequality("outside", |x: Tensor<1>| x.sum().neg() + 1.0);
/// let solution = minimize_constrained(&problem, start, &InteriorPoint::default(), &ConstrainedStop::default())?;
/// assert!((solution.outcome.value - 0.5).abs() < 1e-8);
/// assert!((solution.multipliers.inequality[0] - 1.0).abs() < 1e-8);
/// # Ok(())
/// # }
/// ```
///
/// # References
/// Wächter and Biegler, "On the implementation of an interior-point filter line-search algorithm for large-scale nonlinear programming",
/// *Mathematical Programming* 106 (2006).
#[derive(Clone, Debug, PartialEq)]
pub struct InteriorPoint {
    /// The first barrier parameter μ, above 0. Default 0.1. A small one suits a start that is near the solution.
    pub barrier: f64,
    /// Multipliers to start from, such as those of a similar problem. Default: none, and they are estimated.
    pub multipliers: Option<Multipliers>,
    /// The Hessian of the Lagrangian. Default: exact. With BFGS it is estimated from the gradients of the last six steps, by a matrix of low rank;
    /// then no second derivatives are computed.
    pub hessian: LagrangianHessian,
    /// Maximum number of points per line search. Default 30.
    pub max_trials: usize,
}

impl Default for InteriorPoint {
    fn default() -> Self {
        Self { barrier: 0.1, multipliers: None, hessian: LagrangianHessian::Exact, max_trials: 30 }
    }
}
