//! The approximate Wolfe conditions.

use super::Search;
use crate::solver::{
    EvaluationError, Objective, SolverError,
    error::{at_least_one, within},
    line::{Line, Trial},
};

/// A step that satisfies the Wolfe conditions or the approximate Wolfe conditions.
///
/// The Wolfe conditions are φ(t) ≤ φ(0) + δ·t·φ′(0) and φ′(t) ≥ σ·φ′(0). The approximate ones are (2δ − 1)·φ′(0) ≥ φ′(t) ≥ σ·φ′(0)
/// and φ(t) ≤ φ(0) + ε. They compare slopes, so they hold to the accuracy of the gradient, while differences of values are lost in
/// rounding earlier.
///
/// # Example
/// ```
/// use kiln_optim::solver::{HagerZhang, LineSearch, NonlinearCg};
///
/// let solver = LineSearch::new(NonlinearCg::default(), HagerZhang { sigma: 0.5, ..HagerZhang::default() });
/// ```
///
/// # References
/// Hager and Zhang (2005), §4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HagerZhang {
    /// δ, in (0, min(½, σ)). Default 0.1.
    pub delta: f64,
    /// σ, in (δ, 1). Default 0.9.
    pub sigma: f64,
    /// ε relative to |φ(0)|. Default 1e-6.
    pub epsilon: f64,
    /// Maximum number of points. Default 50.
    pub max_trials: usize,
}

impl Default for HagerZhang {
    fn default() -> Self {
        Self { delta: 0.1, sigma: 0.9, epsilon: 1e-6, max_trials: 50 }
    }
}

/// Growth factor of the step until the interval is found: ρ of the paper.
const GROWTH: f64 = 5.0;
/// An interval that shrinks by less than this factor is bisected: γ of the paper.
const SHRINK: f64 = 0.66;

/// Why the search is over.
enum Over {
    Found(Box<Trial>),
    OutOfTrials,
    Error(EvaluationError),
}

/// An end of the interval, with its slope.
#[derive(Clone, Copy, Debug)]
struct End {
    t: f64,
    slope: f64,
}

struct Run<'a, 'b, P> {
    options: HagerZhang,
    line: &'a Line<'b, P>,
    ceiling: f64,
    trials: usize,
    /// The best point below φ(0), if there is one.
    lowest: Option<Trial>,
}

impl<P: Objective> Run<'_, '_, P> {
    /// φ and φ′ at t. Ends the search if the conditions hold.
    fn at(&mut self, t: f64) -> Result<(f64, f64), Over> {
        if self.trials == self.options.max_trials {
            return Err(Over::OutOfTrials);
        }
        self.trials += 1;
        let trial = self.line.at(t).map_err(Over::Error)?;
        let (value, slope) = (trial.value, trial.slope);
        let (delta, sigma) = (self.options.delta, self.options.sigma);
        let steep = slope < sigma * self.line.slope;
        let wolfe = value <= self.line.value + delta * t * self.line.slope;
        let approximate = value <= self.ceiling && slope <= (2.0 * delta - 1.0) * self.line.slope;
        if !steep && (wolfe || approximate) {
            return Err(Over::Found(Box::new(trial)));
        }
        if value < self.lowest.as_ref().map_or(self.line.value, |lowest| lowest.value) {
            self.lowest = Some(trial);
        }
        Ok((value, slope))
    }

    /// The paper's `update` of the interval with a new point c.
    fn update(&mut self, a: End, b: End, c: f64) -> Result<(End, End), Over> {
        if !(c > a.t && c < b.t) {
            return Ok((a, b));
        }
        let (value, slope) = self.at(c)?;
        let c = End { t: c, slope };
        if slope >= 0.0 {
            Ok((a, c))
        } else if value <= self.ceiling {
            Ok((c, b))
        } else {
            self.bisect(a, c)
        }
    }

    /// Bisects between an end with a negative slope and one with a negative slope but too high a value (U3).
    fn bisect(&mut self, mut a: End, mut b: End) -> Result<(End, End), Over> {
        loop {
            let t = 0.5 * (a.t + b.t);
            let (value, slope) = self.at(t)?;
            let c = End { t, slope };
            if slope >= 0.0 {
                return Ok((a, c));
            }
            if value <= self.ceiling { a = c } else { b = c }
        }
    }

    fn bracket(&mut self) -> Result<(End, End), Over> {
        let start = End { t: 0.0, slope: self.line.slope };
        let mut low = start;
        let mut t = self.line.first;
        loop {
            let (value, slope) = self.at(t)?;
            let here = End { t, slope };
            // Outside of the domain both are infinite: the end rises, but has no slope to interpolate with.
            if value.is_infinite() {
                return self.bisect(low, here);
            }
            if slope >= 0.0 {
                return Ok((low, here));
            }
            if value > self.ceiling {
                return self.bisect(start, here);
            }
            low = here;
            t *= GROWTH;
        }
    }

    #[allow(clippy::float_cmp, reason = "whether an end is the very point just tried")]
    fn secant_twice(&mut self, a: End, b: End) -> Result<(End, End), Over> {
        let c = secant(a, b);
        let (low, high) = self.update(a, b, c)?;
        if c == high.t {
            let again = secant(b, high);
            self.update(low, high, again)
        } else if c == low.t {
            let again = secant(a, low);
            self.update(low, high, again)
        } else {
            Ok((low, high))
        }
    }

    fn run(&mut self) -> Over {
        let mut go = || -> Result<std::convert::Infallible, Over> {
            let (mut a, mut b) = self.bracket()?;
            loop {
                let (mut low, mut high) = self.secant_twice(a, b)?;
                if high.t - low.t > SHRINK * (b.t - a.t) {
                    (low, high) = self.update(low, high, 0.5 * (low.t + high.t))?;
                }
                if high.t - low.t <= f64::EPSILON * high.t {
                    return Err(Over::OutOfTrials);
                }
                (a, b) = (low, high);
            }
        };
        match go() {
            Err(over) => over,
            Ok(never) => match never {},
        }
    }
}

fn secant(a: End, b: End) -> f64 {
    (a.t * b.slope - b.t * a.slope) / (b.slope - a.slope)
}

impl Search for HagerZhang {
    fn validate(&self) -> Result<(), SolverError> {
        within("sigma", self.sigma, 0.0, 1.0, "in (delta, 1)")?;
        within("delta", self.delta, 0.0, self.sigma.min(0.5), "in (0, min(0.5, sigma))")?;
        within("epsilon", self.epsilon, 0.0, 1.0, "in (0, 1)")?;
        at_least_one("max_trials", self.max_trials)
    }

    fn search<P: Objective>(&self, line: &Line<'_, P>) -> Result<Option<Trial>, EvaluationError> {
        let ceiling = line.value + (self.epsilon * line.value.abs()).max(line.rounding);
        let mut run = Run { options: *self, line, ceiling, trials: 0, lowest: None };
        match run.run() {
            Over::Found(trial) => Ok(Some(*trial)),
            Over::OutOfTrials => Ok(run.lowest),
            Over::Error(error) => Err(error),
        }
    }
}
