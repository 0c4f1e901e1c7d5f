//! The augmented Lagrangian.

mod function;

use std::ops::ControlFlow;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::{
    derivative::{Function, Inputs},
    linalg::Matrix,
};

pub use self::function::Augmented;
use self::function::{BoundPenalty, Weights};
use super::{
    ConstrainedProblem, ConstrainedSolver, ConstrainedStop, Solution,
    estimate::estimated,
    evaluated::{Evaluated, Pulled, Values},
    feasibility::{Least, allowed, falls_along, least_infeasible, solve_from},
    host::{Host, on_host},
    inner::{Free, Inner, NewtonWithinBounds},
    kkt::{Multipliers, residuals_of, scale},
    problem::Parts,
    progress::{Progress, finish},
};
use crate::{
    norms::max_abs,
    solver::{self, Bounds, Iteration, SolverError, Status, within},
};

/// The augmented Lagrangian, also called the method of multipliers (Powell, Hestenes, Rockafellar).
///
/// It solves a sequence of problems without constraints, or with bounds only, each by an inner solver. An inner problem is to
/// minimise
///
/// > L_ρ(x) = f(x) + ½·Σ ρᵢ·(hᵢ(x) + λᵢ/ρᵢ)² + ½·Σ ρᵢ·max(0, gᵢ(x) + μᵢ/ρᵢ)².
///
/// After each one, λᵢ ← λᵢ + ρᵢ·hᵢ(x) and μᵢ ← max(0, μᵢ + ρᵢ·gᵢ(x)), within ±10¹⁵ (the safeguard of Andreani, Birgin, Martínez and
/// Schuverdt, 2007). All penalties grow tenfold if a violation did not halve. ρᵢ = ρ·sᵢ² with sᵢ = min(1, 100/max |∇cᵢ|) at the start, as
/// Ipopt scales constraints (Wächter and Biegler, 2006); multipliers and residuals are those of the problem as it is written. The Jacobians
/// are computed at the start only; after each inner problem, two backward passes give what the multipliers need. Near the end the multipliers
/// are also estimated from the Jacobians, as the update would multiply rounding errors by the penalty.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::{constrained::{AugmentedLagrangian, ConstrainedProblem, ConstrainedStop, minimize_constrained}, solver::newton};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let start = Tensor::<1>::from_data([3.0, 1.0], &Device::default());
/// let problem = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x.square().sum())
///     .equality("line", |x: Tensor<1>| x.sum() - 1.0);
/// let solution = minimize_constrained(&problem, start, &AugmentedLagrangian::new(newton()), &ConstrainedStop::default())?;
/// assert!(solution.outcome.success);
/// assert!((solution.multipliers.equality[0] + 1.0).abs() < 1e-3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AugmentedLagrangian<S = NewtonWithinBounds> {
    /// The solver of the inner problems. Default: Newton's method in a trust region within the problem's bounds.
    pub inner: S,
    /// The first penalty, above 0. Default: from the sizes of f and of the violations at the start (Birgin and Martínez, 2014, eq.
    /// 12.1).
    pub penalty: Option<f64>,
    /// Factor by which the penalty grows, above 1. Default 10.
    pub growth: f64,
    /// The penalty grows if more than this fraction of a violation is left, in (0, 1). Default ½.
    pub decrease: f64,
}

impl Default for AugmentedLagrangian {
    fn default() -> Self {
        Self::with(NewtonWithinBounds)
    }
}

impl<S> AugmentedLagrangian<S> {
    /// Returns the method with an inner solver that keeps the bounds, or treats them as constraints, as its type says.
    pub fn with(inner: S) -> Self {
        Self { inner, penalty: None, growth: 10.0, decrease: 0.5 }
    }
}

impl<S> AugmentedLagrangian<Free<S>> {
    /// Returns the method with an inner solver of your choice, which treats bounds as constraints.
    pub fn new(solver: S) -> Self {
        Self::with(Free(solver))
    }
}

