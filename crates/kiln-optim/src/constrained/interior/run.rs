//! A run of the method.

mod restore;
mod step;

use std::ops::ControlFlow;

use super::{
    filter::Filter,
    iterate::{Iterate, inside},
    limited_memory::LimitedMemory,
    scaled::{Scaled, Slopes, Values},
    settings::InteriorPoint,
    system::System,
};
use crate::{
    constrained::{
        ConstrainedStop, Multipliers, Residuals,
        end::End,
        evaluated::Values as OwnValues,
        kkt::{residuals_of, scale, with_bounds},
        sqp::LagrangianHessian,
    },
    norms::max_abs,
    solver::{Iteration, Status},
};

/// The barrier problem is solved to this multiple of the barrier parameter.
const ENOUGH: f64 = 10.0;
/// Maximum number of iterations without a new minimum of the residuals.
const PATIENCE: usize = 150;
/// No barrier parameter is below this: the distances to the bounds would be rounding.
const LEAST: f64 = 1e-14;
/// A value this far from the start counts as infinite.
const FAR: f64 = 1e20;

/// A run in progress.
pub(super) struct Run<'r, 'p> {
    problem: &'r mut Scaled<'p>,
    settings: &'r InteriorPoint,
    stop: ConstrainedStop,
    tol: f64,
    rounding: f64,
    /// Whether the problem is the user's, and not that of least violation.
    is_outer: bool,
    system: System,
    /// An estimate of the Hessian, if it is not exact.
    model: Option<LimitedMemory>,
    point: Iterate,
    values: Values,
    slopes: Slopes,
    barrier: f64,
    /// The last barrier parameter.
    least: f64,
    filter: Filter,
    /// Below this violation a step has to lower the value.
    small: f64,
    /// The last shift that was needed to give the matrix the right inertia, and the shift of the present matrix.
    shift: f64,
    used: f64,
    iteration: usize,
    /// Resets at points with little violation.
    resets: usize,
    /// Whether the point of least violation was searched for, because nothing else helped.
    is_last: bool,
    /// The number of short steps, one after the other.
    short: usize,
}

impl<'r, 'p> Run<'r, 'p> {
    /// The start is moved inside of its bounds, unless the problem is that of least violation.
    pub(super) fn new(
        problem: &'r mut Scaled<'p>,
        start: &[f64],
        settings: &'r InteriorPoint,
        stop: &ConstrainedStop,
        (tol, rounding): (f64, f64),
        is_outer: bool,
    ) -> Self {
        let bounds = problem.lower.iter().zip(&problem.upper);
        let moved = |(x, (low, high)): (&f64, (&f64, &f64))| inside(*x, *low, *high, settings.barrier);
        let x: Vec<f64> = if is_outer { start.iter().zip(bounds).map(moved).collect() } else { start.to_vec() };
        let slopes = problem.slopes(&x);
        let slopes = problem.scale_by(slopes);
        let values = problem.values(&x);
        let point = Iterate::at(problem, x, &values.constraints, settings.barrier);
        let violation = point.violation(problem, &values.constraints);
        let fixed: Vec<bool> = (0..problem.n).map(|i| problem.is_fixed(i)).collect();
        let system = System::new((problem.n, problem.m), &problem.hessian_places, &problem.jacobian_places, fixed);
        let least = (0.1 * tol * problem.unit / point.count(problem)).max(LEAST);
        let mut run = Self {
            tol,
            rounding,
            is_outer,
            system,
            model: (settings.hessian == LagrangianHessian::Bfgs).then(LimitedMemory::new),
            point,
            values,
            slopes,
            barrier: settings.barrier,
            least,
            filter: Filter::new(1e4 * violation.max(1.0)),
            small: 1e-4 * violation.max(1.0),
            shift: 0.0,
            used: 0.0,
            iteration: 0,
            resets: 0,
            is_last: false,
            short: 0,
            problem,
            settings,
            stop: *stop,
        };
        if run.values.is_finite() && run.slopes.is_finite() {
            run.choose_multipliers();
        }
        run
    }

    /// Those that were given, or an estimate.
    fn choose_multipliers(&mut self) {
        let Some(given) = self.settings.multipliers.as_ref().filter(|_| self.is_outer) else {
            return self.estimate_multipliers();
        };
        let unit = self.problem.unit;
        let constraints = given.equality.iter().chain(&given.inequality).zip(&self.problem.units);
        self.point.y = constraints.map(|(y, own)| y * unit / own).collect();
        let larger = |own: &mut [f64], given: &[f64]| {
            // A missing bound has none.
            own.iter_mut()
                .zip(given)
                .filter(|(own, _)| **own > 0.0)
                .for_each(|(own, given)| *own = own.max(given * unit));
        };
        larger(&mut self.point.lower, &given.lower);
        larger(&mut self.point.upper, &given.upper);
        let slacks: Vec<f64> = self.point.y[self.problem.equalities..].to_vec();
        self.point.slack.iter_mut().zip(&slacks).for_each(|(own, given)| *own = own.max(*given));
    }

