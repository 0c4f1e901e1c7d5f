//! Where to start, and which point violates the constraints least.

use std::ops::ControlFlow;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::derivative::Inputs;

use super::{
    Problem, Solution, Stop,
    evaluated::{Evaluated, Slopes},
    host::{Host, on_host},
    kkt::{Multipliers, largest, size},
    problem::Parts,
    progress::{Progress, finish},
};
use crate::solver::{self, Bounds, Evaluations, Iteration, SolverError, Status, lbfgs_b};

/// How far from a bound a start is moved, for a function that is not defined there: a part of the bound's size, and of the width.
const INSIDE: f64 = 1e-2;

/// A least violation above this is one, whatever the tolerance: the search for it ends where its gradient is lost in rounding.
const INFEASIBLE: f64 = 1e-7;
/// A gradient of the violation that is this part of the constraints' own, times the violation, or less, is none.
const STATIONARY: f64 = 1e-3;

/// Where the search for the least violation ended.
pub(super) enum Least {
    /// At a point that meets the constraints.
    Feasible(Evaluated),
    /// At one that does not, and none near it violates them less.
    Infeasible(Evaluated),
    /// Elsewhere.
    Unknown,
}

/// The point near `x` with the smallest sum of squared violations, within the bounds.
pub(super) fn least_infeasible<'a, M: Module + 'a, I: Inputs + 'a>(
    host: &Host<'_, 'a, M, I>,
    x: &[f64],
    tol: f64,
) -> Result<Least, SolverError> {
    let x = host.problem.within_bounds(x);
    // How much the violation changes with x, at one end or the other.
    let steepness = |slopes: &Slopes| {
        let rows = [&slopes.equality, &slopes.inequality].into_iter();
        largest(rows.flat_map(|matrix| (0..matrix.rows()).map(|i| size(&matrix.row(i)))))
    };
    let before = steepness(&host.slopes(&x)?);
    let (x, slope) = search(host, &x, tol)?;
    let at = Evaluated::at(host, x)?;
    let (violation, least) = (at.values.violation(), tol.max(INFEASIBLE));
    Ok(if violation <= least && at.is_finite() {
        Least::Feasible(at)
    } else if violation > least && slope <= STATIONARY * violation * before.max(steepness(&at.slopes)) {
        Least::Infeasible(at)
    } else {
        Least::Unknown
    })
}

/// Where it ends, and the projected gradient there.
fn search<'a, M: Module + 'a, I: Inputs + 'a>(
    host: &Host<'_, 'a, M, I>,
    x: &[f64],
    tol: f64,
) -> Result<(Vec<f64>, f64), SolverError> {
    let problem = host.problem;
    let squares = |equality: Option<Tensor<1>>, inequality: Option<Tensor<1>>| {
        let inequality = inequality.map(|g| g.clamp_min(0.0));
        equality.into_iter().chain(inequality).map(|violated| violated.square().sum() * 0.5).reduce(|a, b| a + b)
    };
    let violation = problem.compose((), move |Parts { equality, inequality, objective }, ()| {
        squares(equality, inequality).unwrap_or_else(|| objective().zeros_like())
    });
    let bounds = Bounds::new(host.tensor(problem.lower()), host.tensor(problem.upper()))?;
    // The gradient is the violation times its Jacobian.
    let stop = solver::Stop { gtol: 1e-3 * tol, max_iter: 500, ..solver::Stop::default() };
    let outcome = solver::minimize(&violation, host.tensor(x), &lbfgs_b(bounds), &stop)?;
    let Evaluations { values, gradients, .. } = outcome.evaluations;
    host.add(Evaluations { values, gradients, hessians: 0 });
    Ok((on_host(outcome.x), outcome.grad_norm))
}

