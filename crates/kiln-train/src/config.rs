//! The settings of training.

use kiln_optim::{ConfigError, PlateauConfig, ReduceOnPlateau, Schedule};

use crate::EarlyStopping;

/// The settings of training: how long, with which steps, and what to do on the way.
///
/// # Example
///
/// ```
/// use kiln_optim::Schedule;
/// use kiln_train::TrainConfig;
///
/// let config = TrainConfig {
///     epochs: 20,
///     batch_size: 64,
///     schedule: Schedule::cosine(1e-3, 0.0, 20 * 100)?,
///     ..TrainConfig::default()
/// };
/// config.validate()?;
/// assert_eq!(config.steps(6400, 1), 20 * 100);
///
/// let wrong = TrainConfig { epochs: 0, ..config };
/// assert_eq!(wrong.validate().unwrap_err().to_string(), "epochs must be at least 1, got 0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrainConfig {
    /// Passes over the training data, at least 1. Default 10.
    pub epochs: u64,
    /// Minibatch size, at least 1. If it is larger than the dataset, each minibatch has all examples. Default 128.
    pub batch_size: usize,
    /// Minibatch size as a function of the step, in place of `batch_size`. Its values are rounded and brought between 1 and
    /// the number of examples. Default: none.
    pub batch_schedule: Option<Schedule>,
    /// Learning rate as a function of the step, at least 0. Default: constant 1e-3.
    pub schedule: Schedule,
    /// Reduces the learning rate when the held-out loss stops falling from one evaluation to the next. Without test data
    /// it looks at the epoch's training loss. Default: none.
    pub plateau: Option<PlateauConfig>,
    /// Stops when the held-out loss stops falling. Default: none.
    pub early_stopping: Option<EarlyStopping>,
    /// Seed of the noise and of the order of the data. Default 0.
    pub seed: u64,
    /// Stops as converged when no entry of a step's gradient exceeds this value in absolute size. It is meant for full
    /// batches. Default: none.
    pub gtol: Option<f64>,
    /// Steps between log lines, at least 1. Default 100. On a GPU this is also how often the host looks at what the steps
    /// measured, so that a loss that is not finite ends the run at most this many steps later, with the parameters from before it.
    pub log_every: u64,
    /// Epochs between evaluations, at least 1; the last epoch is always evaluated. Default 1.
    pub evaluate_every: u64,
    /// Batch size of an evaluation, at least 1. It affects memory, and the noise, which is drawn per batch. Default 1000.
    pub evaluation_batch: usize,
    /// Epochs between checkpoints, at least 1; the end of a run always writes one. Default 1.
    pub checkpoint_every: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 128,
            batch_schedule: None,
            schedule: Schedule::constant(1e-3).expect("it is positive"),
            plateau: None,
            early_stopping: None,
            seed: 0,
            gtol: None,
            log_every: 100,
            evaluate_every: 1,
            evaluation_batch: 1000,
            checkpoint_every: 1,
        }
    }
}

