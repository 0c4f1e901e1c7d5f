//! What a person asks of training.

use kiln_optim::{PlateauConfig, Schedule};

/// How long, in what steps, and what to do on the way.
#[derive(Clone, Debug)]
pub struct TrainConfig {
    /// Passes over the training data. Default 10.
    pub epochs: u64,
    /// Examples a gradient, at least 1; all of them when it is more than there are. Default 128.
    pub batch_size: usize,
    /// Examples a gradient as a function of the step, in place of `batch_size`: rounded to the nearest whole number, and
    /// kept between 1 and the number of examples. Default: none.
    pub batch_schedule: Option<Schedule>,
    /// The step size by step. Default 1e-3, constant.
    pub schedule: Schedule,
    /// Multiplies the step size by less and less as the held-out loss (without test data, the epoch's training loss) stops
    /// falling from one evaluation to the next. Default: none.
    pub plateau: Option<PlateauConfig>,
    /// What fixes noise and order. Default 0.
    pub seed: u64,
    /// Stop as converged when no entry of a step's gradient exceeds this. Meant for full batches. Default: never.
    pub gtol: Option<f64>,
    /// Steps between the lines of a log, at least 1. Default 100.
    pub log_every: u64,
    /// Epochs between evaluations and reports of an epoch, at least 1; the last one is always evaluated. Default 1.
    pub evaluate_every: u64,
    /// Examples that an evaluation takes at once, at least 1: nothing but memory depends on it, and the noise, which is drawn a batch. Default
    /// 1000, more than a gradient's, since an evaluation keeps no graph.
    pub evaluation_batch: usize,
    /// Epochs between checkpoints, at least 1; one is always made at the end. Default 1.
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
    /// Examples a gradient in step `step`, out of `n`.
    pub fn batch_size_at(&self, step: u64, n: usize) -> usize {
        match &self.batch_schedule {
            Some(schedule) => (schedule.at(step).round() as usize).clamp(1, n.max(1)),
            None => self.batch_size.min(n.max(1)),
        }
    }

    /// Steps that a run over `n` examples takes, when `gradients_per_step` gradients make a step and none is left out.
    pub fn steps(&self, n: usize, gradients_per_step: u64) -> u64 {
        if self.batch_schedule.is_none() {
            let gradients = n.div_ceil(self.batch_size_at(0, n).max(1)) as u64;
            return self.epochs.saturating_mul(gradients.div_ceil(gradients_per_step.max(1)));
        }
        // Epochs beyond these are taken to be like the last of them: a schedule of the batch size has settled by then.
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
        // 10 examples: batches of 4, 4, 2; two of them a step.
        assert_eq!((fixed.steps(10, 1), fixed.steps(10, 2)), (9, 6));
        // 1, 2, 4, then 8 of 10 examples: 1 + 2 + 4 + 3 in the first epoch; then all 10 at once.
        let growing = Schedule::exponential(1.0, 2.0, 1.0).unwrap();
        let growing = TrainConfig { batch_schedule: Some(growing), ..fixed };
        assert_eq!([0, 3, 4].map(|k| growing.batch_size_at(k, 10)), [1, 8, 10]);
        assert_eq!(growing.steps(10, 1), 4 + 1 + 1);
    }
}
