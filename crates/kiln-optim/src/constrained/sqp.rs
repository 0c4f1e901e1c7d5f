//! Sequential quadratic programming.

mod lagrangian_hessian;
mod merit;

use std::ops::ControlFlow;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::{
    derivative::Inputs,
    device::rounding_unit,
    linalg::{Matrix, Symmetric},
};

pub use self::lagrangian_hessian::LagrangianHessian;
use self::{
    lagrangian_hessian::{Active, convexified, damped_bfgs},
    merit::Merit,
};
use super::{
    ConstrainedSolver, Problem, Solution, Stop,
    evaluated::{Evaluated, Slopes, Values},
    feasibility::{Least, falls_along, least_infeasible, solve_from},
    host::Host,
    kkt::{Multipliers, lagrangian_gradient, residuals, scale, size},
    progress::{Progress, finish},
    quadratic::{NoStep, Quadratic, Step},
};
use crate::solver::{Iteration, SolverError, Status, at_least_one, within};

/// How often a point that cannot be improved is left for the one that violates the constraints least.
const RESTORATIONS: usize = 5;
/// Which part of the violation a linear step must promise to take away.
const HOPE: f64 = 1e-6;
/// How often curvature is added at one point.
const SHIFTS: usize = 8;
/// Steps allowed that do not bring the residuals lower than ever before.
const PATIENCE: usize = 50;

/// Sequential quadratic programming: each step minimises a quadratic model of the Lagrangian under the constraints, made linear
/// (Nocedal and Wright, 2006, ch. 18).
///
/// The quadratic programmes are solved by an interior method, and then as equations of the constraints that hold. Where linear
/// constraints contradict one another, they may be violated at a cost (the elastic programme). Steps are judged by the merit function
/// f + Σ σᵢ·|violation of i|, with a second order correction (Maratos' effect) where a full step makes violations worse. Where no step helps,
/// the method goes on from the point that violates the constraints least, and if that is not feasible either, it is
/// [`Infeasible`](Status::Infeasible).
#[derive(Clone, Debug)]
pub struct Sqp {
    /// The quadratic model. Default: BFGS.
    pub hessian: LagrangianHessian,
    /// Which part of the promised decrease must be won, in (0, ½). Default 1e-4.
    pub c1: f64,
    /// Points tried along one direction. Default 30.
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
        problem: &Problem<'_, M, I>,
        start: Tensor<1>,
        stop: &Stop,
        callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
    ) -> Result<Solution, SolverError> {
        within("c1", self.c1, 0.0, 0.5, "in (0, 0.5)")?;
        at_least_one("max_trials", self.max_trials)?;
        solve_from(problem, &start, stop, callback, |host, at, tol, progress| {
            Run::new(self, host, at, tol, rounding_unit(start.dtype())).run(stop, progress)
        })
    }
}

/// A run under way.
struct Run<'r, 'p, 'a, M, I> {
    sqp: &'r Sqp,
    host: &'r Host<'p, 'a, M, I>,
    tol: f64,
    rounding: f64,
    at: Evaluated,
    multipliers: Multipliers,
    merit: Merit,
    /// The quadratic model that BFGS has learnt.
    model: Symmetric,
    /// Whether there is nothing that was learnt: no model, or with the exact Hessian no multipliers.
    fresh: bool,
    /// Added to the exact Hessian, and how often it was since the last step.
    shift: f64,
    shifts: usize,
    restorations: usize,
    /// The least that a violation costs: the penalty of the elastic programme that the step is of.
    floor: f64,
}