impl TrainConfig {
    /// Checks every setting. [`Trainer::fit`](crate::Trainer::fit) calls it before it does anything else.
    ///
    /// # Errors
    /// [`ConfigError`] for the first setting that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let fixed_batch = if self.batch_schedule.is_some() { 1 } else { self.batch_size as u64 };
        for (name, count) in [
            ("epochs", self.epochs),
            ("batch_size", fixed_batch),
            ("log_every", self.log_every),
            ("evaluate_every", self.evaluate_every),
            ("evaluation_batch", self.evaluation_batch as u64),
            ("checkpoint_every", self.checkpoint_every),
        ] {
            if count == 0 {
                return Err(ConfigError { name, expected: "at least 1", got: 0.0 });
            }
        }
        let first = self.schedule.at(0);
        if !(first >= 0.0 && first.is_finite()) {
            return Err(ConfigError { name: "the learning rate", expected: "finite and at least 0", got: first });
        }
        if let Some(gtol) = self.gtol.filter(|gtol| !(*gtol >= 0.0 && gtol.is_finite())) {
            return Err(ConfigError { name: "gtol", expected: "finite and at least 0", got: gtol });
        }
        if let Some(plateau) = self.plateau {
            ReduceOnPlateau::new(plateau)?;
        }
        self.early_stopping.as_ref().map_or(Ok(()), EarlyStopping::validate)
    }

    /// Returns the minibatch size of step `step` (from 0) for a dataset of `n` examples.
    pub fn batch_size_at(&self, step: u64, n: usize) -> usize {
        match &self.batch_schedule {
            Some(schedule) => (schedule.at(step).round() as usize).clamp(1, n.max(1)),
            None => self.batch_size.min(n.max(1)),
        }
    }

    /// Returns the number of steps of a run over `n` examples, if `gradients_per_step` gradients make a step and none is
    /// skipped.
    pub fn steps(&self, n: usize, gradients_per_step: u64) -> u64 {
        if self.batch_schedule.is_none() {
            let gradients = n.div_ceil(self.batch_size_at(0, n).max(1)) as u64;
            return self.epochs.saturating_mul(gradients.div_ceil(gradients_per_step.max(1)));
        }
        // A batch schedule has settled after this many epochs, so the later epochs count like the last of them.
        let simulated = self.epochs.min(10_000);
        let (mut step, mut before) = (0u64, 0);
        for _ in 0..simulated {
            let mut row = 0;
            before = step;
            while row < n {
                row =
                    row.saturating_add(self.batch_size_at(step, n).saturating_mul(gradients_per_step.max(1) as usize));
                step += 1;
            }
        }
        step.saturating_add((self.epochs - simulated).saturating_mul(step - before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_with_growing_batches_and_with_accumulation() {
        let fixed = TrainConfig { epochs: 3, batch_size: 4, ..TrainConfig::default() };
        // 10 examples: batches of 4, 4, 2; two of them make a step.
        assert_eq!((fixed.steps(10, 1), fixed.steps(10, 2)), (9, 6));
        // 1, 2, 4, then 8 of 10 examples: 1 + 2 + 4 + 3 in the first epoch; then all 10 at once.
        let growing = Schedule::exponential(1.0, 2.0, 1.0).unwrap();
        let growing = TrainConfig { batch_schedule: Some(growing), ..fixed };
        assert_eq!([0, 3, 4].map(|k| growing.batch_size_at(k, 10)), [1, 8, 10]);
        assert_eq!(growing.steps(10, 1), 4 + 1 + 1);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let good = TrainConfig::default();
        good.validate().unwrap();
        let early = |patience| Some(EarlyStopping { patience, ..EarlyStopping::default() });
        let plateau = PlateauConfig { factor: f64::NAN, ..PlateauConfig::default() };
        for (wrong, name) in [
            (TrainConfig { epochs: 0, ..good.clone() }, "epochs"),
            (TrainConfig { batch_size: 0, ..good.clone() }, "batch_size"),
            (TrainConfig { log_every: 0, ..good.clone() }, "log_every"),
            (TrainConfig { evaluate_every: 0, ..good.clone() }, "evaluate_every"),
            (TrainConfig { evaluation_batch: 0, ..good.clone() }, "evaluation_batch"),
            (TrainConfig { checkpoint_every: 0, ..good.clone() }, "checkpoint_every"),
            (TrainConfig { gtol: Some(f64::NAN), ..good.clone() }, "gtol"),
            (TrainConfig { gtol: Some(-1.0), ..good.clone() }, "gtol"),
            (TrainConfig { early_stopping: early(0), ..good.clone() }, "patience"),
            (TrainConfig { plateau: Some(plateau), ..good.clone() }, "plateau"),
        ] {
            let error = wrong.validate().unwrap_err();
            assert!(error.name.contains(name), "{error}");
        }
        let schedule = Some(Schedule::constant(8.0).unwrap());
        TrainConfig { batch_size: 0, batch_schedule: schedule, ..good }.validate().unwrap();
    }
}
