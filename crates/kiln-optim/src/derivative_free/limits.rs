//! What both methods share: bounds, counts and the outcome.

use super::values::Values;
use crate::solver::{Bounds, Evaluations, Iteration, Outcome, SolverError, Status};

/// A function within bounds, whose evaluations are counted.
pub(super) struct Within<'a, P: ?Sized> {
    problem: &'a P,
    lower: Vec<f64>,
    upper: Vec<f64>,
    pub(super) evaluations: usize,
    max_evaluations: usize,
}

/// A point with its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Evaluated {
    pub(super) x: Vec<f64>,
    pub(super) value: f64,
}

impl<'a, P: Values + ?Sized> Within<'a, P> {
    pub(super) fn new(
        problem: &'a P,
        start: &[f64],
        (lower, upper): (&Option<Vec<f64>>, &Option<Vec<f64>>),
        max_evaluations: usize,
    ) -> Result<Self, SolverError> {
        let n = start.len();
        if n == 0 {
            return Err(SolverError::Option { name: "start", expected: "a vector with at least 1 number", got: 0.0 });
        }
        if let Some(&got) = start.iter().find(|x| !x.is_finite()) {
            return Err(SolverError::Option { name: "start", expected: "finite numbers", got });
        }
        let side = |name, given: &Option<Vec<f64>>, none: f64| match given {
            None => Ok(vec![none; n]),
            Some(given) if given.len() == n => Ok(given.clone()),
            Some(given) => Err(SolverError::Length { name, expected: n, got: given.len() }),
        };
        let lower = side("lower", lower, f64::NEG_INFINITY)?;
        let upper = side("upper", upper, f64::INFINITY)?;
        // They are checked as the bounds of all solvers are.
        Bounds::new(&lower, &upper)?;
        Ok(Self { problem, lower, upper, evaluations: 0, max_evaluations })
    }

    /// The nearest point within the bounds.
    pub(super) fn nearest(&self, x: &[f64]) -> Vec<f64> {
        x.iter().zip(self.lower.iter().zip(&self.upper)).map(|(x, (low, high))| x.max(*low).min(*high)).collect()
    }

    /// The point within the bounds that mirrors at them lead to.
    #[allow(clippy::float_cmp, reason = "a variable is fixed if its bounds are the same number")]
    pub(super) fn mirrored(&self, x: &[f64]) -> Vec<f64> {
        let fold = |(x, (&low, &high)): (&f64, (&f64, &f64))| match (low.is_finite(), high.is_finite()) {
            (true, true) if low == high => low,
            (true, true) => {
                let (width, from_low) = (high - low, (x - low).rem_euclid(2.0 * (high - low)));
                low + if from_low > width { 2.0 * width - from_low } else { from_low }
            }
            (true, false) => low + (x - low).abs(),
            (false, true) => high - (high - x).abs(),
            (false, false) => *x,
        };
        let folded: Vec<f64> = x.iter().zip(self.lower.iter().zip(&self.upper)).map(fold).collect();
        // Rounding may lead beyond a bound.
        self.nearest(&folded)
    }

    pub(super) fn bounds(&self, j: usize) -> (f64, f64) {
        (self.lower[j], self.upper[j])
    }

    /// Computes the value at x, which is within the bounds.
    pub(super) fn at(&mut self, x: Vec<f64>) -> Result<Evaluated, SolverError> {
        self.evaluations += 1;
        let value = self.problem.value(&x)?;
        Ok(Evaluated { x, value: if value.is_nan() { f64::INFINITY } else { value } })
    }

    pub(super) fn is_spent(&self) -> bool {
        self.evaluations >= self.max_evaluations
    }

    pub(super) fn outcome(
        &self,
        Evaluated { x, value }: &Evaluated,
        status: Status,
        history: Vec<Iteration>,
    ) -> Result<Outcome, SolverError> {
        Ok(Outcome {
            gradient: self.problem.vector(&vec![f64::NAN; x.len()])?,
            x: self.problem.vector(x)?,
            value: *value,
            grad_norm: f64::NAN,
            status,
            success: status.is_success(),
            message: status.message().to_owned(),
            iterations: history.last().map_or(0, |last| last.iteration),
            downhill: None,
            evaluations: Evaluations { values: self.evaluations, gradients: 0, hessians: 0 },
            history,
        })
    }
}

pub(super) fn record(iteration: usize, value: f64, step: f64, values: usize) -> Iteration {
    Iteration { iteration, value, grad_norm: f64::NAN, step, values }
}
