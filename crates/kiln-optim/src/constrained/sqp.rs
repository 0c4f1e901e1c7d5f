//! Sequential quadratic programming.

mod lagrangian_hessian;
mod merit;
mod units;

use std::ops::ControlFlow;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::{
    derivative::Inputs,
    device::machine_epsilon,
    linalg::{Matrix, Symmetric},
};

pub use self::lagrangian_hessian::LagrangianHessian;
use self::{
    lagrangian_hessian::{ActiveRows, convexified, damped_bfgs},
    merit::Merit,
    units::Units,
};
use super::{
    ConstrainedProblem, ConstrainedSolver, ConstrainedStop, Solution,
    estimate::estimated,
    evaluated::{Evaluated, Slopes, Values},
    feasibility::{Least, falls_along, least_infeasible, solve_from},
    host::Host,
    kkt::{Multipliers, lagrangian_gradient, residuals, scale},
    progress::{Progress, finish},
    quadratic::{NoStep, Quadratic, Step},
};
use crate::{
    norms::max_abs,
    solver::{Iteration, SolverError, Status, at_least_one, within},
};

/// Maximum number of restarts from the point of least violation.
const RESTORATIONS: usize = 5;
/// Fraction of the violation that a linearised step must promise to remove.
const HOPE: f64 = 1e-6;
/// Maximum number of shifts of the exact Hessian at one point.
const SHIFTS: usize = 8;
/// Maximum number of iterations without a new minimum of the residuals, or of the value among feasible points.
const PATIENCE: usize = 50;

/// Residuals, relative to the gradient, below which they judge a step that the merit does not.
const NEARLY: f64 = 1e-5;

/// Sequential quadratic programming (SQP).
///
/// Functions whose first derivatives at the start exceed 100 are scaled, as in Ipopt; multipliers and residuals are those of the problem as it is
/// written.
///
/// Each step minimises a quadratic model of the Lagrangian under the linearised constraints. The quadratic programmes are solved by
/// an interior-point method, and then as equations of the active constraints, for full accuracy.
///
/// If the linearised constraints contradict one another, violations are allowed at a cost (the elastic programme). The merit
/// function f + Σ σᵢ·|violation i| judges the steps. If a full step increases the violations, a second-order correction is tried
/// (Maratos effect). If no step helps, the solver continues from the point of least violation. If that point is not feasible, the
/// status is [`Infeasible`](Status::Infeasible).
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::constrained::{ConstrainedProblem, ConstrainedStop, LagrangianHessian, Sqp, minimize_constrained};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let start = Tensor::<1>::from_data([2.0, 0.5], &Device::default());
/// let problem = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x.square().sum())
///     .inequality("outside", |x: Tensor<1>| x.sum().neg() + 1.0);
/// let sqp = Sqp { hessian: LagrangianHessian::Exact, ..Sqp::default() };
/// let solution = minimize_constrained(&problem, start, &sqp, &ConstrainedStop::default())?;
/// assert!((solution.outcome.value - 0.5).abs() < 1e-4);
/// # Ok(())
/// # }
/// ```
///
/// # References
/// Nocedal and Wright, *Numerical Optimization* (2006), chapter 18.
#[derive(Clone, Debug)]
pub struct Sqp {
    /// The quadratic model. Default: BFGS.
    pub hessian: LagrangianHessian,
    /// Fraction of the predicted decrease that a step must reach, in (0, ½). Default 1e-4.
    pub c1: f64,
    /// Maximum number of points per line search. Default 30.
    pub max_trials: usize,
}

impl Default for Sqp {
    fn default() -> Self {
        Self { hessian: LagrangianHessian::Bfgs, c1: 1e-4, max_trials: 30 }
    }
}

