//! The strong Wolfe conditions.

use super::{HagerZhang, Search};
use crate::solver::{
    EvaluationError, Objective, SolverError,
    error::{at_least_one, within},
    line::{Line, Trial},
};

/// A step that satisfies the strong Wolfe conditions, φ(t) ≤ φ(0) + c1·t·φ′(0) and |φ′(t)| ≤ c2·|φ′(0)|.
///
/// The search grows the step until an interval holds such a point, and shrinks the interval by safeguarded cubic and quadratic
/// interpolation. If rounding hides differences of φ, its slopes decide, as in [`HagerZhang`].
///
/// # Example
/// ```
/// use kiln_optim::solver::{LineSearch, NonlinearCg, StrongWolfe};
///
/// let solver = LineSearch::new(NonlinearCg::default(), StrongWolfe { c2: 0.1, ..StrongWolfe::default() });
/// ```
///
/// # References
/// Moré and Thuente (1994), as in MINPACK-2 and SciPy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StrongWolfe {
    /// Fraction of the predicted decrease that a step must reach, in (0, c2). Default 1e-4.
    pub c1: f64,
    /// Bound on the slope at t relative to φ′(0), in (c1, 1). Default 0.9, for Newton's and quasi-Newton methods; use 0.1 to 0.4
    /// for conjugate gradients.
    pub c2: f64,
    /// Maximum number of points. Default 40.
    pub max_trials: usize,
}

impl Default for StrongWolfe {
    fn default() -> Self {
        Self { c1: 1e-4, c2: 0.9, max_trials: 40 }
    }
}

/// One end of the interval.
#[derive(Clone, Copy, Debug)]
struct End {
    t: f64,
    value: f64,
    slope: f64,
}

impl End {
    /// The same end for φ(t) − c1·φ′(0)·t.
    fn tilted(self, slope: f64) -> Self {
        Self { value: self.value - self.t * slope, slope: self.slope - slope, ..self }
    }
}

/// Bounds of the growth of a step before the interval is found, relative to the last step.
const GROWTH: (f64, f64) = (1.1, 4.0);

impl Search for StrongWolfe {
    fn validate(&self) -> Result<(), SolverError> {
        within("c2", self.c2, 0.0, 1.0, "in (c1, 1)")?;
        within("c1", self.c1, 0.0, self.c2, "in (0, c2)")?;
        at_least_one("max_trials", self.max_trials)
    }

    fn search<P: Objective>(&self, line: &Line<'_, P>) -> Result<Option<Trial>, EvaluationError> {
        let required = self.c1 * line.slope;
        let start = End { t: 0.0, value: line.value, slope: line.slope };
        // `best` has the lowest value so far. Once `bracketed`, a minimiser lies between it and `other`.
        let (mut best, mut other) = (start, start);
        let mut best_trial = None;
        let mut bracketed = false;
        // Until a point is both low enough and rising, interpolate the function minus the required decrease.
        let mut first_stage = true;
        let (mut width, mut width_before) = (f64::INFINITY, f64::INFINITY);
        let mut t = line.first;
        let (mut low, mut high) = (0.0, t + GROWTH.1 * t);
        for _ in 0..self.max_trials {
            let trial = line.at(t)?;
            if trial.value.is_infinite() {
                // Outside of the domain: go back towards the best point.
                bracketed = true;
                other = End { t, value: f64::INFINITY, slope: f64::INFINITY };
                (low, high) = (best.t.min(t), best.t.max(t));
                t = best.t + 0.1 * (t - best.t);
                continue;
            }
            if line.decreases(&trial, self.c1) && trial.slope.abs() <= -self.c2 * line.slope {
                return Ok(Some(trial));
            }
            // If values differ by rounding only, slopes decide.
            if (trial.value - line.value).abs() <= line.rounding {
                return self.by_slopes(line);
            }
            let here = End { t, value: trial.value, slope: trial.slope };
            let enough = line.value + t * required;
            if first_stage && here.value <= enough && here.slope >= 0.0 {
                first_stage = false;
            }
            let next = if first_stage && here.value <= best.value && here.value > enough {
                let (mut b, mut o) = (best.tilted(required), other.tilted(required));
                let next = interpolate(&mut b, &mut o, here.tilted(required), &mut bracketed, low, high);
                (best, other) = (b.tilted(-required), o.tilted(-required));
                next
            } else {
                interpolate(&mut best, &mut other, here, &mut bracketed, low, high)
            };
            #[allow(clippy::float_cmp, reason = "the trial became the best end, or did not")]
            if best.t == here.t {
                best_trial = Some(trial);
            }
            t = next;
            if bracketed {
                let length = (other.t - best.t).abs();
                if length >= 0.66 * width_before {
                    t = best.t + 0.5 * (other.t - best.t);
                }
                (width_before, width) = (width, length);
                (low, high) = (best.t.min(other.t), best.t.max(other.t));
                if t <= low || t >= high || high - low <= f64::EPSILON * high {
                    break;
                }
            } else {
                (low, high) = (t + GROWTH.0 * (t - best.t), t + GROWTH.1 * (t - best.t));
            }
        }
        // The conditions do not hold, but the value is lower.
        Ok(best_trial.filter(|trial| line.decreases(trial, self.c1)))
    }
}

