//! The direction of a step, and its length.

use super::{
    super::{
        iterate::{Direction, Iterate},
        limited_memory::LimitedMemory,
        scaled::{Slopes, Values},
        system::Inertia,
    },
    Run,
};
use crate::norms::{distance, max_abs};

/// The first shift of the diagonal, its factors, and the last one (Wächter and Biegler, 2006, section 3.1).
const FIRST_SHIFT: f64 = 1e-4;
const LEAST_SHIFT: f64 = 1e-20;
const MOST_SHIFT: f64 = 1e40;
/// The shift of dependent constraints, times μ^¼.
const DEPENDENT: f64 = 1e-8;
/// Part of the right side that may be left by the solution of the linear system.
const ACCURACY: f64 = 1e-5;
/// Multipliers above this are not used to start from.
const LARGE: f64 = 1000.0;
/// Maximum number of second-order corrections.
const CORRECTIONS: usize = 4;
/// After this number of short steps, full ones are tried without a search, at most so many.
const SHORT: usize = 10;
const WATCHDOG: usize = 3;

/// The point at which a search starts.
struct From {
    /// Violation and value.
    merit: [f64; 2],
    /// The slope of the value along the direction.
    slope: f64,
    /// The rounding error of the value, and that of the violation.
    noise: f64,
    blur: f64,
}

impl Run<'_, '_> {
    /// Newton's direction for the barrier problem; none if the matrix cannot be given the right inertia.
    pub(super) fn direction(&mut self) -> Option<Direction> {
        let hessian = match &self.model {
            None => self.problem.hessian(&self.point.x, &self.point.y),
            Some(model) => vec![model.sigma(); self.problem.n],
        };
        let low_rank = self.model.as_ref().and_then(LimitedMemory::low_rank);
        let right = self.right();
        let (mut shift, mut dependent) = (0.0, 0.0);
        loop {
            let diagonal = self.diagonal(shift, dependent);
            let inertia = self.system.factorise(&hessian, &self.slopes.jacobian, &diagonal);
            if inertia == Inertia::Right {
                if let Some(low_rank) = low_rank.clone() {
                    self.system.add(low_rank);
                }
                let (solution, error) = self.system.solve(&self.with_slacks(&right, shift));
                if error <= ACCURACY {
                    self.used = shift;
                    if shift > 0.0 {
                        self.shift = shift;
                    }
                    return Some(self.complete(&solution, shift));
                }
            }
            // Dependent constraints first get a block of their own; a shift of W does not help them.
            if inertia == Inertia::Singular && dependent == 0.0 {
                dependent = DEPENDENT * self.barrier.powf(0.25);
                continue;
            }
            shift = match (shift, self.shift) {
                (0.0, 0.0) => FIRST_SHIFT,
                (0.0, last) => (last / 3.0).max(LEAST_SHIFT),
                (shift, 0.0) => 100.0 * shift,
                (shift, _) => 8.0 * shift,
            };
            if shift.is_nan() || shift > MOST_SHIFT {
                return None;
            }
        }
    }

    /// Δ and −E: the curvature of the barriers, and the shifts.
    fn diagonal(&self, shift: f64, dependent: f64) -> Vec<f64> {
        let (problem, point) = (&*self.problem, &self.point);
        let bounds = point.distances(problem).zip(point.lower.iter().zip(&point.upper));
        let first = bounds.map(|([below, above], (low, high))| low / below + high / above + shift);
        let slacks = point.s.iter().zip(&point.slack).map(|(s, z)| -1.0 / (z / s + shift) - dependent);
        first.chain((0..problem.equalities).map(|_| -dependent)).chain(slacks).collect()
    }