impl<M: Module, I: Inputs> ConstrainedSolver<M, I> for Sqp {
    fn solve(
        &self,
        problem: &ConstrainedProblem<'_, M, I>,
        start: Tensor<1>,
        stop: &ConstrainedStop,
        callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
    ) -> Result<Solution, SolverError> {
        within("c1", self.c1, 0.0, 0.5, "in (0, 0.5)")?;
        at_least_one("max_trials", self.max_trials)?;
        solve_from(problem, &start, stop, callback, |host, at, tol, progress| {
            Run::new(self, host, at, tol, machine_epsilon(start.dtype())).run(stop, progress)
        })
    }
}

/// A run in progress.
struct Run<'r, 'p, 'a, M, I> {
    sqp: &'r Sqp,
    host: &'r Host<'p, 'a, M, I>,
    tol: f64,
    rounding: f64,
    /// The units of `at`, `multipliers` and `merit`.
    units: Units,
    at: Evaluated,
    multipliers: Multipliers,
    merit: Merit,
    /// The quadratic model of BFGS.
    model: Symmetric,
    /// Whether nothing was learnt yet: no BFGS model, or no multipliers for the exact Hessian.
    fresh: bool,
    /// The shift of the exact Hessian, and the number of shifts since the last step.
    shift: f64,
    shifts: usize,
    restorations: usize,
    /// The least cost of a violation: the penalty of the elastic programme that gave the step.
    floor: f64,
}

impl<'r, 'p, 'a, M: Module + 'a, I: Inputs + 'a> Run<'r, 'p, 'a, M, I> {
    fn new(sqp: &'r Sqp, host: &'r Host<'p, 'a, M, I>, at: Evaluated, tol: f64, rounding: f64) -> Self {
        let units = Units::of(&at.slopes);
        let at = units.evaluated(&at);
        let multipliers = Multipliers::zeros(&at.values, at.x.len());
        let merit = Merit::new(&multipliers);
        let model = Symmetric::identity(at.x.len());
        Self {
            sqp,
            host,
            tol,
            rounding,
            units,
            at,
            multipliers,
            merit,
            model,
            fresh: true,
            shift: 0.0,
            shifts: 0,
            restorations: 0,
            floor: 0.0,
        }
    }

    fn run(mut self, stop: &ConstrainedStop, mut progress: Progress<'_>) -> Result<Solution, SolverError> {
        let (problem, mut iteration, mut length) = (self.host.problem, 0, 0.0);
        let (mut best, mut best_at, mut lowest) = (f64::INFINITY, 0, f64::INFINITY);
        let status = loop {
            let step = self.step()?;
            if let Ok(step) = &step {
                self.multipliers = step.multipliers.clone();
            }
            let (Evaluated { x, values, slopes }, multipliers) = (self.plain(), self.units.plain(&self.multipliers));
            let residuals = residuals(&x, (problem.lower(), problem.upper()), &values, &slopes, &multipliers);
            let (value, evaluations) = (values.objective, self.host.counts().values);
            let grad_norm = residuals.largest();
            let stopped = progress.record(Iteration { iteration, value, grad_norm, step: length, values: evaluations });
            let scaled = residuals.scaled(scale(&slopes.gradient)).largest();
            // In a curved valley the residuals may grow for long, while the value falls.
            let is_lower = residuals.primal <= self.tol && value < lowest;
            if scaled < best || is_lower {
                (best, best_at) = (best.min(scaled), iteration);
            }
            if is_lower {
                lowest = value;
            }
            if scaled <= self.tol {
                break Status::ResidualsSmall;
            }
            let falls = match &step {
                Err(NoStep::Ray(ray)) => falls_along(self.host, (&self.at.x, value), ray, self.tol)?,
                _ => value < stop.lower_bound,
            };
            if falls && residuals.primal <= self.tol {
                break Status::Unbounded;
            }
            if stopped.is_break() {
                break Status::Stopped;
            }
            if iteration >= stop.max_iter {
                break Status::Budget;
            }
            if iteration - best_at > PATIENCE {
                if residuals.primal <= self.tol {
                    break Status::Stalled;
                }
                if let Some(status) = self.restore()? {
                    break status;
                }
                (best_at, iteration) = (iteration, iteration + 1);
                continue;
            }
            iteration += 1;
            let (next, hopeless) = match &step {
                Ok(step) => {
                    let found = self.search(step)?;
                    (if found.is_none() && scaled <= NEARLY { self.by_residuals(step, scaled)? } else { found }, false)
                }
                Err(_) => (None, true),
            };
            let moved = match next {
                Some((x, values)) => self.accept(x, values)?,
                None => None,
            };
            if let Some(moved) = moved {
                length = moved;
            } else if (hopeless || !self.forget())
                && let Some(status) = self.restore()?
            {
                break status;
            }
        };
        let Evaluated { x, values, .. } = self.plain();
        if matches!(status, Status::NoProgress | Status::Stalled)
            && let Some((at, multipliers)) = estimated(self.host, (&x, &values), self.tol)?
        {
            return Ok(finish(self.host, &at, multipliers, Status::ResidualsSmall, progress, iteration));
        }
        let multipliers = self.units.plain(&self.multipliers);
        let at = self.plain().pulled(&multipliers.equality, &multipliers.inequality);
        Ok(finish(self.host, &at, multipliers, status, progress, iteration))
    }

