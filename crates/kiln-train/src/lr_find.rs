//! The learning-rate range test: in which steps a model learns, and in which it flies apart.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use burn::{module::Module, tensor::Device};
use kiln_data::Dataset;
use kiln_optim::{FirstOrder, Schedule, ScheduleError};
use serde::Serialize;

use crate::{Objective, Observer, StepReport, TrainConfig, TrainError, Trainer};

/// Settings of [`lr_find`].
#[derive(Clone, Debug)]
pub struct LrFindConfig {
    /// The first step size, positive. Default 1e-7.
    pub from: f64,
    /// The last step size, above the first. Default 10.
    pub to: f64,
    /// Steps of the sweep, at least 4/(1 − β) and at least 10. Default 200.
    pub steps: u64,
    /// β of the smoothed loss, in [0, 1): a loss counts for β of what the next one counts. Default 0.95.
    pub smoothing: f64,
    /// Examples a step. Default 128.
    pub batch_size: usize,
    /// What fixes noise and order. Default 0.
    pub seed: u64,
}

impl Default for LrFindConfig {
    fn default() -> Self {
        Self { from: 1e-7, to: 10.0, steps: 200, smoothing: 0.95, batch_size: 128, seed: 0 }
    }
}

/// What a sweep showed.
#[derive(Clone, Debug, Serialize)]
pub struct LrRange {
    /// Every step, in order.
    pub points: Vec<LrPoint>,
    /// The step size at which the smoothed loss fell fastest over ln ε, before its minimum: a step size to train with.
    /// Absent when the loss never fell.
    pub suggestion: Option<f64>,
    /// The step size of the smallest smoothed loss: beyond it training comes apart. Absent when the loss never fell.
    pub minimum: Option<f64>,
    /// Whether the sweep ended early, because the loss had risen far above its minimum or was not finite.
    pub diverged: bool,
}

/// One step of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LrPoint {
    /// ε.
    pub lr: f64,
    /// The minibatch's loss, before the step.
    pub loss: f64,
    /// The exponential moving average of the losses, without bias towards the start.
    pub smoothed: f64,
}

/// Settings that make no sweep.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LrFindError {
    /// The range has no length, or is not positive.
    #[error("the sweep must go from a positive learning rate to a larger one, got {from} to {to}")]
    Range {
        /// The first step size.
        from: f64,
        /// The last one.
        to: f64,
    },
    /// Too few steps to see a slope.
    #[error("a sweep with this smoothing must have at least {needed} steps, got {got}")]
    Steps {
        /// Steps that are needed.
        needed: u64,
        /// Steps that were asked for.
        got: u64,
    },
    /// β outside [0, 1).
    #[error("the smoothing must be in [0, 1), got {0}")]
    Smoothing(f64),
}

/// A loss that has risen to this many times the smallest one's size above it will not come back.
const RISE: f64 = 3.0;

impl LrFindConfig {
    /// ε_k = from·(to/from)^(k/(steps − 1)).
    ///
    /// # Errors
    /// [`LrFindError`] when a number is out of its range.
    pub fn schedule(&self) -> Result<Schedule, LrFindError> {
        let Self { from, to, steps, smoothing, .. } = *self;
        let range = |_: ScheduleError| LrFindError::Range { from, to };
        if !(from > 0.0 && to > from && to.is_finite()) {
            return Err(LrFindError::Range { from, to });
        }
        if !(0.0..1.0).contains(&smoothing) {
            return Err(LrFindError::Smoothing(smoothing));
        }
        // The average has to settle, and a slope needs as many steps again; most of the sweep should be left to look at.
        let needed = 4 * settled(smoothing) as u64;
        if steps < needed.max(10) {
            return Err(LrFindError::Steps { needed: needed.max(10), got: steps });
        }
        Schedule::exponential(from, to / from, (steps - 1) as f64).map_err(range)
    }
}

/// Trains `model` with steps that grow from tiny to huge, and looks where the loss falls fastest
/// (Smith, *Cyclical Learning Rates for Training Neural Networks*, 2017, section 3.3).
///
/// `model` must be on `device.autodiff()`; what it has become is thrown away. The sweep ends early when the loss is not
/// finite, or far above its smallest value.
///
/// # Errors
/// [`TrainError`], with [`TrainError::LrFind`] for settings that make no sweep.
pub fn lr_find<M, O, D>(
    config: &LrFindConfig,
    optimizer: impl Into<FirstOrder>,
    model: M,
    objective: &O,
    data: &D,
    device: &Device,
) -> Result<LrRange, TrainError>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    let schedule = config.schedule()?;
    let stop = Arc::new(AtomicBool::new(false));
    let sweep = Arc::new(Mutex::new(Sweep::new(config)));
    let trainer = TrainConfig {
        epochs: u64::MAX,
        batch_size: config.batch_size,
        schedule,
        seed: config.seed,
        evaluate_every: u64::MAX,
        ..TrainConfig::default()
    };
    let watch = Watch { sweep: sweep.clone(), stop: stop.clone(), steps: config.steps };
    let outcome =
        Trainer::new(trainer, optimizer).observe(watch).interrupt_on(stop).fit(model, objective, data, None, device)?;
    let sweep = sweep.lock().expect("no one panics with the lock held");
    Ok(sweep.range(matches!(outcome.status, crate::Status::Diverged { .. })))
}

/// What is seen so far.
struct Sweep {
    points: Vec<LrPoint>,
    beta: f64,
    average: f64,
    smallest: f64,
}

