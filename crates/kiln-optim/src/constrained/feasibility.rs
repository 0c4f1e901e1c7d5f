//! The start, and the point of least violation.

use std::ops::ControlFlow;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::derivative::Inputs;

use super::{
    ConstrainedProblem, ConstrainedStop, Solution,
    evaluated::{Evaluated, Slopes},
    host::{Host, on_host},
    inner::{Inner, NewtonWithinBounds, WithinBounds},
    kkt::Multipliers,
    problem::Parts,
    progress::{Progress, finish},
};
use crate::{
    norms::{largest, max_abs},
    solver::{self, Bounds, Iteration, SolverError, Status},
};

/// How far a start is moved inside of a bound if a function is not defined there, relative to the bound and to the width.
const INSIDE: f64 = 1e-2;

/// A smaller least violation does not count, whatever the tolerance: the search ends where its gradient is lost in rounding.
const INFEASIBLE: f64 = 1e-7;
/// Gradient of the violation, in √ε of the constraints' gradients times the violation, below which the violation is stationary.
const STATIONARY: f64 = 10.0;

/// The result of the search for the least violation.
pub(super) enum Least {
    /// A feasible point.
    Feasible(Evaluated),
    /// A point with a violation that is locally the least.
    Infeasible(Evaluated),
    /// Neither.
    Unknown,
}

/// The point near `x` with the least sum of squared violations, within the bounds.
pub(super) fn least_infeasible<'a, M: Module + 'a, I: Inputs + 'a>(
    host: &Host<'_, 'a, M, I>,
    x: &[f64],
    tol: f64,
) -> Result<Least, SolverError> {
    let x = host.problem.within_bounds(x);
    // The largest gradient of a constraint, at the start or the end.
    let steepness = |slopes: &Slopes| {
        let rows = [&slopes.equality, &slopes.inequality].into_iter();
        largest(rows.flat_map(|matrix| (0..matrix.rows()).map(|i| max_abs(&matrix.row(i)))))
    };
    let before = steepness(&host.slopes(&x)?);
    let Search { x, slope, is_over } = search(host, &x, tol)?;
    let at = host.evaluate(x)?;
    let (violation, least) = (at.values.violation(), tol.max(INFEASIBLE));
    let flat = STATIONARY * host.epsilon().sqrt() * violation * before.max(steepness(&at.slopes));
    Ok(if violation <= least && at.is_finite() {
        Least::Feasible(at)
    } else if violation > least && is_over && slope <= flat {
        Least::Infeasible(at)
    } else {
        Least::Unknown
    })
}

/// The end of a search.
struct Search {
    x: Vec<f64>,
    /// The projected gradient there.
    slope: f64,
    /// Whether it ended by itself. Otherwise the violation may still fall.
    is_over: bool,
}

/// Minimises the sum of squared violations.
fn search<'a, M: Module + 'a, I: Inputs + 'a>(
    host: &Host<'_, 'a, M, I>,
    x: &[f64],
    tol: f64,
) -> Result<Search, SolverError> {
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
    let start = host.tensor(x);
    // Without second derivatives, saddles of the violation are not left.
    let outcome = match violation.hvp(&start, &start.zeros_like()) {
        Ok(_) => NewtonWithinBounds.minimize(&violation, start, &bounds, &stop)?,
        Err(_) => WithinBounds.minimize(&violation, start, &bounds, &stop)?,
    };
    host.add(outcome.evaluations);
    Ok(Search { x: on_host(outcome.x), slope: outcome.grad_norm, is_over: outcome.status != Status::Budget })
}

/// Runs a solver from a start with finite values. Without such a start, returns the best point that was found.
pub(super) fn solve_from<'a, M: Module + 'a, I: Inputs + 'a>(
    problem: &ConstrainedProblem<'a, M, I>,
    start: &Tensor<1>,
    stop: &ConstrainedStop,
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
            let at = at.pulled(&none.equality, &none.inequality);
            Ok(finish(&host, &at, none, Status::NotFinite, progress, 0))
        }
    }
}

/// A start with finite values, or the best point that was found instead.
enum Start {
    At(Evaluated),
    NotFinite(Evaluated),
}

/// Returns `x` within its bounds. If a function is not finite there, tries a point a little inside of the bounds, and then the
/// point of least violation.
fn find_start<'a, M: Module + 'a, I: Inputs + 'a>(
    host: &Host<'_, 'a, M, I>,
    x: &[f64],
    tol: f64,
) -> Result<Start, SolverError> {
    let first = host.evaluate(host.problem.within_bounds(x))?;
    if first.is_finite() {
        return Ok(Start::At(first));
    }
    let inside = host.evaluate(pushed_inside(host, &first.x))?;
    if inside.is_finite() {
        return Ok(Start::At(inside));
    }
    let least = host.evaluate(search(host, &inside.x, tol)?.x)?;
    if least.is_finite() {
        return Ok(Start::At(least));
    }
    let inside = host.evaluate(pushed_inside(host, &least.x))?;
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
        // A missing bound is still infinite, or NaN.
        let x = if low.is_finite() { x.max(low) } else { x };
        if high.is_finite() { x.min(high) } else { x }
    };
    x.iter().zip(bounds).map(push).collect()
}

/// Whether f appears to fall without bound along the direction, within the constraints.
pub(super) fn falls_along<'a, M: Module + 'a, I: Inputs + 'a>(
    host: &Host<'_, 'a, M, I>,
    (from, objective): (&[f64], f64),
    direction: &[f64],
    tol: f64,
) -> Result<bool, SolverError> {
    let length = max_abs(direction);
    if !length.is_normal() {
        return Ok(false);
    }
    let mut before = objective;
    for far in [1e3, 1e6] {
        let far = far * max_abs(from).max(1.0);
        let x: Vec<f64> = from.iter().zip(direction).map(|(x, d)| x + far * (d / length)).collect();
        // The direction may follow a bound, but not run into one.
        let within = host.problem.within_bounds(&x);
        let beyond = max_abs(&x.iter().zip(&within).map(|(x, within)| x - within).collect::<Vec<_>>());
        let there = host.values(&within)?;
        let falls = there.objective < before && there.violation() <= allowed(&within, tol) && beyond <= 1e-2 * far;
        if !falls {
            return Ok(false);
        }
        before = there.objective;
    }
    Ok(true)
}

/// The violation that is allowed at x, relative to its size.
pub(super) fn allowed(x: &[f64], tol: f64) -> f64 {
    tol * max_abs(x).max(1.0)
}