    /// The right side: the slope of the Lagrangian of the barrier problem, and the values of the constraints. The slacks are still missing.
    fn right(&self) -> Vec<f64> {
        let (problem, point) = (&*self.problem, &self.point);
        let pull = problem.pull(&self.slopes.jacobian, &point.y);
        let slopes = self.slopes.gradient.iter().zip(&pull).zip(point.distances(problem));
        let first =
            slopes.map(|((slope, pull), [below, above])| -(slope + pull - self.barrier / below + self.barrier / above));
        first.chain(point.rows(problem, &self.values.constraints).map(|row| -row)).collect()
    }

    /// Adds what the eliminated slacks contribute.
    fn with_slacks(&self, right: &[f64], shift: f64) -> Vec<f64> {
        let (mut right, equalities) = (right.to_vec(), self.problem.equalities);
        let rows = &mut right[self.problem.n + equalities..];
        for (i, row) in rows.iter_mut().enumerate() {
            let (s, z) = (self.point.s[i], self.point.slack[i]);
            *row += (self.point.y[equalities + i] - self.barrier / s) / (z / s + shift);
        }
        right
    }

    /// The direction of all parts from the solution of the system.
    fn complete(&self, solution: &[f64], shift: f64) -> Direction {
        let (problem, point, barrier) = (&*self.problem, &self.point, self.barrier);
        let (x, y) = solution.split_at(problem.n);
        let slacks = || point.s.iter().zip(&point.slack);
        let s: Vec<f64> = slacks()
            .enumerate()
            .map(|(i, (s, z))| {
                let i = problem.equalities + i;
                -(point.y[i] - barrier / s + y[i]) / (z / s + shift)
            })
            .collect();
        let bound = |distance: f64, z: f64, toward: f64| {
            if distance.is_finite() { barrier / distance - z - z / distance * toward } else { 0.0 }
        };
        let distances: Vec<[f64; 2]> = point.distances(problem).collect();
        Direction {
            lower: (0..x.len()).map(|i| bound(distances[i][0], point.lower[i], x[i])).collect(),
            upper: (0..x.len()).map(|i| bound(distances[i][1], point.upper[i], -x[i])).collect(),
            slack: slacks().zip(&s).map(|((s, z), d)| bound(*s, *z, *d)).collect(),
            x: x.to_vec(),
            s,
            y: y.to_vec(),
        }
    }

    /// The multipliers that make the Lagrangian's slope smallest, in the sum of squares.
    pub(super) fn estimate_multipliers(&mut self) {
        let (n, m, equalities) = (self.problem.n, self.problem.m, self.problem.equalities);
        self.point.y = vec![0.0; m];
        if m == 0 {
            return;
        }
        let none = vec![0.0; self.problem.hessian_places.len()];
        let mut diagonal = vec![1.0; n];
        diagonal.extend((0..m).map(|i| if i < equalities { 0.0 } else { -1.0 }));
        let slopes = self.slopes.gradient.iter().zip(self.point.lower.iter().zip(&self.point.upper));
        let mut right: Vec<f64> = slopes.map(|(slope, (low, high))| -(slope - low + high)).collect();
        right.extend((0..equalities).map(|_| 0.0));
        right.extend(self.point.slack.iter().map(|z| -z));
        if self.system.factorise(&none, &self.slopes.jacobian, &diagonal) != Inertia::Right {
            return;
        }
        let (solution, error) = self.system.solve(&right);
        let y = &solution[n..];
        if error <= ACCURACY && y.iter().all(|y| y.abs() <= LARGE) {
            self.point.y = y.to_vec();
        }
    }

