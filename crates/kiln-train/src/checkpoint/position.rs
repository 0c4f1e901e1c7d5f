//! Where a run is.

use kiln_optim::ReduceOnPlateau;
use kiln_tensor::Normals;
use serde::{Deserialize, Serialize};

use crate::{
    Metrics, TrainConfig, TrainStatus,
    early_stopping::Patience,
    metrics::{self, RunningMean},
    number,
};

/// The position of a run: what a checkpoint contains besides the model and the state of the optimiser.
///
/// [`Checkpoint::position`](crate::Checkpoint::position) reads it without loading the model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Position {
    /// Steps taken.
    pub step: u64,
    /// Completed epochs.
    pub epoch: u64,
    /// Completed minibatches of the current epoch.
    pub batch: u64,
    /// Rows of the current epoch that have been used.
    pub row: usize,
    /// Seconds of training and evaluation so far, including earlier processes.
    pub wall_s: f64,
    /// Gradients evaluated.
    pub gradients: u64,
    /// Gradients skipped because they were not finite.
    #[serde(default)]
    pub skipped: u64,
    /// The held-out loss of this checkpoint's model, if it was measured. The checkpoint with the smallest score is the best.
    pub score: Option<f64>,
    /// The averages of the last completed epoch over the training data, or the metrics of the minibatch at which the run
    /// converged.
    #[serde(default, with = "metrics::exact")]
    pub train: Option<Metrics>,
    /// The held-out metrics of this checkpoint's model, if they were measured.
    #[serde(default, with = "metrics::exact")]
    pub test: Option<Metrics>,
    /// The largest absolute entry of the last gradient; NaN if there was none.
    #[serde(default = "not_a_number", with = "number")]
    pub max_abs_grad: f64,
    /// Why the run ended, if this is its last checkpoint.
    #[serde(default)]
    pub ended: Option<TrainStatus>,
    /// Skipped gradients in a row, up to this checkpoint.
    pub(crate) skipped_in_a_row: u64,
    pub(crate) plateau: Option<ReduceOnPlateau>,
    #[serde(default)]
    pub(crate) patience: Option<Patience>,
    /// How the run makes its noise. Checkpoints of Kiln up to 0.2 do not say so.
    #[serde(default = "ziggurat")]
    pub(crate) normals: Normals,
    /// The averages of the current epoch so far.
    pub(crate) running: RunningMean,
}

fn not_a_number() -> f64 {
    f64::NAN
}

fn ziggurat() -> Normals {
    Normals::Ziggurat
}

impl Position {
    /// The position of a run that has not started.
    pub(crate) fn start() -> Self {
        Self {
            step: 0,
            epoch: 0,
            batch: 0,
            row: 0,
            wall_s: 0.0,
            gradients: 0,
            skipped: 0,
            score: None,
            train: None,
            test: None,
            max_abs_grad: f64::NAN,
            ended: None,
            skipped_in_a_row: 0,
            plateau: None,
            patience: None,
            normals: Normals::default(),
            running: RunningMean::default(),
        }
    }

    /// Returns why a run with these settings ends here, or `None` if it goes on.
    ///
    /// An uninterrupted run that reaches this position decides by the same rules.
    pub(crate) fn ending(&self, config: &TrainConfig) -> Option<TrainStatus> {
        let converged = self.ended == Some(TrainStatus::Converged);
        if converged && config.gtol.is_some_and(|gtol| self.max_abs_grad <= gtol) {
            return Some(TrainStatus::Converged);
        }
        if self.epoch >= config.epochs {
            return Some(TrainStatus::Completed);
        }
        let patience = self.patience.as_ref().filter(|patience| Some(patience.config()) == config.early_stopping);
        patience.is_some_and(Patience::is_exhausted).then_some(TrainStatus::StoppedEarly)
    }
}
