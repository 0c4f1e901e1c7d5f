//! A point strictly within its bounds, with multipliers.

use super::scaled::{Scaled, Slopes, Values};

/// Fraction of the distance to a bound that a start keeps, and of the width (Wächter and Biegler, 2006, section 3.6).
const INSIDE: f64 = 1e-2;
/// How far the product of a distance and its multiplier may be from the barrier parameter, as a factor.
const SPREAD: f64 = 1e10;

/// x, the slacks s of g(x) + s = 0, and the multipliers of all constraints and bounds.
#[derive(Clone, Debug)]
pub(super) struct Iterate {
    pub(super) x: Vec<f64>,
    pub(super) s: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) lower: Vec<f64>,
    pub(super) upper: Vec<f64>,
    /// Those of s ≥ 0.
    pub(super) slack: Vec<f64>,
}

/// A direction in all of them.
pub(super) type Direction = Iterate;

/// The largest entries of the equations that the iterate does not satisfy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errors {
    pub(super) stationarity: f64,
    pub(super) violation: f64,
    pub(super) complementarity: f64,
}

/// Moves an unknown inside of its bounds, by less if the barrier is low.
#[allow(clippy::float_cmp, reason = "an unknown is fixed if its bounds are the same number")]
pub(super) fn inside(x: f64, low: f64, high: f64, barrier: f64) -> f64 {
    if low == high {
        return low;
    }
    let share = INSIDE.min(barrier);
    let room = |bound: f64| (share * bound.abs().max(1.0)).min(share * (high - low));
    let x = if low.is_finite() { x.max(low + room(low)) } else { x };
    if high.is_finite() { x.min(high - room(high)) } else { x }
}

impl Iterate {
    /// An iterate at x, which is inside of its bounds, with slacks and multipliers of the size of the barrier.
    pub(super) fn at(problem: &Scaled<'_>, x: Vec<f64>, constraints: &[f64], barrier: f64) -> Self {
        let s: Vec<f64> = constraints[problem.equalities..].iter().map(|g| (-g).max(INSIDE.min(barrier))).collect();
        let of =
            |distance: f64| if distance.is_finite() && distance > 0.0 { (barrier / distance).min(1.0) } else { 0.0 };
        let lower = x.iter().zip(&problem.lower).map(|(x, low)| of(x - low)).collect();
        let upper = x.iter().zip(&problem.upper).map(|(x, high)| of(high - x)).collect();
        let slack = s.iter().map(|s| of(*s)).collect();
        Self { y: vec![0.0; problem.m], x, s, lower, upper, slack }
    }

