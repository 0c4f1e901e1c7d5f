//! The learning-rate range test: at which learning rates a model learns, and at which it diverges.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use burn::module::Module;
use kiln_data::Dataset;
use kiln_optim::{FirstOrder, Schedule, ScheduleError};
use serde::Serialize;

use crate::{LrFindError, Objective, Observer, StepReport, TrainConfig, TrainError, TrainStatus, Trainer, Watched};

/// Settings of [`lr_find()`].
///
/// # Example
/// ```
/// use kiln_train::LrFindConfig;
///
/// let config = LrFindConfig { from: 1e-4, to: 1.0, steps: 101, smoothing: 0.9, ..LrFindConfig::default() };
/// let lr = config.schedule()?;
/// assert!((lr.at(50) - 1e-2).abs() < 1e-12 && (lr.at(100) - 1.0).abs() < 1e-12);
/// # Ok::<(), kiln_train::LrFindError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LrFindConfig {
    /// The first learning rate, positive. Default 1e-7.
    pub from: f64,
    /// The last learning rate, larger than the first. Default 10.
    pub to: f64,
    /// Steps of the sweep, at least 10 and at least 4/(1 − β). Default 200.
    pub steps: u64,
    /// β of the exponential moving average of the loss, in [0, 1). Default 0.95.
    pub smoothing: f64,
    /// Minibatch size, at least 1. Default 128.
    pub batch_size: usize,
    /// Seed of the noise and of the order of the data. Default 0.
    pub seed: u64,
}

impl Default for LrFindConfig {
    fn default() -> Self {
        Self { from: 1e-7, to: 10.0, steps: 200, smoothing: 0.95, batch_size: 128, seed: 0 }
    }
}

/// The result of a sweep.
#[derive(Clone, Debug, Serialize)]
pub struct LrRange {
    /// Every step, in order.
    pub points: Vec<LrPoint>,
    /// The learning rate ε at which the smoothed loss fell fastest as a function of ln ε, before its minimum. It is a good
    /// learning rate to train with. `None` if the loss never fell.
    pub suggestion: Option<f64>,
    /// The learning rate of the smallest smoothed loss, beyond which training diverges. `None` if the loss never fell.
    pub minimum: Option<f64>,
    /// Whether the sweep ended early because the loss rose far above its minimum or was not finite.
    pub diverged: bool,
}

/// One step of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LrPoint {
    /// The learning rate ε.
    pub lr: f64,
    /// The loss of the minibatch before the step.
    pub loss: f64,
    /// The exponential moving average of the losses, corrected for its start as in Adam.
    pub smoothed: f64,
}

/// The sweep ends when the smoothed loss exceeds its minimum by this many times the minimum's size.
const RISE: f64 = 3.0;

impl LrFindConfig {
    /// Returns the learning rate by step: ε_k = from·(to/from)^(k/(steps − 1)).
    ///
    /// # Errors
    /// [`LrFindError`] if a setting is out of its range.
    pub fn schedule(&self) -> Result<Schedule, LrFindError> {
        let Self { from, to, steps, smoothing, .. } = *self;
        let range = |_: ScheduleError| LrFindError::Range { from, to };
        if !(from > 0.0 && to > from && to.is_finite()) {
            return Err(LrFindError::Range { from, to });
        }
        if !(0.0..1.0).contains(&smoothing) {
            return Err(LrFindError::Smoothing(smoothing));
        }
        // The average has to settle, and a slope needs as many steps again. Most of the sweep should remain after that.
        let needed = 4 * settled(smoothing) as u64;
        if steps < needed.max(10) {
            return Err(LrFindError::Steps { needed: needed.max(10), got: steps });
        }
        Schedule::exponential(from, to / from, (steps - 1) as f64).map_err(range)
    }
}

