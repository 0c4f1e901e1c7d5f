//! What is done when no step is accepted.

use std::ops::ControlFlow;

use super::{
    super::{elastic::Elastic, iterate::Iterate, scaled::Scaled, settings::InteriorPoint},
    Run,
};
use crate::{
    constrained::ConstrainedStop,
    norms::largest,
    solver::{Iteration, Status},
};

/// A violation this small, in the units of the problem, is none, whatever the tolerance.
const INFEASIBLE: f64 = 1e-7;
/// The violation is stationary if its conditions hold within this, where a unit of violation costs 1000.
const STATIONARY: f64 = 1e-3;
/// Fraction of the violation that a restoration must remove.
const ENOUGH: f64 = 0.9;
/// Maximum number of resets.
const RESETS: usize = 5;

impl Run<'_, '_> {
    /// Finds a point to go on from. Returns the status of the run if there is none. With `to_the_end` it is the point of least violation, and not
    /// the first one that the filter accepts. `watch` may stop it.
    pub(super) fn restore(
        &mut self,
        to_the_end: bool,
        watch: &mut dyn FnMut(&Iteration, &[f64]) -> ControlFlow<()>,
    ) -> Option<Status> {
        if !self.is_outer {
            return Some(Status::NoProgress);
        }
        let primal = self.judge().1.primal;
        if primal <= self.tol {
            return self.reset();
        }
        let from = self.merit(&self.point, &self.values, 0.0);
        let rows: Vec<f64> = self.point.rows(self.problem, &self.values.constraints).collect();
        self.filter.add(from);
        let barrier = self.barrier.max(largest(rows.iter().map(|row| row.abs())));
        let stop = ConstrainedStop { max_iter: self.stop.max_iter.saturating_sub(self.iteration), ..self.stop };
        let settings = InteriorPoint { barrier, multipliers: None, ..self.settings.clone() };
        let (tol, rounding, own_barrier) = (1e-2 * self.tol, self.rounding, self.barrier);
        let (filter, n) = (self.filter.clone(), self.problem.n);
        let elastic = Elastic::new(self.problem, self.point.x.clone(), own_barrier);
        let start = elastic.start(&self.point.x, &rows, barrier);
        let is_exact = self.model.is_none();
        let Ok(mut scaled) = Scaled::new(&elastic, is_exact) else { return Some(Status::NoProgress) };
        let (mut left, before) = (false, self.iteration);
        let end = Run::new(&mut scaled, &start, &settings, &stop, (tol, rounding), false).run(&mut |iteration, x| {
            // The first point is where the restoration starts.
            if iteration.iteration == 0 {
                return ControlFlow::Continue(());
            }
            let merit = elastic.merit(&x[..n], own_barrier);
            let entry = Iteration { iteration: before + iteration.iteration, ..*iteration };
            if watch(&entry, &x[..n]).is_break() {
                return ControlFlow::Break(());
            }
            left = !to_the_end && merit[0] <= ENOUGH * from[0] && filter.accepts(merit, [f64::INFINITY; 2], 0.0);
            if left { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        self.iteration += end.iterations;
        let x = end.x[..n].to_vec();
        let (values, slopes) = (self.problem.values(&x), self.problem.slopes(&x));
        if !(values.is_finite() && slopes.is_finite()) {
            return Some(Status::NoProgress);
        }
        self.point = Iterate::at(self.problem, x, &values.constraints, self.barrier);
        (self.values, self.slopes) = (values, slopes);
        self.estimate_multipliers();
        if left {
            return None;
        }
        let primal = self.own_values().violation();
        match end.status {
            _ if primal <= self.tol.max(INFEASIBLE) => self.reset(),
            Status::ResidualsSmall => Some(Status::Infeasible),
            // Rounding may keep it from the tolerance.
            Status::Stalled | Status::NoProgress if end.residuals.largest() <= STATIONARY => Some(Status::Infeasible),
            Status::Stalled | Status::Unbounded | Status::NotFinite => Some(Status::NoProgress),
            status => Some(status),
        }
    }

    /// At a point with little violation: new multipliers, an empty filter and a smaller barrier.
    fn reset(&mut self) -> Option<Status> {
        if self.resets >= RESETS {
            return Some(Status::NoProgress);
        }
        self.resets += 1;
        self.filter.clear();
        self.shift = 0.0;
        self.barrier = (0.2 * self.barrier).max(self.least);
        self.point = Iterate::at(self.problem, self.point.x.clone(), &self.values.constraints, self.barrier);
        self.estimate_multipliers();
        None
    }
}
