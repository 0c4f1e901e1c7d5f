//! How long training has taken, and how fast it is.

use std::time::{Duration, Instant};

/// The rates are of training only: evaluation and saving are left out.
pub(super) struct Clock {
    started: Instant,
    /// Seconds of earlier processes.
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
    /// Examples a second; 0 when nothing was done.
    pub(super) fn rate(&self) -> f64 {
        if self.examples == 0 { 0.0 } else { self.examples as f64 / self.time.as_secs_f64() }
    }
}
