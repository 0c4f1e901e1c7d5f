//! The end of a run whose held-out loss no longer falls.

use kiln_optim::ConfigError;
use serde::{Deserialize, Serialize};

use crate::number;

/// Settings of early stopping.
///
/// The run stops when the held-out loss has not improved for `patience` evaluations in a row. Without test data, the
/// epoch's mean training loss takes the place of the held-out loss. The trainer returns the last model; the best one is in
/// [`Checkpoints::best`](crate::Checkpoints::best).
///
/// # Example
///
/// ```
/// use kiln_train::{EarlyStopping, TrainConfig};
///
/// let early_stopping = Some(EarlyStopping { patience: 5, ..EarlyStopping::default() });
/// let config = TrainConfig { epochs: 200, early_stopping, ..TrainConfig::default() };
/// config.validate()?;
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// Number of evaluations in a row without improvement after which the run stops, at least 1. Default 10.
    pub patience: u64,
    /// Smallest decrease of the loss that counts as an improvement, in nats, at least 0. Default 0.
    pub min_delta: f64,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self { patience: 10, min_delta: 0.0 }
    }
}

impl EarlyStopping {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let error = |name, expected, got| Err(ConfigError { name, expected, got });
        if self.patience == 0 {
            return error("the patience of early stopping", "at least 1", 0.0);
        }
        if !(self.min_delta >= 0.0 && self.min_delta.is_finite()) {
            return error("the min_delta of early stopping", "finite and at least 0", self.min_delta);
        }
        Ok(())
    }
}

/// The state of early stopping, which is part of a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Patience {
    config: EarlyStopping,
    #[serde(with = "number")]
    best: f64,
    without_improvement: u64,
}

impl Patience {
    pub(crate) fn new(config: EarlyStopping) -> Self {
        Self { config, best: f64::INFINITY, without_improvement: 0 }
    }

    pub(crate) fn config(&self) -> EarlyStopping {
        self.config
    }

    pub(crate) fn observe(&mut self, loss: f64) {
        if loss < self.best - self.config.min_delta {
            self.best = loss;
            self.without_improvement = 0;
        } else {
            self.without_improvement += 1;
        }
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.without_improvement >= self.config.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stops_after(config: EarlyStopping, losses: &[f64]) -> Option<usize> {
        let mut patience = Patience::new(config);
        losses.iter().position(|loss| {
            patience.observe(*loss);
            patience.is_exhausted()
        })
    }

    #[test]
    fn the_run_stops_after_as_many_evaluations_as_it_has_patience() {
        let config = EarlyStopping { patience: 2, min_delta: 0.0 };
        assert_eq!(stops_after(config, &[3.0, 2.0, 2.5, 2.1]), Some(3));
        assert_eq!(stops_after(config, &[3.0, 2.0, 2.5, 1.9, 2.0]), None);
        assert_eq!(stops_after(config, &[3.0, 2.0, f64::NAN, 2.0]), Some(3));
        let coarse = EarlyStopping { patience: 2, min_delta: 0.5 };
        assert_eq!(stops_after(coarse, &[3.0, 2.75, 2.5]), Some(2), "a decrease of exactly min_delta is too small");
        assert_eq!(stops_after(coarse, &[3.0, 2.75, 2.25, 2.0]), None);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let refused = |patience, min_delta| EarlyStopping { patience, min_delta }.validate().is_err();
        assert!(refused(0, 0.0) && refused(1, -0.1) && refused(1, f64::NAN) && refused(1, f64::INFINITY));
        assert!(!refused(1, 0.0));
    }
}