    /// Moves along the direction, as far as the filter accepts. Returns the length of the step; none if no point was accepted.
    pub(super) fn search(&mut self, direction: &Direction) -> Option<f64> {
        let tau = (1.0 - self.barrier).max(0.99);
        let [longest, of_multipliers] = self.point.longest(self.problem, direction, tau);
        let from = self.from(direction);
        let is_tiny = self.is_tiny(direction);
        if self.short >= SHORT {
            self.short = 0;
            if let Some(length) = self.without_search(direction, &from) {
                return Some(length);
            }
            // Restoration is a better way than many short steps. Where there is no violation, the search goes on, with the matrix of this
            // point again.
            if self.is_outer && from.merit[0] > 0.0 {
                return None;
            }
            self.direction()?;
        }
        let mut t = longest;
        for trial in 0..self.settings.max_trials {
            let next = self.point.moved(self.problem, direction, t);
            let values = self.problem.values(&next.x);
            let merit = self.merit(&next, &values, from.blur);
            let finite = values.is_finite() && merit[1].is_finite();
            if finite && (is_tiny || self.accepts(merit, &from, t)) {
                if let Some(length) = self.accept(next, values, direction, [t, of_multipliers], &from, merit) {
                    self.short = if t < 0.1 * longest { self.short + 1 } else { 0 };
                    return Some(length);
                }
            } else if finite
                && trial == 0
                && merit[0] >= from.merit[0]
                && let Some(length) = self.corrected(direction, (t, of_multipliers), values, &from)
            {
                self.short = 0;
                return Some(length);
            }
            t *= 0.5;
        }
        None
    }

    /// The start of a search, with the errors of what it compares.
    fn from(&self, direction: &Direction) -> From {
        let (problem, point) = (&*self.problem, &self.point);
        let entries = problem.jacobian_places.iter().zip(&self.slopes.jacobian);
        let size: f64 = entries.map(|((_, column), value)| (value * point.x[*column]).abs()).sum();
        let blur = 10.0 * self.rounding * size;
        let merit = self.merit(point, &self.values, blur);
        let slope = point.barrier_slope(problem, &self.slopes.gradient, self.barrier, direction);
        let noise = 10.0 * self.rounding * merit[1].abs() + max_abs(&point.y) * blur;
        From { merit, slope, noise, blur }
    }

    /// Takes full steps without a search, a few times, in the hope of a point that the filter accepts (watchdog: Chamberlain and others,
    /// 1982). If there is none, goes back.
    fn without_search(&mut self, direction: &Direction, from: &From) -> Option<f64> {
        let saved = (self.point.clone(), self.values.clone(), self.slopes.clone());
        let (tau, mut direction) = ((1.0 - self.barrier).max(0.99), direction.clone());
        for _ in 0..WATCHDOG {
            let steps = self.point.longest(self.problem, &direction, tau);
            let next = self.point.moved(self.problem, &direction, steps[0]);
            let (values, slopes) = (self.problem.values(&next.x), self.problem.slopes(&next.x));
            let merit = self.merit(&next, &values, from.blur);
            if !(values.is_finite() && slopes.is_finite() && merit[1].is_finite()) {
                break;
            }
            (self.point, self.values, self.slopes) = (next, values, slopes);
            self.point.move_multipliers(self.problem, &direction, steps, self.barrier);
            if self.filter.accepts(merit, from.merit, 0.0) {
                self.filter.add(from.merit);
                self.learn(&(saved.0.x.clone(), saved.2.clone()));
                return Some(distance(&self.point.x, &saved.0.x));
            }
            match self.direction() {
                Some(next) => direction = next,
                None => break,
            }
        }
        (self.point, self.values, self.slopes) = saved;
        None
    }

    /// Violation beyond its rounding error, and value of the barrier function.
    pub(super) fn merit(&self, point: &Iterate, values: &Values, blur: f64) -> [f64; 2] {
        [
            (point.violation(self.problem, &values.constraints) - blur).max(0.0),
            point.barrier_value(self.problem, values.objective, self.barrier),
        ]
    }

    /// Whether the value must fall: the violation is small, and the slope promises more than the violation is worth.
    fn must_fall(&self, from: &From, t: f64) -> bool {
        let (violation, slope) = (from.merit[0], from.slope);
        slope < 0.0 && violation <= self.small && t * (-slope).powf(2.3) > violation.powf(1.1)
    }

