//! A primal-dual interior-point method with a filter.

mod dense;
mod elastic;
mod filter;
mod iterate;
mod run;
mod scaled;
mod system;

use std::ops::ControlFlow;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::{derivative::Inputs, device::machine_epsilon};

use self::{
    dense::Dense,
    run::Run,
    scaled::{Scaled, length},
};
use super::{
    ConstrainedProblem, ConstrainedSolver, ConstrainedStop, Multipliers, Solution, SparseProblem,
    feasibility::solve_from, sparse::End,
};
use crate::solver::{Iteration, SolverError, at_least_one, within};

/// A primal-dual interior-point method with a filter line search, for many unknowns and constraints.
///
/// Inequalities g(x) ≤ 0 become g(x) + s = 0 with s > 0, and bounds on x and s are replaced by −μ·ln(distance), with μ that goes to 0. Each
/// step solves the linearised equations of a stationary point of this barrier problem, with second derivatives. A step is accepted if it
/// makes the violation or the value smaller than before, and than all points in a filter. If no step is, the method goes on from a point with
/// less violation (restoration); if there is none, the status is [`Infeasible`](crate::solver::Status::Infeasible).
///
/// The objective and each constraint are divided so that their first derivatives at the start are at most 100. Multipliers are returned in the
/// units of the problem.
///
/// It is used in two ways: by [`minimize_sparse`](super::minimize_sparse) for thousands of unknowns with sparse derivatives, and by
/// [`minimize_constrained`](super::minimize_constrained) for problems on tensors, with dense derivatives.
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
    /// Maximum number of points per line search. Default 30.
    pub max_trials: usize,
}

impl Default for InteriorPoint {
    fn default() -> Self {
        Self { barrier: 0.1, multipliers: None, max_trials: 30 }
    }
}

impl<M: Module, I: Inputs> ConstrainedSolver<M, I> for InteriorPoint {
    fn solve(
        &self,
        problem: &ConstrainedProblem<'_, M, I>,
        start: Tensor<1>,
        stop: &ConstrainedStop,
        callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
    ) -> Result<Solution, SolverError> {
        solve_from(problem, &start, stop, callback, |host, at, tol, mut progress| {
            let sizes = (at.values.equality.len(), at.values.inequality.len());
            let (dense, accuracy) = (Dense::new(host, sizes), (tol, machine_epsilon(start.dtype())));
            // A function that cannot be evaluated ends the run, and its error is returned.
            let mut watch = |iteration: &Iteration| match dense.failed() {
                true => ControlFlow::Break(()),
                false => progress.record(*iteration),
            };
            let end = solve(&dense, &at.x, self, stop, accuracy, &mut watch)?;
            dense.result()?;
            let mut solution = end.solution(&|values| host.tensor(values));
            solution.outcome.evaluations = host.counts();
            Ok(solution)
        })
    }
}

/// Solves a problem on the host. The accuracy is that of the solution, and that of the functions relative to their values.
pub(super) fn solve(
    problem: &dyn SparseProblem,
    start: &[f64],
    settings: &InteriorPoint,
    stop: &ConstrainedStop,
    accuracy: (f64, f64),
    callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
) -> Result<End, SolverError> {
    within("barrier", settings.barrier, 0.0, f64::INFINITY, "above 0")?;
    at_least_one("max_trials", settings.max_trials)?;
    let mut scaled = Scaled::new(problem)?;
    length("the start", scaled.n, start.len())?;
    if let Some(multipliers) = &settings.multipliers {
        length("the multipliers of equalities", scaled.equalities, multipliers.equality.len())?;
        length("the multipliers of inequalities", scaled.m - scaled.equalities, multipliers.inequality.len())?;
        length("the multipliers of lower bounds", scaled.n, multipliers.lower.len())?;
        length("the multipliers of upper bounds", scaled.n, multipliers.upper.len())?;
    }
    Ok(Run::new(&mut scaled, start, settings, stop, accuracy, true).run(&mut |iteration, _| callback(iteration)))
}