    pub(super) fn run(mut self, watch: &mut dyn FnMut(&Iteration, &[f64]) -> ControlFlow<()>) -> End {
        let (mut history, mut length) = (Vec::new(), 0.0);
        let (mut best, mut best_at) = (f64::INFINITY, 0);
        let status = loop {
            let (_, residuals) = self.judge();
            let gradient: Vec<f64> = self.slopes.gradient.iter().map(|slope| slope / self.problem.unit).collect();
            let scaled = residuals.scaled(scale(&gradient)).largest();
            let value = self.values.objective / self.problem.unit;
            let entry = Iteration {
                iteration: self.iteration,
                value,
                grad_norm: residuals.largest(),
                step: length,
                values: self.problem.counts.values,
            };
            history.push(entry);
            let stopped = watch(&entry, &self.point.x);
            if !(self.values.is_finite() && self.slopes.is_finite()) {
                break Status::NotFinite;
            }
            // Each bound may move the value by the barrier parameter, so many bounds need a smaller one.
            let gap = self.point.gap(self.problem) / self.problem.unit;
            if scaled <= self.tol && (gap <= self.tol * value.abs().max(1.0) || self.barrier <= self.least) {
                break Status::ResidualsSmall;
            }
            let is_feasible = residuals.primal <= self.tol * max_abs(&self.point.x).max(1.0);
            if (value < self.stop.lower_bound || max_abs(&self.point.x) > FAR) && is_feasible {
                break Status::Unbounded;
            }
            if stopped.is_break() {
                break Status::Stopped;
            }
            if self.iteration >= self.stop.max_iter {
                break Status::Budget;
            }
            if scaled < 0.99 * best {
                (best, best_at) = (scaled, self.iteration);
            }
            if self.iteration - best_at > PATIENCE {
                // Is there a feasible point at all?
                if is_feasible || self.is_last || !self.is_outer {
                    break Status::Stalled;
                }
                self.is_last = true;
                if let Some(status) = self.restore(true, watch) {
                    break status;
                }
                best_at = self.iteration;
            }
            self.iteration += 1;
            self.lower_barrier();
            let moved = self.direction().and_then(|direction| self.search(&direction));
            match moved {
                Some(moved) => length = moved,
                None => {
                    if let Some(status) = self.restore(false, watch) {
                        break status;
                    }
                    (best_at, length) = (self.iteration, 0.0);
                }
            }
        };
        self.end(status, history)
    }

    /// Takes the next barrier parameter while the barrier problem is solved.
    fn lower_barrier(&mut self) {
        while self.barrier > self.least {
            let errors = self.point.errors(self.problem, &self.values, &self.slopes, self.barrier);
            if errors.stationarity.max(errors.violation).max(errors.complementarity) > ENOUGH * self.barrier {
                break;
            }
            self.barrier = (0.2 * self.barrier).min(self.barrier.powf(1.5)).max(self.least);
            self.filter.clear();
        }
    }

    /// The multipliers and the residuals in the units of the problem.
    fn judge(&self) -> (Multipliers, Residuals) {
        let (problem, point, unit) = (&*self.problem, &self.point, self.problem.unit);
        let inner = self.inner();
        let y: Vec<f64> = point.y.iter().zip(&problem.units).map(|(y, own)| y * own / unit).collect();
        let (h, g) = y.split_at(problem.equalities);
        let mut multipliers = Multipliers {
            equality: h.to_vec(),
            inequality: g.iter().map(|mu| mu.max(0.0)).collect(),
            lower: point.lower.iter().map(|z| z / unit).collect(),
            upper: point.upper.iter().map(|z| z / unit).collect(),
        };
        for i in (0..problem.n).filter(|&i| problem.is_fixed(i)) {
            // Whatever the Lagrangian's slope is, one of the two bounds holds it.
            (multipliers.lower[i], multipliers.upper[i]) = (inner[i].max(0.0), (-inner[i]).max(0.0));
        }
        let bounds = (&problem.lower[..], &problem.upper[..]);
        let residuals = residuals_of(&point.x, bounds, &self.own_values(), &inner, &multipliers);
        (multipliers, residuals)
    }

    /// ∇(f + λᵀ·h + μᵀ·g) in the units of the problem, with μ ≥ 0.
    fn inner(&self) -> Vec<f64> {
        let equalities = self.problem.equalities;
        let y: Vec<f64> =
            self.point.y.iter().enumerate().map(|(i, y)| if i < equalities { *y } else { y.max(0.0) }).collect();
        let pull = self.problem.pull(&self.slopes.jacobian, &y);
        self.slopes.gradient.iter().zip(&pull).map(|(slope, pull)| (slope + pull) / self.problem.unit).collect()
    }

    fn own_values(&self) -> OwnValues {
        let own: Vec<f64> = self.values.constraints.iter().zip(&self.problem.units).map(|(c, unit)| c / unit).collect();
        let (h, g) = own.split_at(self.problem.equalities);
        OwnValues { objective: self.values.objective / self.problem.unit, equality: h.to_vec(), inequality: g.to_vec() }
    }

    fn end(self, status: Status, history: Vec<Iteration>) -> End {
        let (multipliers, residuals) = self.judge();
        let gradient = with_bounds(&self.inner(), &multipliers);
        End {
            value: self.values.objective / self.problem.unit,
            x: self.point.x,
            gradient,
            multipliers,
            residuals,
            status,
            iterations: self.iteration,
            evaluations: self.problem.counts,
            history,
        }
    }
}