    /// The point in the units of the problem.
    fn plain(&self) -> Evaluated {
        self.units.inverse().evaluated(&self.at)
    }

    /// Computes the values in these units.
    fn values(&self, x: &[f64]) -> Result<Values, SolverError> {
        Ok(self.units.values(&self.host.values(x)?))
    }

    /// Solves the quadratic programme. There is no step if the linearised violation cannot decrease.
    fn step(&mut self) -> Result<Result<Step, NoStep>, SolverError> {
        if self.sqp.hessian == LagrangianHessian::Bfgs {
            return Ok(self.quadratic_step(&self.model.clone()));
        }
        if self.fresh {
            match self.quadratic_step(&Symmetric::identity(self.at.x.len())) {
                Ok(step) => self.multipliers = step.multipliers,
                Err(none) => return Ok(Err(none)),
            }
            self.fresh = false;
        }
        let plain = self.host.hessian(&self.at.x, &self.units.plain(&self.multipliers))?;
        let unit = self.units.of_objective();
        let hessian = Symmetric::from_fn(plain.rows(), |i, j| unit * plain.at(i, j)).shifted(self.shift);
        let problem = self.host.problem;
        let mut active = ActiveRows::new(&self.at, &self.multipliers, (problem.lower(), problem.upper()));
        loop {
            let (model, weight) = convexified(&hessian, &active, self.usual_curvature());
            let mut step = match self.quadratic_step(&model) {
                Ok(step) => step,
                Err(none) => return Ok(Err(none)),
            };
            // An elastic step keeps the previous multipliers.
            if step.elastic {
                return Ok(Ok(step));
            }
            // A constraint that turns out to be inactive must not add curvature.
            if weight > 0.0 && active.let_go(&step) {
                continue;
            }
            active.correct(&mut step, weight);
            return Ok(Ok(step));
        }
    }

    /// A curvature for which the step is about as long as x.
    fn usual_curvature(&self) -> f64 {
        max_abs(&lagrangian_gradient(&self.at.slopes, &self.multipliers)) / max_abs(&self.at.x).max(1.0)
    }

    fn quadratic_step(&mut self, hessian: &Symmetric) -> Result<Step, NoStep> {
        let Values { equality, inequality, .. } = &self.at.values;
        let (lower, upper) = self.room();
        let programme = self.programme(hessian, (equality, inequality), (&lower, &upper));
        match programme.solve() {
            Err(NoStep::Contradiction) => {}
            done => {
                self.floor = 0.0;
                return done;
            }
        }
        let violation = self.at.values.total_violation();
        let mut penalty = 10.0 * scale(&self.at.slopes.gradient).max(self.multipliers.largest());
        loop {
            let mut step = programme.solve_elastic(penalty)?;
            if step.slack <= 0.1 * violation || penalty > 1e8 * scale(&self.at.slopes.gradient) {
                self.floor = penalty;
                // If a violation is left, the multipliers come from the penalty, and have no information about f.
                step.multipliers = self.multipliers.clone();
                let less = step.slack < violation * (1.0 - HOPE);
                return if less { Ok(step) } else { Err(NoStep::Contradiction) };
            }
            penalty *= 100.0;
        }
    }