impl Sweep {
    fn new(config: &LrFindConfig) -> Self {
        Self { points: Vec::new(), beta: config.smoothing, average: 0.0, smallest: f64::INFINITY }
    }

    /// Takes a step in, and says whether the loss has come apart.
    fn add(&mut self, lr: f64, loss: f64) -> bool {
        self.average = self.beta * self.average + (1.0 - self.beta) * loss;
        let smoothed = self.average / (1.0 - self.beta.powf(self.points.len() as f64 + 1.0));
        self.points.push(LrPoint { lr, loss, smoothed });
        self.smallest = self.smallest.min(smoothed);
        smoothed > self.smallest + RISE * self.smallest.abs()
    }

    fn range(&self, diverged: bool) -> LrRange {
        let points = self.points.clone();
        let last = points.last().map_or(f64::NAN, |p| p.smoothed);
        let come_apart = last > self.smallest + RISE * self.smallest.abs();
        // The average is of fewer losses than it is to be of, and too noisy to be read.
        let settled = settled(self.beta);
        let smoothed = |i: usize| points[i].smoothed;
        let minimum = (settled..points.len()).min_by(|&a, &b| smoothed(a).total_cmp(&smoothed(b)));
        // Slopes are over as many steps as the average is of: two losses next to each other differ by noise.
        let half = settled.div_ceil(2);
        let slope =
            |i: usize| (smoothed(i + half) - smoothed(i - half)) / (points[i + half].lr / points[i - half].lr).ln();
        let inner = |minimum: usize| settled + half..(minimum + 1).saturating_sub(half);
        let steepest = minimum.and_then(|m| inner(m).min_by(|&a, &b| slope(a).total_cmp(&slope(b))));
        let steepest = steepest.filter(|&i| slope(i) < 0.0);
        LrRange {
            suggestion: steepest.map(|i| points[i].lr),
            minimum: steepest.and(minimum).map(|m| points[m].lr),
            diverged: diverged || come_apart,
            points,
        }
    }
}

/// How many losses an average with that β is of.
fn settled(beta: f64) -> usize {
    (1.0 / (1.0 - beta) - 1e-9).ceil() as usize
}

/// Writes the sweep down, and ends it.
struct Watch {
    sweep: Arc<Mutex<Sweep>>,
    stop: Arc<AtomicBool>,
    steps: u64,
}

impl Observer for Watch {
    fn on_step(&mut self, report: &StepReport, _due: bool) -> Result<(), TrainError> {
        let come_apart =
            self.sweep.lock().expect("no one panics with the lock held").add(report.lr, report.metrics.loss);
        if come_apart || report.step >= self.steps {
            self.stop.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss that is level, falls around ε = 1e-3, and rises without end from 0.1 on.
    fn loss(lr: f64) -> f64 {
        1.0 - 0.5 / (1.0 + (1e-3 / lr).powi(2)) + (lr / 0.3).powi(4)
    }

    #[test]
    fn the_suggestion_is_where_the_loss_falls_fastest() {
        let config = LrFindConfig { smoothing: 0.0, ..LrFindConfig::default() };
        let schedule = config.schedule().unwrap();
        let mut sweep = Sweep::new(&config);
        let ended = (0..config.steps).find(|&k| sweep.add(schedule.at(k), loss(schedule.at(k)))).unwrap();
        let range = sweep.range(false);
        // The logistic curve in ln ε is steepest at its middle, and ε grows by 9.7% a step.
        let suggestion = range.suggestion.unwrap();
        assert!((suggestion / 1e-3).ln().abs() < 0.1, "{suggestion}");
        assert!(range.minimum.unwrap() > 0.01 && range.minimum.unwrap() < 0.1, "{:?}", range.minimum);
        assert!(range.diverged && ended < config.steps - 1);
    }

    #[test]
    fn a_loss_that_only_rises_has_no_suggestion() {
        let config = LrFindConfig::default();
        let mut sweep = Sweep::new(&config);
        (0..20).for_each(|k| _ = sweep.add(f64::from(k + 1), f64::from(k)));
        let range = sweep.range(false);
        assert_eq!((range.suggestion, range.minimum), (None, None));
    }

    #[test]
    fn the_smoothed_loss_has_no_bias_towards_the_start() {
        let config = LrFindConfig { smoothing: 0.9, ..LrFindConfig::default() };
        let mut sweep = Sweep::new(&config);
        for _ in 0..5 {
            sweep.add(1.0, 4.0);
        }
        assert!(sweep.points.iter().all(|p| (p.smoothed - 4.0).abs() < 1e-14));
    }

    #[test]
    fn settings_that_make_no_sweep_are_refused() {
        let with = |from, to, steps, smoothing| {
            LrFindConfig { from, to, steps, smoothing, ..LrFindConfig::default() }.schedule().unwrap_err()
        };
        assert!(matches!(with(0.0, 1.0, 100, 0.9), LrFindError::Range { .. }));
        assert!(matches!(with(1.0, 1.0, 100, 0.9), LrFindError::Range { .. }));
        assert_eq!(with(1e-3, 1.0, 39, 0.9), LrFindError::Steps { needed: 40, got: 39 });
        assert_eq!(with(1e-3, 1.0, 9, 0.0), LrFindError::Steps { needed: 10, got: 9 });
        assert!(matches!(with(1e-3, 1.0, 100, 1.0), LrFindError::Smoothing(_)));
    }
}
