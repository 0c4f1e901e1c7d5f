//! What the methods share: the order of the terms, the counts, and the outcome.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::sum::FiniteSum;
use crate::{
    norms::{distance, max_abs},
    solver::{Evaluations, Iteration, Outcome, SolverError, Status, Stop},
};

/// A run in progress.
pub(super) struct Run<'a, P: ?Sized> {
    pub(super) problem: &'a P,
    stop: &'a Stop,
    pub(super) n: usize,
    pub(super) x: Vec<f64>,
    all: Vec<usize>,
    random: ChaCha8Rng,
    /// Number of evaluated terms.
    evaluated: usize,
    history: Vec<Iteration>,
    /// The smallest value and gradient, and the last iteration with a new one of either.
    lowest: (f64, f64, usize),
    /// The last point with a finite value and gradient.
    finite: Option<(Vec<f64>, Whole)>,
}

/// The value and the gradient of all terms.
#[derive(Clone)]
pub(super) struct Whole {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
}

impl<'a, P: FiniteSum + ?Sized> Run<'a, P> {
    pub(super) fn new(problem: &'a P, x: Vec<f64>, seed: u64, stop: &'a Stop) -> Result<Self, SolverError> {
        stop.validate()?;
        let terms = problem.terms();
        let empty = |name, expected| Err(SolverError::Option { name, expected, got: 0.0 });
        if x.is_empty() {
            return empty("start", "a vector with at least 1 number");
        }
        if terms == 0 {
            return empty("terms", "at least 1");
        }
        Ok(Self {
            problem,
            stop,
            n: terms,
            x,
            all: (0..terms).collect(),
            random: ChaCha8Rng::seed_from_u64(seed),
            evaluated: 0,
            history: Vec::new(),
            lowest: (f64::INFINITY, f64::INFINITY, 0),
            finite: None,
        })
    }

    /// The value and gradient of some terms at x.
    pub(super) fn part(&mut self, terms: &[usize], x: &[f64]) -> Result<(f64, Vec<f64>), SolverError> {
        self.evaluated += terms.len();
        let mut gradient = vec![0.0; x.len()];
        let value = self.problem.evaluate(terms, x, &mut gradient)?;
        Ok((value, gradient))
    }

    /// Runs epochs, which move x, until the run ends. An epoch is given the value and gradient of all terms at its start.
    pub(super) fn epochs(
        mut self,
        mut epoch: impl FnMut(&mut Self, &Whole) -> Result<(), SolverError>,
    ) -> Result<Outcome, SolverError> {
        let mut whole = self.whole()?;
        let mut step = 0.0;
        loop {
            if let Some(status) = self.record(&whole, step) {
                return self.outcome(&whole, status);
            }
            let before = self.x.clone();
            epoch(&mut self, &whole)?;
            step = distance(&self.x, &before);
            whole = self.whole()?;
        }
    }

    fn whole(&mut self) -> Result<Whole, SolverError> {
        let (all, x) = (std::mem::take(&mut self.all), self.x.clone());
        let whole = self.part(&all, &x);
        self.all = all;
        let (value, gradient) = whole?;
        Ok(Whole { value, gradient })
    }

    /// Minibatches of all terms in a random order.
    pub(super) fn minibatches(&mut self, size: usize) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.n).collect();
        for last in (1..self.n).rev() {
            order.swap(last, self.draw(last + 1));
        }
        order.chunks(size).map(<[usize]>::to_vec).collect()
    }

    /// A number below `limit`.
    #[allow(clippy::cast_possible_truncation, reason = "below the limit")]
    pub(super) fn draw(&mut self, limit: usize) -> usize {
        ((u128::from(self.random.next_u64()) * limit as u128) >> 64) as usize
    }

    /// Records the start or an epoch. Returns why the run ends, if it does.
    fn record(&mut self, whole: &Whole, step: f64) -> Option<Status> {
        let iteration = self.history.len();
        let (value, grad_norm) = (whole.value, max_abs(&whole.gradient));
        self.history.push(Iteration { iteration, value, grad_norm, step, values: self.passes() });
        let is_finite = value.is_finite() && grad_norm.is_finite();
        if is_finite {
            self.finite = Some((self.x.clone(), whole.clone()));
        }
        let (lowest, flattest, _) = self.lowest;
        if value < lowest || grad_norm < flattest {
            self.lowest = (value.min(lowest), grad_norm.min(flattest), iteration);
        }
        match () {
            () if value == f64::NEG_INFINITY => Some(Status::Unbounded),
            () if !is_finite => Some(if iteration == 0 { Status::NotFinite } else { Status::NoProgress }),
            () if grad_norm <= self.stop.gtol => Some(Status::GradientSmall),
            () if value < self.stop.lower_bound => Some(Status::Unbounded),
            () if iteration - self.lowest.2 > self.stop.patience => Some(Status::Stalled),
            () if iteration >= self.stop.max_iter || self.passes() >= self.stop.max_evaluations => Some(Status::Budget),
            () => None,
        }
    }

    /// Number of passes over all terms.
    fn passes(&self) -> usize {
        self.evaluated.div_ceil(self.n)
    }

    /// The outcome at the last point with finite numbers.
    fn outcome(self, whole: &Whole, status: Status) -> Result<Outcome, SolverError> {
        let passes = self.passes();
        let (x, whole) = self.finite.as_ref().map_or((&self.x, whole), |(x, whole)| (x, whole));
        let message = match status {
            Status::NoProgress => {
                "stopped: the value or the gradient is not finite any more: choose a smaller step size"
            }
            Status::Stalled => {
                "stopped: neither the value nor the gradient decreased for many epochs: this is as near as the method gets with its step \
                 size and minibatches"
            }
            other => other.message(),
        };
        Ok(Outcome {
            x: self.problem.vector(x)?,
            gradient: self.problem.vector(&whole.gradient)?,
            value: whole.value,
            grad_norm: max_abs(&whole.gradient),
            status,
            success: status.is_success(),
            message: message.to_owned(),
            iterations: self.history.len().saturating_sub(1),
            downhill: None,
            evaluations: Evaluations { values: passes, gradients: passes, hessians: 0 },
            history: self.history,
        })
    }
}