    /// The distances to the lower bounds, and to the upper bounds. They are infinite where there is none, and where lower = upper.
    pub(super) fn distances<'d>(&'d self, problem: &'d Scaled<'_>) -> impl Iterator<Item = [f64; 2]> + 'd {
        (0..self.x.len()).map(move |i| {
            if problem.is_fixed(i) {
                [f64::INFINITY; 2]
            } else {
                [self.x[i] - problem.lower[i], problem.upper[i] - self.x[i]]
            }
        })
    }

    /// The number of bounds of x and s, at least 1.
    #[allow(clippy::cast_precision_loss, reason = "a count")]
    pub(super) fn count(&self, problem: &Scaled<'_>) -> f64 {
        let bounds = self.distances(problem).flatten().filter(|distance| distance.is_finite()).count();
        (bounds + self.s.len()).max(1) as f64
    }

    /// The sum of the products of the distances and their multipliers: how far the value may be from the minimum of a convex problem.
    pub(super) fn gap(&self, problem: &Scaled<'_>) -> f64 {
        let product = |distance: f64, z: f64| if distance.is_finite() { distance * z } else { 0.0 };
        let bounds = self.distances(problem).zip(self.lower.iter().zip(&self.upper));
        let bounds: f64 =
            bounds.map(|([below, above], (low, high))| product(below, *low) + product(above, *high)).sum();
        bounds + self.s.iter().zip(&self.slack).map(|(s, z)| s * z).sum::<f64>()
    }

    /// Σ |h| + Σ |g + s|.
    pub(super) fn violation(&self, problem: &Scaled<'_>, constraints: &[f64]) -> f64 {
        self.rows(problem, constraints).map(f64::abs).sum()
    }

    /// h and g + s.
    pub(super) fn rows<'d>(&'d self, problem: &Scaled<'_>, constraints: &'d [f64]) -> impl Iterator<Item = f64> + 'd {
        let (h, g) = constraints.split_at(problem.equalities);
        h.iter().copied().chain(g.iter().zip(&self.s).map(|(g, s)| g + s))
    }

    /// f − μ·Σ ln(distance).
    pub(super) fn barrier_value(&self, problem: &Scaled<'_>, objective: f64, barrier: f64) -> f64 {
        let ln = |distance: f64| if distance.is_finite() { distance.ln() } else { 0.0 };
        let bounds: f64 = self.distances(problem).map(|[below, above]| ln(below) + ln(above)).sum();
        objective - barrier * (bounds + self.s.iter().map(|s| s.ln()).sum::<f64>())
    }

    /// The derivative of the barrier function along a direction.
    pub(super) fn barrier_slope(&self, problem: &Scaled<'_>, gradient: &[f64], barrier: f64, along: &Direction) -> f64 {
        let bounds = self.distances(problem).zip(gradient.iter().zip(&along.x));
        let x: f64 = bounds.map(|([below, above], (slope, d))| (slope - barrier / below + barrier / above) * d).sum();
        x - self.s.iter().zip(&along.s).map(|(s, d)| barrier / s * d).sum::<f64>()
    }

    /// ∇ₓL with all constraints.
    pub(super) fn stationarity(&self, problem: &Scaled<'_>, slopes: &Slopes) -> Vec<f64> {
        let pull = problem.pull(&slopes.jacobian, &self.y);
        (0..self.x.len())
            .map(
                |i| {
                    if problem.is_fixed(i) { 0.0 } else { slopes.gradient[i] + pull[i] - self.lower[i] + self.upper[i] }
                },
            )
            .collect()
    }

    pub(super) fn errors(&self, problem: &Scaled<'_>, values: &Values, slopes: &Slopes, barrier: f64) -> Errors {
        let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, |largest: f64, v| largest.max(v.abs()));
        let slacks = &self.y[problem.equalities..];
        let stationarity = largest(&mut self.stationarity(problem, slopes).into_iter())
            .max(largest(&mut slacks.iter().zip(&self.slack).map(|(y, z)| y - z)));
        let product = |distance: f64, z: f64| if distance.is_finite() { distance * z - barrier } else { 0.0 };
        let bounds = self.distances(problem).zip(self.lower.iter().zip(&self.upper));
        let complementarity =
            largest(&mut bounds.flat_map(|([b, a], (low, high))| [product(b, *low), product(a, *high)]))
                .max(largest(&mut self.s.iter().zip(&self.slack).map(|(s, z)| product(*s, *z))));
        // Large multipliers magnify rounding.
        let multipliers = [&self.y, &self.lower, &self.upper, &self.slack];
        let count = multipliers.iter().map(|values| values.len()).sum::<usize>().max(1);
        #[allow(clippy::cast_precision_loss, reason = "a mean")]
        let mean = multipliers.into_iter().flatten().map(|value| value.abs()).sum::<f64>() / count as f64;
        let size = mean.max(100.0) / 100.0;
        Errors {
            stationarity: stationarity / size,
            violation: largest(&mut self.rows(problem, &values.constraints)),
            complementarity: complementarity / size,
        }
    }

    /// The longest steps, up to 1, after which the distances, and the multipliers, keep a fraction 1 − τ of what they are.
    pub(super) fn longest(&self, problem: &Scaled<'_>, along: &Direction, tau: f64) -> [f64; 2] {
        let cut = |longest: f64, (value, change): (f64, f64)| {
            if change < 0.0 && value.is_finite() { longest.min(-tau * value / change) } else { longest }
        };
        let distances = self.distances(problem).zip(&along.x).flat_map(|([b, a], d)| [(b, *d), (a, -d)]);
        let slacks = self.s.iter().copied().zip(along.s.iter().copied());
        let pairs = |values: &[f64], changes: &[f64]| -> Vec<(f64, f64)> {
            values.iter().copied().zip(changes.iter().copied()).collect()
        };
        let multipliers =
            [(&self.lower, &along.lower), (&self.upper, &along.upper), (&self.slack, &along.slack)].into_iter();
        [
            distances.chain(slacks).fold(1.0, cut),
            multipliers.flat_map(|(values, changes)| pairs(values, changes)).fold(1.0, cut),
        ]
    }

    /// x and s after a step.
    pub(super) fn moved(&self, problem: &Scaled<'_>, along: &Direction, t: f64) -> Self {
        let add =
            |values: &[f64], changes: &[f64]| values.iter().zip(changes).map(|(v, d)| v + t * d).collect::<Vec<_>>();
        let mut next = Self { x: add(&self.x, &along.x), s: add(&self.s, &along.s), ..self.clone() };
        // Rounding must not put a point on a bound.
        for i in 0..next.x.len() {
            let (low, high) = (problem.lower[i], problem.upper[i]);
            if low < high && (next.x[i] <= low || next.x[i] >= high) {
                next.x[i] = self.x[i];
            }
        }
        next
    }

    /// Moves the multipliers, and keeps each within a factor of the barrier's.
    pub(super) fn move_multipliers(&mut self, problem: &Scaled<'_>, along: &Direction, steps: [f64; 2], barrier: f64) {
        let add = |values: &mut [f64], changes: &[f64], t: f64| {
            values.iter_mut().zip(changes).for_each(|(value, change)| *value += t * change);
        };
        add(&mut self.y, &along.y, steps[0]);
        add(&mut self.lower, &along.lower, steps[1]);
        add(&mut self.upper, &along.upper, steps[1]);
        add(&mut self.slack, &along.slack, steps[1]);
        let keep = |z: f64, distance: f64| {
            if distance.is_finite() { z.clamp(barrier / distance / SPREAD, barrier / distance * SPREAD) } else { 0.0 }
        };
        let distances: Vec<[f64; 2]> = self.distances(problem).collect();
        for (i, [below, above]) in distances.into_iter().enumerate() {
            (self.lower[i], self.upper[i]) = (keep(self.lower[i], below), keep(self.upper[i], above));
        }
        for (z, s) in self.slack.iter_mut().zip(&self.s) {
            *z = keep(*z, *s);
        }
    }
}