/// Trains `model` with a learning rate that grows at every step, and finds where the loss falls fastest.
///
/// The model is discarded. The sweep ends early if the loss is not finite, or far above its smallest value.
///
/// # Errors
/// [`TrainError`], with [`TrainError::LrFind`] if a setting is out of its range.
///
/// # Example
///
/// ```
/// use burn::{nn::Linear, tensor::{Device, Tensor}};
/// use kiln_data::{Labelled, digits};
/// use kiln_dist::Categorical;
/// use kiln_optim::Sgd;
/// use kiln_tensor::{Stream, init};
/// use kiln_train::{LikelihoodOf, LrFindConfig, lr_find};
///
/// let data = Labelled::new(digits())?;
/// let model = init::linear(64, 10, &mut Stream::new(0, "init", 0, 0), &Device::default());
/// let objective = LikelihoodOf::new(|model: &Linear, x: Tensor<2>| Categorical::from_logits(model.forward(x)));
/// let config = LrFindConfig { from: 1e-4, to: 1e3, ..LrFindConfig::default() };
/// let range = lr_find(&config, Sgd, model, &objective, &data)?;
/// assert!(range.suggestion.is_some_and(|lr| (0.01..10.0).contains(&lr)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
///
/// Smith, *Cyclical Learning Rates for Training Neural Networks* (2017), section 3.3.
pub fn lr_find<M, O, D>(
    config: &LrFindConfig,
    optimizer: impl Into<FirstOrder>,
    model: M,
    objective: &O,
    data: &D,
) -> Result<LrRange, TrainError>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    let schedule = config.schedule()?;
    let sweep = Arc::new(Mutex::new(Sweep::new(config)));
    let trainer = TrainConfig {
        epochs: u64::MAX,
        batch_size: config.batch_size,
        schedule,
        seed: config.seed,
        evaluate_every: u64::MAX,
        ..TrainConfig::default()
    };
    let watch = Watch { sweep: sweep.clone(), steps: config.steps };
    let outcome = Trainer::new(trainer, optimizer).observe(watch).fit(model, objective, data, None)?;
    let sweep = sweep.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(sweep.range(matches!(outcome.status, TrainStatus::Diverged { .. })))
}

/// The losses so far.
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

    /// Adds a step, and returns whether the loss has diverged.
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
        let has_diverged = last > self.smallest + RISE * self.smallest.abs();
        // Before it has settled, the average is too noisy to use.
        let settled = settled(self.beta);
        let smoothed = |i: usize| points[i].smoothed;
        let minimum = (settled..points.len()).min_by(|&a, &b| smoothed(a).total_cmp(&smoothed(b)));
        // A slope spans as many steps as the average does, because neighbouring losses differ by noise.
        let half = settled.div_ceil(2);
        let slope =
            |i: usize| (smoothed(i + half) - smoothed(i - half)) / (points[i + half].lr / points[i - half].lr).ln();
        let inner = |minimum: usize| settled + half..(minimum + 1).saturating_sub(half);
        let steepest = minimum.and_then(|m| inner(m).min_by(|&a, &b| slope(a).total_cmp(&slope(b))));
        let steepest = steepest.filter(|&i| slope(i) < 0.0);
        LrRange {
            suggestion: steepest.map(|i| points[i].lr),
            minimum: steepest.and(minimum).map(|m| points[m].lr),
            diverged: diverged || has_diverged,
            points,
        }
    }
}

/// Returns the number of losses that an average with this β effectively covers.
fn settled(beta: f64) -> usize {
    (1.0 / (1.0 - beta) - 1e-9).ceil() as usize
}

/// Records the sweep, and ends it.
struct Watch {
    sweep: Arc<Mutex<Sweep>>,
    steps: u64,
}

impl<M> Observer<M> for Watch {
    fn on_step(&mut self, report: &StepReport, _model: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        let mut sweep = self.sweep.lock().unwrap_or_else(PoisonError::into_inner);
        let has_diverged = sweep.add(report.lr, report.metrics.loss);
        let ends = has_diverged || report.step >= self.steps;
        Ok(if ends { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A loss that is level at first, falls around ε = 1e-3, and rises without bound from 0.1 on.
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