impl<M, I, S> ConstrainedSolver<M, I> for AugmentedLagrangian<S>
where
    M: Module,
    I: Inputs,
    S: Inner,
{
    fn solve(
        &self,
        problem: &ConstrainedProblem<'_, M, I>,
        start: Tensor<1>,
        stop: &ConstrainedStop,
        callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
    ) -> Result<Solution, SolverError> {
        let above_zero = |name, value| within(name, value, 0.0, f64::INFINITY, "above 0");
        above_zero("penalty", self.penalty.unwrap_or(1.0))?;
        within("growth", self.growth, 1.0, f64::INFINITY, "above 1")?;
        within("decrease", self.decrease, 0.0, 1.0, "in (0, 1)")?;
        solve_from(problem, &start, stop, callback, |host, at, tol, progress| {
            let Self { inner, penalty, growth, decrease } = self;
            let method = Method { inner, penalty: *penalty, growth: *growth, decrease: *decrease };
            Run::new(method, host, at, tol).run(stop, progress)
        })
    }
}

/// Maximum penalty: with a larger one, L_ρ is lost in rounding.
const LARGEST: f64 = 1e12;
/// Bound of the multipliers.
const LARGEST_MULTIPLIER: f64 = 1e15;
/// The largest slope of a constraint that is not scaled.
const LARGEST_SLOPE: f64 = 100.0;
/// Maximum number of inner problems without a new minimum of the residuals.
const PATIENCE: usize = 12;
/// After so many of them, the multipliers are also estimated from the active constraints.
const ESTIMATE: usize = 2;

/// The method with any inner solver, so that a run is compiled once for all of them.
type Method<'r> = AugmentedLagrangian<&'r dyn Inner>;

/// A run in progress.
struct Run<'r, 'p, 'a, M, I> {
    method: Method<'r>,
    host: &'r Host<'p, 'a, M, I>,
    tol: f64,
    at: Pulled,
    multipliers: Multipliers,
    penalty: f64,
    /// sᵢ² of the equalities and of the inequalities.
    scales: (Vec<f64>, Vec<f64>),
    /// f + ρ/2·(…) for any weights. One recording of it serves the second derivatives of all inner problems.
    function: Function<'a, M, (I, Weights), 1>,
}

