//! Minimisation under constraints: a solver, and the test whether what it finds is a minimum.

use std::ops::ControlFlow;

use burn::{
    module::Module,
    tensor::{DType, Tensor, TensorData},
};
use kiln_tensor::derivative::Inputs;

use super::{Certifiable, Certificate, ConstrainedProblem, ConstrainedSolver, ConstrainedStop, Solution};
use crate::solver::{
    Downhill, Evaluations, Iteration, SolverError, Status,
    minimum::{FLOOR, MAX_DENSE},
};

/// Maximum number of points that are left.
const MAX_LEFT: usize = 5;
/// Lengths of the steps along a direction of negative curvature, relative to 1 + max |x|.
const STEPS: [f64; 4] = [0.1, 1.0, 0.01, 0.001];

/// Minimises `problem` from `start`, which need not be feasible.
///
/// A converged point is tested for being a minimum, unless [`ConstrainedStop::check_minimum`] is false: the Lagrangian must not curve
/// downward along the critical cone. From a point that is none, the solver starts again along the direction. If that finds nothing lower,
/// the status is [`StationaryNotMinimum`](crate::solver::Status::StationaryNotMinimum). The test needs second derivatives, and is left out
/// for functions that have none.
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range, the start does not fit the problem, or a function cannot be evaluated.
/// Everything else is a [`Status`](crate::solver::Status) of the outcome.
pub fn minimize_constrained<M: Module, I: Inputs, S: ConstrainedSolver<M, I> + ?Sized>(
    problem: &ConstrainedProblem<'_, M, I>,
    start: Tensor<1>,
    solver: &S,
    stop: &ConstrainedStop,
) -> Result<Solution, SolverError> {
    minimize_constrained_with(problem, start, solver, stop, &mut |_| ControlFlow::Continue(()))
}

/// As [`minimize_constrained`], with a callback after each iteration; it stops the run by returning `Break`.
///
/// # Errors
/// Those of [`minimize_constrained`].
pub fn minimize_constrained_with<M: Module, I: Inputs, S: ConstrainedSolver<M, I> + ?Sized>(
    problem: &ConstrainedProblem<'_, M, I>,
    start: Tensor<1>,
    solver: &S,
    stop: &ConstrainedStop,
    callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
) -> Result<Solution, SolverError> {
    let dtype = start.dtype();
    let mut solution = solver.solve(problem, start, stop, callback)?;
    let applies = stop.check_minimum && dtype == DType::F64 && problem.unknowns() <= MAX_DENSE;
    for left in 0..=MAX_LEFT {
        if !applies || solution.outcome.status != Status::ResidualsSmall {
            break;
        }
        let Some(downhill) = downhill(problem, &solution, stop.tolerance(dtype)) else { break };
        let better = match left {
            MAX_LEFT => None,
            _ => lower(problem, solver, stop, &mut solution, &downhill, callback)?,
        };
        match better {
            Some(better) => solution = better,
            None => {
                let outcome = &mut solution.outcome;
                (outcome.status, outcome.success) = (Status::StationaryNotMinimum, false);
                outcome.message = Status::StationaryNotMinimum.message().to_owned();
                outcome.downhill = Some(downhill);
                break;
            }
        }
    }
    Ok(solution)
}

/// A direction along which a solution is no minimum. None where it may be one: also if the Hessian cannot be computed, or if the active
/// constraints depend on each other, so that other multipliers may tell more.
fn downhill<M: Module, I: Inputs>(
    problem: &ConstrainedProblem<'_, M, I>,
    solution: &Solution,
    tol: f64,
) -> Option<Downhill> {
    let (x, multipliers) = (&solution.outcome.x, &solution.multipliers);
    let certificate = Certificate::with_tolerance(problem, x, multipliers, tol).ok()?;
    let is_regular = Certificate::is_regular(problem, x, multipliers, tol).ok()?;
    let downhill = certificate.second_order?.downhill.filter(|_| is_regular)?;
    let hessian = Certifiable::lagrangian_hessian(problem, x, multipliers).ok()?;
    (downhill.curvature < -FLOOR * hessian.largest()).then_some(downhill)
}

/// Solves again from points along the direction, until a lower value is found. The work of all attempts is counted.
fn lower<M: Module, I: Inputs, S: ConstrainedSolver<M, I> + ?Sized>(
    problem: &ConstrainedProblem<'_, M, I>,
    solver: &S,
    stop: &ConstrainedStop,
    solution: &mut Solution,
    downhill: &Downhill,
    callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
) -> Result<Option<Solution>, SolverError> {
    let x = solution.outcome.to_vec();
    let size = 1.0 + x.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    for step in STEPS {
        let moved = x.iter().zip(&downhill.direction).map(|(x, d)| x + step * size * d);
        let moved: Vec<f64> = moved.zip(problem.lower().iter().zip(problem.upper())).map(within).collect();
        let like = &solution.outcome.x;
        let start = Tensor::from_data(TensorData::new(moved, [x.len()]), (&like.device(), like.dtype()));
        let mut next = solver.solve(problem, start, stop, callback)?;
        solution.outcome.evaluations = sum(solution.outcome.evaluations, next.outcome.evaluations);
        let first = solution.outcome.iterations + 1;
        let shifted =
            next.outcome.history.iter().map(|entry| Iteration { iteration: entry.iteration + first, ..*entry });
        solution.outcome.history.extend(shifted);
        solution.outcome.iterations += next.outcome.iterations + 1;
        let margin = 1e-9 * solution.outcome.value.abs().max(1.0);
        let is_lower = next.outcome.value < solution.outcome.value - margin;
        if next.outcome.success && is_lower {
            next.outcome.evaluations = solution.outcome.evaluations;
            next.outcome.iterations = solution.outcome.iterations;
            next.outcome.history = std::mem::take(&mut solution.outcome.history);
            return Ok(Some(next));
        }
        if next.outcome.status == Status::Stopped {
            break;
        }
    }
    Ok(None)
}

fn within((x, (low, high)): (f64, (&f64, &f64))) -> f64 {
    x.max(*low).min(*high)
}

fn sum(a: Evaluations, b: Evaluations) -> Evaluations {
    Evaluations { values: a.values + b.values, gradients: a.gradients + b.gradients, hessians: a.hessians + b.hessians }
}