impl<'r, 'p, 'a, M: Module + 'a, I: Inputs + 'a> Run<'r, 'p, 'a, M, I> {
    fn new(sqp: &'r Sqp, host: &'r Host<'p, 'a, M, I>, at: Evaluated, tol: f64, rounding: f64) -> Self {
        let multipliers = Multipliers::zeros(&at.values, at.x.len());
        let merit = Merit::new(&multipliers);
        let model = Symmetric::identity(at.x.len());
        Self {
            sqp,
            host,
            tol,
            rounding,
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

    fn run(mut self, stop: &Stop, mut progress: Progress<'_>) -> Result<Solution, SolverError> {
        let (problem, mut iteration, mut length) = (self.host.problem, 0, 0.0);
        let (mut best, mut best_at) = (f64::INFINITY, 0);
        let status = loop {
            let step = self.step()?;
            if let Ok(step) = &step {
                self.multipliers = step.multipliers.clone();
            }
            let Evaluated { x, values, slopes } = &self.at;
            let residuals = residuals(x, (problem.lower(), problem.upper()), values, slopes, &self.multipliers);
            let (value, evaluations) = (values.objective, self.host.counts().values);
            let grad_norm = residuals.largest();
            let stopped = progress.record(Iteration { iteration, value, grad_norm, step: length, values: evaluations });
            let scaled = residuals.scaled(scale(&slopes.gradient)).largest();
            if scaled < best {
                (best, best_at) = (scaled, iteration);
            }
            if scaled <= self.tol {
                break Status::ResidualsSmall;
            }
            let falls = match &step {
                Err(NoStep::Ray(ray)) => falls_along(self.host, &self.at, ray, self.tol)?,
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
                Ok(step) => (self.search(step)?, false),
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
        Ok(finish(self.host, &self.at, self.multipliers, status, progress, iteration))
    }

    /// The step of the quadratic programme; none where the constraints, made linear, cannot be violated less than they are.
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
        let hessian = self.host.hessian(&self.at.x, &self.multipliers)?.shifted(self.shift);
        let problem = self.host.problem;
        let mut active = Active::new(&self.at, &self.multipliers, (problem.lower(), problem.upper()));
        loop {
            let (model, weight) = convexified(&hessian, &active, self.usual_curvature());
            let mut step = match self.quadratic_step(&model) {
                Ok(step) => step,
                Err(none) => return Ok(Err(none)),
            };
            // Multipliers of an elastic step are those of before.
            if step.elastic {
                return Ok(Ok(step));
            }
            // A constraint that does not hold after all must not weigh.
            if weight > 0.0 && active.let_go(&step) {
                continue;
            }
            active.correct(&mut step, weight);
            return Ok(Ok(step));
        }
    }

    /// The curvature with which a step is of the size of x.
    fn usual_curvature(&self) -> f64 {
        size(&lagrangian_gradient(&self.at.slopes, &self.multipliers)) / size(&self.at.x).max(1.0)
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
                // Where something stays violated the multipliers are the penalty's, and say nothing of f.
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

    /// How far a step may go to either side.
    fn room(&self) -> (Vec<f64>, Vec<f64>) {
        let to = |bounds: &[f64]| bounds.iter().zip(&self.at.x).map(|(bound, x)| bound - x).collect();
        (to(self.host.problem.lower()), to(self.host.problem.upper()))
    }

    /// A point along the step with a smaller merit.
    fn search(&mut self, step: &Step) -> Result<Option<(Vec<f64>, Values)>, SolverError> {
        self.merit.cover(&self.multipliers);
        self.merit.at_least(self.floor);
        let (now, slopes) = (&self.at.values, &self.at.slopes);
        let before = self.merit.value(now);
        let promise = self.merit.value(&slopes.linear(&step.d, now)) - self.merit.cost(now);
        // Where the difference of two merits is lost in rounding, it decides nothing.
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
            let values = self.host.values(&x)?;
            if better(&values, t) {
                return Ok(Some(if cut { self.longer((x, values), step, t)? } else { (x, values) }));
            }
            let worse = values.is_finite() && values.total_violation() >= now.total_violation();
            if let Some(d) = (trial == 0 && worse).then(|| self.corrected(step, &values)).flatten() {
                let x = self.moved(&d, 1.0);
                let values = self.host.values(&x)?;
                if better(&values, 1.0) {
                    return Ok(Some((x, values)));
                }
            }
            // The least point of the parabola through both merits.
            let parabola = -0.5 * promise * t * t / (self.merit.value(&values) - before - promise * t);
            // Not a number where the merit was none.
            cut = parabola.is_nan() || parabola < 0.1 * t;
            t = if cut { 0.1 * t } else { parabola.min(0.5 * t) };
        }
        Ok(None)
    }

    /// A longer step where one is better still: `t` was cut by guess, because ten times as far the merit was out of all proportion.
    fn longer(&self, found: (Vec<f64>, Values), step: &Step, t: f64) -> Result<(Vec<f64>, Values), SolverError> {
        let mut best = found;
        for t in [2.0 * t, 4.0 * t, 8.0 * t] {
            let x = self.moved(&step.d, t);
            let values = self.host.values(&x)?;
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

    /// The nearest step that meets the linear constraints with the values that they have at the end of this one: the second order
    /// correction.
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

    /// Goes to a point that the search has found. Gives how far it is; none where the functions have no derivatives there.
    fn accept(&mut self, x: Vec<f64>, values: Values) -> Result<Option<f64>, SolverError> {
        let slopes = self.host.slopes(&x)?;
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

    /// Changes a model along whose step there is nothing better, if it can be changed: forgets what BFGS has learnt, or adds curvature to
    /// the exact Hessian (Levenberg and Marquardt).
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

    /// Goes to the point that violates the constraints least. A status where that does not help.
    fn restore(&mut self) -> Result<Option<Status>, SolverError> {
        if self.at.values.violation() <= self.tol || self.restorations == RESTORATIONS {
            return Ok(Some(Status::LineSearchFailed));
        }
        self.restorations += 1;
        match least_infeasible(self.host, &self.at.x, self.tol)? {
            Least::Feasible(at) => self.at = at,
            Least::Infeasible(at) => {
                self.multipliers = Multipliers::zeros(&at.values, at.x.len());
                self.at = at;
                return Ok(Some(Status::Infeasible));
            }
            Least::Unknown => return Ok(Some(Status::LineSearchFailed)),
        }
        (self.model, self.fresh) = (Symmetric::identity(self.at.x.len()), true);
        self.merit = Merit::new(&self.multipliers);
        (self.shift, self.shifts) = (0.0, 0);
        Ok(None)
    }
}