    fn programme<'q>(
        &'q self,
        hessian: &'q Symmetric,
        (equality, inequality): (&'q [f64], &'q [f64]),
        (lower, upper): (&'q [f64], &'q [f64]),
    ) -> Quadratic<'q> {
        let Slopes { gradient, equality: h, inequality: g } = &self.at.slopes;
        Quadratic { hessian, gradient, equality: (h, equality), inequality: (g, inequality), lower, upper }
    }

    /// The distances to the lower and upper bounds.
    fn room(&self) -> (Vec<f64>, Vec<f64>) {
        let to = |bounds: &[f64]| bounds.iter().zip(&self.at.x).map(|(bound, x)| bound - x).collect();
        (to(self.host.problem.lower()), to(self.host.problem.upper()))
    }

    /// Finds a point along the step with a smaller merit.
    fn search(&mut self, step: &Step) -> Result<Option<(Vec<f64>, Values)>, SolverError> {
        self.merit.cover(&self.multipliers);
        self.merit.at_least(self.floor);
        let (now, slopes) = (&self.at.values, &self.at.slopes);
        let before = self.merit.value(now);
        let promise = self.merit.value(&slopes.linear(&step.d, now)) - self.merit.cost(now);
        // A difference of two merits below rounding decides nothing.
        let noise = 10.0 * self.rounding * (now.objective.abs() + self.merit.cost(now)).max(f64::MIN_POSITIVE);
        if promise > noise {
            return Ok(None);
        }
        let better = |values: &Values, t: f64| {
            values.is_finite() && self.merit.value(values) <= before + self.sqp.c1 * t * promise + noise
        };
        let (mut t, mut cut) = (1.0, false);
        for trial in 0..self.sqp.max_trials {
            let x = self.moved(&step.d, t);
            let values = self.values(&x)?;
            if better(&values, t) {
                return Ok(Some(if cut { self.longer((x, values), step, t)? } else { (x, values) }));
            }
            let worse = values.is_finite() && values.total_violation() >= now.total_violation();
            if let Some(d) = (trial == 0 && worse).then(|| self.corrected(step, &values)).flatten() {
                let x = self.moved(&d, 1.0);
                let values = self.values(&x)?;
                if better(&values, 1.0) {
                    return Ok(Some((x, values)));
                }
            }
            // The minimiser of the parabola through both merits.
            let parabola = -0.5 * promise * t * t / (self.merit.value(&values) - before - promise * t);
            // It is NaN if the merit was NaN.
            cut = parabola.is_nan() || parabola < 0.1 * t;
            t = if cut { 0.1 * t } else { parabola.min(0.5 * t) };
        }
        Ok(None)
    }

    /// The end of the whole step, if the residuals are smaller there. Near a solution the merit may be lost in the rounding errors of terms that
    /// cancel.
    fn by_residuals(&self, step: &Step, scaled: f64) -> Result<Option<(Vec<f64>, Values)>, SolverError> {
        let x = self.moved(&step.d, 1.0);
        let (values, slopes) = (self.host.values(&x)?, self.host.slopes(&x)?);
        let problem = self.host.problem;
        let multipliers = self.units.plain(&self.multipliers);
        let there = residuals(&x, (problem.lower(), problem.upper()), &values, &slopes, &multipliers);
        let is_better = there.scaled(scale(&slopes.gradient)).largest() <= 0.9 * scaled;
        Ok(is_better.then(|| (x, self.units.values(&values))))
    }

    /// Tries longer steps. `t` was cut without information, because the merit was far too large at ten times `t`.
    fn longer(&self, found: (Vec<f64>, Values), step: &Step, t: f64) -> Result<(Vec<f64>, Values), SolverError> {
        let mut best = found;
        for t in [2.0 * t, 4.0 * t, 8.0 * t] {
            let x = self.moved(&step.d, t);
            let values = self.values(&x)?;
            if !(values.is_finite() && self.merit.value(&values) < self.merit.value(&best.1)) {
                break;
            }
            best = (x, values);
        }
        Ok(best)
    }

    fn moved(&self, d: &[f64], t: f64) -> Vec<f64> {
        let x: Vec<f64> = self.at.x.iter().zip(d).map(|(x, d)| x + t * d).collect();
        self.host.problem.within_bounds(&x)
    }

    /// The second-order correction: the nearest step that satisfies the linearised constraints with the values at the end of this
    /// step.
    fn corrected(&self, step: &Step, values: &Values) -> Option<Vec<f64>> {
        let back = |matrix: &Matrix, values: &[f64]| -> Vec<f64> {
            matrix.multiply(&step.d).iter().zip(values).map(|(change, value)| value - change).collect()
        };
        let (h, g) =
            (back(&self.at.slopes.equality, &values.equality), back(&self.at.slopes.inequality, &values.inequality));
        let (lower, upper) = self.room();
        let back: Vec<f64> = step.d.iter().map(|d| -d).collect();
        let identity = Symmetric::identity(back.len());
        let programme = self.programme(&identity, (&h, &g), (&lower, &upper));
        Some(Quadratic { gradient: &back, ..programme }.solve().ok()?.d)
    }

    /// Moves to a point of the line search. Returns the length of the step, or none if the functions have no derivatives there.
    fn accept(&mut self, x: Vec<f64>, values: Values) -> Result<Option<f64>, SolverError> {
        let slopes = self.units.slopes(&self.host.slopes(&x)?);
        if !slopes.is_finite() {
            return Ok(None);
        }
        let s: Vec<f64> = x.iter().zip(&self.at.x).map(|(new, old)| new - old).collect();
        if self.sqp.hessian == LagrangianHessian::Bfgs {
            let of = |slopes: &Slopes| slopes.lagrangian(&self.multipliers.equality, &self.multipliers.inequality);
            let y: Vec<f64> = of(&slopes).iter().zip(of(&self.at.slopes)).map(|(new, old)| new - old).collect();
            self.model = damped_bfgs(&self.model, &s, &y);
            self.fresh = false;
        }
        (self.shift, self.shifts) = (if self.shifts == 0 { 0.0 } else { 0.1 * self.shift }, 0);
        self.at = Evaluated { x, values, slopes };
        Ok(Some(s.iter().map(|s| s * s).sum::<f64>().sqrt()))
    }

    /// Changes a model whose step fails, if possible: drops the BFGS matrix, or shifts the exact Hessian (Levenberg and Marquardt).
    fn forget(&mut self) -> bool {
        if self.sqp.hessian == LagrangianHessian::Exact {
            self.shift = (10.0 * self.shift).max(self.usual_curvature());
            self.shifts += 1;
            return self.shifts <= SHIFTS;
        }
        if self.fresh {
            return false;
        }
        (self.model, self.fresh) = (Symmetric::identity(self.at.x.len()), true);
        true
    }

    /// Moves to the point of least violation. Returns a status if that does not help.
    fn restore(&mut self) -> Result<Option<Status>, SolverError> {
        if self.plain().values.violation() <= self.tol || self.restorations == RESTORATIONS {
            return Ok(Some(Status::NoProgress));
        }
        self.restorations += 1;
        match least_infeasible(self.host, &self.at.x, self.tol)? {
            Least::Feasible(at) => self.at = self.units.evaluated(&at),
            Least::Infeasible(at) => {
                self.multipliers = Multipliers::zeros(&at.values, at.x.len());
                self.at = self.units.evaluated(&at);
                return Ok(Some(Status::Infeasible));
            }
            Least::Unknown => return Ok(Some(Status::NoProgress)),
        }
        (self.model, self.fresh) = (Symmetric::identity(self.at.x.len()), true);
        self.merit = Merit::new(&self.multipliers);
        (self.shift, self.shifts) = (0.0, 0);
        Ok(None)
    }
}