    fn accepts(&self, merit: [f64; 2], from: &From, t: f64) -> bool {
        if self.must_fall(from, t) {
            merit[1] <= from.merit[1] + 1e-4 * t * from.slope + from.noise
                && self.filter.accepts(merit, [f64::INFINITY; 2], from.noise)
        } else {
            self.filter.accepts(merit, from.merit, from.noise)
        }
    }

    /// Second-order corrections: steps that take the constraints' curvature into account (Maratos effect).
    fn corrected(
        &mut self,
        direction: &Direction,
        (t, of_multipliers): (f64, f64),
        mut values: Values,
        from: &From,
    ) -> Option<f64> {
        let tau = (1.0 - self.barrier).max(0.99);
        let mut rows: Vec<f64> = self.point.rows(self.problem, &self.values.constraints).collect();
        let (mut scale, mut last) = (t, f64::INFINITY);
        let mut trial = self.point.moved(self.problem, direction, t);
        for _ in 0..CORRECTIONS {
            let there = trial.rows(self.problem, &values.constraints);
            rows = rows.iter().zip(there).map(|(row, there)| scale * row + there).collect();
            let mut right = self.right();
            right[self.problem.n..].iter_mut().zip(&rows).for_each(|(right, row)| *right = -row);
            let shift = self.used;
            let (solution, error) = self.system.solve(&self.with_slacks(&right, shift));
            if error > ACCURACY {
                return None;
            }
            let corrected = self.complete(&solution, shift);
            let [longest, _] = self.point.longest(self.problem, &corrected, tau);
            trial = self.point.moved(self.problem, &corrected, longest);
            values = self.problem.values(&trial.x);
            let merit = self.merit(&trial, &values, from.blur);
            if !values.is_finite() || !merit[1].is_finite() {
                return None;
            }
            if self.accepts(merit, from, t) {
                return self.accept(trial, values, direction, [t, of_multipliers], from, merit);
            }
            if merit[0] > 0.99 * last {
                return None;
            }
            (last, scale) = (merit[0], longest);
        }
        None
    }

    /// Goes to a point. None if the derivatives there are not finite.
    fn accept(
        &mut self,
        next: Iterate,
        values: Values,
        direction: &Direction,
        steps: [f64; 2],
        from: &From,
        merit: [f64; 2],
    ) -> Option<f64> {
        let slopes = self.problem.slopes(&next.x);
        if !slopes.is_finite() {
            return None;
        }
        let t = steps[0];
        let falls = self.must_fall(from, t) && merit[1] <= from.merit[1] + 1e-4 * t * from.slope + from.noise;
        if !falls {
            self.filter.add(from.merit);
        }
        let length = distance(&next.x, &self.point.x);
        let before = (self.point.x.clone(), self.slopes.clone());
        (self.point, self.values, self.slopes) = (next, values, slopes);
        self.point.move_multipliers(self.problem, direction, steps, self.barrier);
        self.learn(&before);
        Some(length)
    }

    /// Teaches the model the change of ∇L, both with the new multipliers.
    fn learn(&mut self, (x, slopes): &(Vec<f64>, Slopes)) {
        let Some(model) = &mut self.model else { return };
        let of = |slopes: &Slopes| -> Vec<f64> {
            let pull = self.problem.pull(&slopes.jacobian, &self.point.y);
            slopes.gradient.iter().zip(pull).map(|(slope, pull)| slope + pull).collect()
        };
        let y: Vec<f64> = of(&self.slopes).iter().zip(of(slopes)).map(|(new, old)| new - old).collect();
        let s: Vec<f64> = self.point.x.iter().zip(x).map(|(new, old)| new - old).collect();
        model.learn(&s, &y);
    }

    /// Whether the step changes nothing but rounding.
    fn is_tiny(&self, direction: &Direction) -> bool {
        let pairs = self.point.x.iter().zip(&direction.x).chain(self.point.s.iter().zip(&direction.s));
        pairs.map(|(x, d)| d.abs() / (1.0 + x.abs())).fold(0.0, f64::max) < 10.0 * self.rounding
    }
}