impl StrongWolfe {
    fn by_slopes<P: Objective>(&self, line: &Line<'_, P>) -> Result<Option<Trial>, EvaluationError> {
        let (delta, sigma) = (self.c1.min(0.49), self.c2);
        HagerZhang { delta, sigma, epsilon: f64::MIN_POSITIVE, max_trials: self.max_trials }.search(line)
    }
}

/// The next step from the ends of the interval and a new point, which replaces one of them (`dcstep` of MINPACK-2).
fn interpolate(best: &mut End, other: &mut End, here: End, bracketed: &mut bool, low: f64, high: f64) -> f64 {
    let opposite = here.slope * best.slope.signum() < 0.0;
    let next = if here.value > best.value {
        // Higher: a minimiser lies between.
        let cubic = cubic_minimiser(*best, here);
        let slope = (best.value - here.value) / (here.t - best.t) + best.slope;
        let quadratic = best.t + best.slope / slope / 2.0 * (here.t - best.t);
        *bracketed = true;
        if (cubic - best.t).abs() < (quadratic - best.t).abs() { cubic } else { cubic + (quadratic - cubic) / 2.0 }
    } else if opposite {
        // Lower, and past a minimiser.
        let cubic = cubic_minimiser(here, *best);
        let secant = here.t + here.slope / (here.slope - best.slope) * (best.t - here.t);
        *bracketed = true;
        if (cubic - here.t).abs() > (secant - here.t).abs() { cubic } else { secant }
    } else if here.slope.abs() < best.slope.abs() {
        // Lower and flatter: the cubic may have no minimum ahead.
        let cubic = cubic_ahead(*best, here, low, high);
        let secant = here.t + here.slope / (here.slope - best.slope) * (best.t - here.t);
        let nearer = (cubic - here.t).abs() < (secant - here.t).abs();
        if *bracketed {
            let next = if nearer { cubic } else { secant };
            let limit = here.t + 0.66 * (other.t - here.t);
            if here.t > best.t { next.min(limit) } else { next.max(limit) }
        } else {
            let next = if nearer { secant } else { cubic };
            next.clamp(low, high)
        }
    } else if *bracketed {
        // Lower, but not flatter.
        if other.value.is_finite() { cubic_minimiser(here, *other) } else { here.t + 0.5 * (other.t - here.t) }
    } else if here.t > best.t {
        high
    } else {
        low
    };
    if here.value > best.value {
        *other = here;
    } else {
        if opposite {
            *other = *best;
        }
        *best = here;
    }
    next
}

/// The minimiser of the cubic through both ends.
fn cubic_minimiser(a: End, b: End) -> f64 {
    let theta = 3.0 * (a.value - b.value) / (b.t - a.t) + a.slope + b.slope;
    let scale = theta.abs().max(a.slope.abs()).max(b.slope.abs());
    let root = scale * ((theta / scale).powi(2) - (a.slope / scale) * (b.slope / scale)).max(0.0).sqrt();
    let gamma = if b.t < a.t { -root } else { root };
    a.t + ((gamma - a.slope) + theta) / ((gamma - a.slope) + gamma + b.slope) * (b.t - a.t)
}

/// The minimiser of the cubic beyond `here`, or a limit if it has none there.
fn cubic_ahead(best: End, here: End, low: f64, high: f64) -> f64 {
    let theta = 3.0 * (best.value - here.value) / (here.t - best.t) + best.slope + here.slope;
    let scale = theta.abs().max(best.slope.abs()).max(here.slope.abs());
    let root = scale * ((theta / scale).powi(2) - (best.slope / scale) * (here.slope / scale)).max(0.0).sqrt();
    let gamma = if here.t > best.t { -root } else { root };
    let ratio = ((gamma - here.slope) + theta) / ((gamma + (best.slope - here.slope)) + gamma);
    if ratio < 0.0 && root > 0.0 {
        here.t + ratio * (best.t - here.t)
    } else if here.t > best.t {
        high
    } else {
        low
    }
}
