//! Sequential quadratic programming.

mod lagrangian_hessian;
mod merit;
mod search;
mod units;

use std::ops::ControlFlow;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::{derivative::Inputs, device::machine_epsilon, linalg::Symmetric};

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
    /// The point in the units of the problem.
    own: Evaluated,
    /// The units of what follows.
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
    fn new(sqp: &'r Sqp, host: &'r Host<'p, 'a, M, I>, own: Evaluated, tol: f64, rounding: f64) -> Self {
        let units = Units::of(&own.slopes);
        let at = units.evaluated(&own);
        let multipliers = Multipliers::zeros(&at.values, at.x.len());
        let merit = Merit::new(&multipliers);
        let model = Symmetric::identity(at.x.len());
        Self {
            sqp,
            host,
            tol,
            rounding,
            own,
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
            let (Evaluated { x, values, slopes }, multipliers) = (&self.own, self.units.plain(&self.multipliers));
            let residuals = residuals(x, (problem.lower(), problem.upper()), values, slopes, &multipliers);
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
        let Evaluated { x, values, .. } = &self.own;
        if matches!(status, Status::NoProgress | Status::Stalled)
            && let Some((at, multipliers)) = estimated(self.host, (x, values), self.tol)?
        {
            return Ok(finish(self.host, &at, multipliers, Status::ResidualsSmall, progress, iteration));
        }
        let multipliers = self.units.plain(&self.multipliers);
        let at = self.own.pulled(&multipliers.equality, &multipliers.inequality);
        Ok(finish(self.host, &at, multipliers, status, progress, iteration))
    }

    /// Moves to a point.
    fn go(&mut self, own: Evaluated) {
        self.at = self.units.evaluated(&own);
        self.own = own;
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

    /// Moves to a point of the line search. Returns the length of the step, or none if the functions have no derivatives there.
    fn accept(&mut self, x: Vec<f64>, values: Values) -> Result<Option<f64>, SolverError> {
        let own = Evaluated { slopes: self.host.slopes(&x)?, x, values };
        let (x, slopes) = (&own.x, self.units.slopes(&own.slopes));
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
        self.go(own);
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
        if self.own.values.violation() <= self.tol || self.restorations == RESTORATIONS {
            return Ok(Some(Status::NoProgress));
        }
        self.restorations += 1;
        match least_infeasible(self.host, &self.at.x, self.tol)? {
            Least::Feasible(at) => self.go(at),
            Least::Infeasible(at) => {
                self.multipliers = Multipliers::zeros(&at.values, at.x.len());
                self.go(at);
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