/// Runs a solver from a start at which all is finite, given with the tolerance; without one, ends.
pub(super) fn solve_from<'a, M: Module + 'a, I: Inputs + 'a>(
    problem: &Problem<'a, M, I>,
    start: &Tensor<1>,
    stop: &Stop,
    callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
    run: impl FnOnce(&Host<'_, 'a, M, I>, Evaluated, f64, Progress<'_>) -> Result<Solution, SolverError>,
) -> Result<Solution, SolverError> {
    stop.validate()?;
    problem.fits(start)?;
    let (host, tol) = (Host::new(problem, start), stop.tolerance(start.dtype()));
    let progress = Progress::new(callback);
    match find_start(&host, &on_host(start.clone()), tol)? {
        Start::At(at) => run(&host, at, tol, progress),
        Start::NotFinite(at) => {
            let none = Multipliers::zeros(&at.values, at.x.len());
            Ok(finish(&host, &at, none, Status::NotFinite, progress, 0))
        }
    }
}

/// A start at which all is finite, or the best that was found in its place.
enum Start {
    At(Evaluated),
    NotFinite(Evaluated),
}

/// `x` within its bounds; where a function is not finite there, a little inside of the bounds, and then the same of the point that violates
/// the constraints least.
fn find_start<'a, M: Module + 'a, I: Inputs + 'a>(
    host: &Host<'_, 'a, M, I>,
    x: &[f64],
    tol: f64,
) -> Result<Start, SolverError> {
    let first = Evaluated::at(host, host.problem.within_bounds(x))?;
    if first.is_finite() {
        return Ok(Start::At(first));
    }
    let inside = Evaluated::at(host, pushed_inside(host, &first.x))?;
    if inside.is_finite() {
        return Ok(Start::At(inside));
    }
    let least = Evaluated::at(host, search(host, &inside.x, tol)?.0)?;
    if least.is_finite() {
        return Ok(Start::At(least));
    }
    let inside = Evaluated::at(host, pushed_inside(host, &least.x))?;
    if inside.is_finite() {
        return Ok(Start::At(inside));
    }
    Ok(Start::NotFinite(least))
}

fn pushed_inside<'a, M: Module + 'a, I: Inputs + 'a>(host: &Host<'_, 'a, M, I>, x: &[f64]) -> Vec<f64> {
    let bounds = host.problem.lower().iter().zip(host.problem.upper());
    let push = |(&x, (&low, &high)): (&f64, (&f64, &f64))| {
        let room = |bound: f64| INSIDE * bound.abs().max(1.0).min(high - low);
        let (low, high) = (low + room(low), high - room(high));
        // A bound that is not there is still infinite, or not a number.
        let x = if low.is_finite() { x.max(low) } else { x };
        if high.is_finite() { x.min(high) } else { x }
    };
    x.iter().zip(bounds).map(push).collect()
}

/// Whether f falls along the direction as far as can be seen, and the constraints allow it.
pub(super) fn falls_along<'a, M: Module + 'a, I: Inputs + 'a>(
    host: &Host<'_, 'a, M, I>,
    at: &Evaluated,
    direction: &[f64],
    tol: f64,
) -> Result<bool, SolverError> {
    let length = size(direction);
    if !length.is_normal() {
        return Ok(false);
    }
    let mut before = at.values.objective;
    for far in [1e3, 1e6] {
        let far = far * size(&at.x).max(1.0);
        let x: Vec<f64> = at.x.iter().zip(direction).map(|(x, d)| x + far * (d / length)).collect();
        // Along a bound, but not into one.
        let within = host.problem.within_bounds(&x);
        let beyond = size(&x.iter().zip(&within).map(|(x, within)| x - within).collect::<Vec<_>>());
        let there = host.values(&within)?;
        let falls = there.objective < before && there.violation() <= allowed(&within, tol) && beyond <= 1e-2 * far;
        if !falls {
            return Ok(false);
        }
        before = there.objective;
    }
    Ok(true)
}

/// What a violation may be of numbers as large as those of x.
pub(super) fn allowed(x: &[f64], tol: f64) -> f64 {
    tol * size(x).max(1.0)
}