impl<'r, 'p, 'a, M, I> Run<'r, 'p, 'a, M, I>
where
    M: Module + 'a,
    I: Inputs + 'a,
{
    fn new(method: Method<'r>, host: &'r Host<'p, 'a, M, I>, at: Evaluated, tol: f64) -> Self {
        let squares: f64 = (at.values.equality.iter().map(|h| h * h))
            .chain(at.values.inequality.iter().map(|g| g.max(0.0).powi(2)))
            .sum();
        let usual = 10.0 * at.values.objective.abs().max(1.0) / (0.5 * squares).max(1.0);
        let penalty = method.penalty.unwrap_or(usual.clamp(1e-6, 1e6));
        let multipliers = Multipliers::zeros(&at.values, at.x.len());
        let none = || host.tensor(&[0.0]);
        let start = (none(), none(), none(), none());
        let function = host.problem.compose(start, |parts, (lambda, mu, of_equality, of_inequality): Weights| {
            let Parts { objective, equality, inequality } = parts;
            let equality = equality.map(|h| (h + lambda).square() * of_equality);
            let inequality = inequality.map(|g| (g + mu).clamp_min(0.0).square() * of_inequality);
            let squares = equality.into_iter().chain(inequality).map(|c| c.sum()).reduce(|a, b| a + b);
            match squares {
                Some(squares) => objective() + squares * 0.5,
                None => objective(),
            }
        });
        let scales = (squared_scales(&at.slopes.equality), squared_scales(&at.slopes.inequality));
        let at = at.pulled(&multipliers.equality, &multipliers.inequality);
        Self { method, host, tol, at, multipliers, penalty, scales, function }
    }

    fn run(mut self, stop: &ConstrainedStop, mut progress: Progress<'_>) -> Result<Solution, SolverError> {
        let problem = self.host.problem;
        let size = scale(&self.at.gradient);
        let (mut gtol, mut iterations, mut length, mut before) = (1e-2_f64.max(self.tol) * size, 0, 0.0, f64::INFINITY);
        let (mut best, mut least, mut idle, mut astray) = (f64::INFINITY, f64::INFINITY, 0, 0);
        let begun = self.at.x.clone();
        let status = loop {
            let Pulled { x, values, gradient, pull } = &self.at;
            let residuals = residuals_of(x, (problem.lower(), problem.upper()), values, pull, &self.multipliers);
            let (value, evaluations) = (values.objective, self.host.counts().values);
            let grad_norm = residuals.largest();
            let entry = Iteration { iteration: iterations, value, grad_norm, step: length, values: evaluations };
            let stopped = progress.record(entry).is_break();
            let scale = scale(gradient);
            let scaled = residuals.scaled(scale).largest();
            if scaled <= self.tol {
                break Status::ResidualsSmall;
            }
            if stopped {
                break Status::Stopped;
            }
            if iterations >= stop.max_iter {
                // Does f fall without bound in the direction of the run so far?
                let way: Vec<f64> = x.iter().zip(&begun).map(|(x, first)| x - first).collect();
                let falls = falls_along(self.host, (x, value), &way, self.tol)?;
                break if falls { Status::Unbounded } else { Status::Budget };
            }
            // While the multipliers still grow, complementarity may too.
            let is_better = scaled < best || residuals.primal < 0.9 * least;
            idle = if is_better { 0 } else { idle + 1 };
            (best, least) = (best.min(scaled), least.min(residuals.primal));
            if idle > PATIENCE || (self.penalty > LARGEST && residuals.primal > self.tol) {
                let Least::Infeasible(at) = least_infeasible(self.host, &self.at.x, self.tol)? else {
                    break Status::Stalled;
                };
                self.multipliers = Multipliers::zeros(&at.values, at.x.len());
                self.at = at.pulled(&self.multipliers.equality, &self.multipliers.inequality);
                break Status::Infeasible;
            }
            let inner = solver::Stop {
                gtol,
                max_iter: stop.max_iter - iterations,
                lower_bound: stop.lower_bound,
                ..solver::Stop::default()
            };
            let start = self.host.tensor(&self.at.x);
            let outcome = self.method.inner.minimize(&self.augmented()?, start, &self.bounds()?, &inner)?;
            self.host.add(outcome.evaluations);
            iterations += outcome.iterations.max(1);
            let next = on_host(outcome.x);
            let values = self.host.values(&next)?;
            if outcome.status == Status::Unbounded || !values.is_finite() {
                astray += 1;
                if astray <= 5 {
                    self.penalty *= 100.0;
                    continue;
                }
                let falls = values.is_finite() && values.violation() <= allowed(&next, self.tol);
                if falls {
                    self.at = self.host.pull(next, values, &self.multipliers)?;
                    break Status::Unbounded;
                }
                break Status::Stalled;
            }
            length = next.iter().zip(&self.at.x).map(|(new, old)| (new - old).powi(2)).sum::<f64>().sqrt();
            let violation = self.update(next, values)?;
            if !self.at.is_finite() {
                break Status::Stalled;
            }
            if violation > self.method.decrease * before && violation > self.tol {
                self.penalty *= self.method.growth;
            }
            before = violation;
            if idle >= ESTIMATE
                && let Some(better) = estimated(self.host, (&self.at.x, &self.at.values), self.tol)?
            {
                (self.at, self.multipliers) = better;
            }
            gtol = (0.1 * gtol).max(0.1 * self.tol * scale);
        };
        Ok(finish(self.host, &self.at, self.multipliers, status, progress, iterations))
    }

    fn bounds(&self) -> Result<Bounds, SolverError> {
        let problem = self.host.problem;
        Bounds::new(self.host.tensor(problem.lower()), self.host.tensor(problem.upper()))
    }

    fn augmented(&self) -> Result<Augmented<'a, M, I>, SolverError> {
        let (host, problem, rho) = (self.host, self.host.problem, self.penalty);
        // A missing constraint has one weight, which is unused.
        let on_device = |numbers: Vec<f64>| host.tensor(if numbers.is_empty() { &[0.0] } else { &numbers });
        let penalties = |scales: &[f64]| scales.iter().map(|scale| rho * scale).collect::<Vec<f64>>();
        let (of_equality, of_inequality) = (penalties(&self.scales.0), penalties(&self.scales.1));
        let shift = |values: &[f64], penalties: &[f64]| {
            on_device(values.iter().zip(penalties).map(|(value, penalty)| value / penalty).collect())
        };
        let Multipliers { equality, inequality, lower, upper } = &self.multipliers;
        let shifts = (shift(equality, &of_equality), shift(inequality, &of_inequality));
        let weights: Weights = (shifts.0, shifts.1, on_device(of_equality), on_device(of_inequality));
        let function = self.function.clone().with_inputs((problem.inputs().clone(), weights));
        let bounds = (!self.method.inner.keeps_bounds() && problem.has_bounds()).then(|| {
            let moved = |bounds: &[f64], multipliers: &[f64], sign: f64| -> Vec<f64> {
                bounds.iter().zip(multipliers).map(|(bound, multiplier)| bound + sign * multiplier / rho).collect()
            };
            BoundPenalty {
                lower: host.tensor(&moved(problem.lower(), lower, 1.0)),
                upper: host.tensor(&moved(problem.upper(), upper, -1.0)),
                penalty: rho,
            }
        });
        Ok(Augmented { function, bounds })
    }

    /// Moves to the end of an inner problem and updates the multipliers. Returns the violation of complementarity, max |h| and
    /// max |max(g, −μ/ρ)|.
    fn update(&mut self, x: Vec<f64>, values: Values) -> Result<f64, SolverError> {
        let (rho, problem) = (self.penalty, self.host.problem);
        let mut violation = values.equality.iter().fold(0.0, |largest: f64, h| largest.max(h.abs()));
        let mut raise = |multiplier: &mut f64, constraint: f64, rho: f64| {
            violation = violation.max(constraint.max(-*multiplier / rho).abs());
            *multiplier = (*multiplier + rho * constraint).clamp(0.0, LARGEST_MULTIPLIER);
        };
        let Multipliers { equality, inequality, .. } = &mut self.multipliers;
        for ((lambda, h), scale) in equality.iter_mut().zip(&values.equality).zip(&self.scales.0) {
            *lambda = (*lambda + rho * scale * h).clamp(-LARGEST_MULTIPLIER, LARGEST_MULTIPLIER);
        }
        for ((mu, g), scale) in inequality.iter_mut().zip(&values.inequality).zip(&self.scales.1) {
            raise(mu, *g, rho * scale);
        }
        self.at = self.host.pull(x, values, &self.multipliers)?;
        let Pulled { x, pull, .. } = &self.at;
        let Multipliers { lower, upper, .. } = &mut self.multipliers;
        if self.method.inner.keeps_bounds() {
            // At a bound, its multiplier is the gradient of the other terms. The bounds are as the inner solver sees them, in the float
            // type of x.
            let [low, high] = [problem.lower(), problem.upper()].map(|bounds| on_host(self.host.tensor(bounds)));
            for (j, pull) in pull.iter().enumerate() {
                lower[j] = if x[j] <= low[j] { pull.max(0.0) } else { 0.0 };
                upper[j] = if x[j] >= high[j] { (-pull).max(0.0) } else { 0.0 };
            }
        } else {
            for (j, x) in x.iter().enumerate() {
                let (low, high) = (problem.lower()[j], problem.upper()[j]);
                if low.is_finite() {
                    raise(&mut lower[j], low - x, rho);
                }
                if high.is_finite() {
                    raise(&mut upper[j], x - high, rho);
                }
            }
        }
        Ok(violation)
    }
}

/// min(1, 100/max |row|)² for each row of a Jacobian.
fn squared_scales(jacobian: &Matrix) -> Vec<f64> {
    let of = |i: usize| (LARGEST_SLOPE / max_abs(&jacobian.row(i)).max(LARGEST_SLOPE)).powi(2);
    (0..jacobian.rows()).map(of).collect()
}
