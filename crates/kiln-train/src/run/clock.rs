//! The time that training takes, and its speed.

use std::time::{Duration, Instant};

/// The times of a run. Rates count training only, without evaluation and saving.
pub(super) struct Clock {
    started: Instant,
    /// Seconds in earlier processes.
    pub(super) before: f64,
    pub(super) interval: Rate,
    pub(super) epoch: Rate,
    pub(super) total: Rate,
}

impl Clock {
    pub(super) fn starting_at(before: f64) -> Self {
        let [interval, epoch, total] = [Rate::default(), Rate::default(), Rate::default()];
        Self { started: Instant::now(), before, interval, epoch, total }
    }

    pub(super) fn here(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    pub(super) fn in_all(&self) -> f64 {
        self.before + self.here()
    }

    pub(super) fn add(&mut self, examples: usize, time: Duration) {
        for rate in [&mut self.interval, &mut self.epoch, &mut self.total] {
            rate.examples += examples;
            rate.time += time;
        }
    }
}

#[derive(Default)]
pub(super) struct Rate {
    pub(super) examples: usize,
    pub(super) time: Duration,
}

impl Rate {
    /// Returns examples per second, or 0 if nothing was done.
    pub(super) fn rate(&self) -> f64 {
        if self.examples == 0 { 0.0 } else { self.examples as f64 / self.time.as_secs_f64() }
    }
}
