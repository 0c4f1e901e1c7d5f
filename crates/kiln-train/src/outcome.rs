//! The result of training.

use serde::{Deserialize, Serialize};

use crate::Metrics;

/// Why training ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TrainStatus {
    /// All epochs are done.
    Completed,
    /// The largest absolute entry of the gradient is at most [`TrainConfig::gtol`](crate::TrainConfig::gtol).
    Converged,
    /// The held-out loss did not improve for as many evaluations as
    /// [`TrainConfig::early_stopping`](crate::TrainConfig::early_stopping) allows.
    StoppedEarly,
    /// An [`Observer`](crate::Observer) stopped the run. The current step was finished and a checkpoint was written.
    StoppedByObserver,
    /// The interrupt flag was set. The current step was finished and a checkpoint was written.
    Interrupted,
    /// A number was not finite. The step was not taken, and no checkpoint was written after it.
    Diverged {
        /// What was not finite: the loss, the gradient of a parameter, or a parameter.
        what: String,
        /// The step, counted from 1.
        step: u64,
    },
}

impl TrainStatus {
    /// Returns a sentence that explains the status.
    pub fn message(&self) -> String {
        match self {
            Self::Completed => "all epochs are done".to_owned(),
            Self::Converged => "the gradient is within tolerance".to_owned(),
            Self::StoppedEarly => "stopped early: the held-out loss no longer improves".to_owned(),
            Self::StoppedByObserver => "stopped by an observer; a checkpoint was written".to_owned(),
            Self::Interrupted => "interrupted; a checkpoint was written".to_owned(),
            Self::Diverged { what, step } => format!(
                "{what} is not finite at step {step}: lower the learning rate, or check the data; nothing was saved after \
                 this step"
            ),
        }
    }
}

/// The result of training.
#[derive(Clone, Debug)]
pub struct TrainOutcome<M> {
    /// The trained model, without autodiff, ready to evaluate, save and use.
    ///
    /// It holds the average of the iterates if the optimiser keeps one, and the last iterate otherwise. After
    /// [`Converged`](TrainStatus::Converged) it holds the point whose gradient is within tolerance. After
    /// [`Diverged`](TrainStatus::Diverged) it holds the last finite point.
    pub model: M,
    /// Why training ended.
    pub status: TrainStatus,
    /// Completed epochs, including those before a resume.
    pub epochs: u64,
    /// Steps taken, including those before a resume.
    pub steps: u64,
    /// Seconds in this process.
    pub wall_s: f64,
    /// Seconds in total, including those before a resume up to its checkpoint.
    pub total_wall_s: f64,
    /// Training examples per second in this process, without the time for evaluation; 0 if no step was taken.
    pub examples_per_s: f64,
    /// The averages of the last epoch over the training data, measured while the parameters moved. The loss is NaN if no
    /// step was taken.
    pub train: Metrics,
    /// The last evaluation on the test data, if there are any.
    pub test: Option<Metrics>,
    /// The largest absolute entry of the last step's gradient; NaN if there was no gradient.
    ///
    /// This is not the `grad_norm` of a [`StepReport`](crate::StepReport), which is the Euclidean norm.
    pub max_abs_grad: f64,
    /// Gradients that were skipped because they were not finite, including those before a resume; see
    /// [`FirstOrder::skip_non_finite`](kiln_optim::FirstOrder::skip_non_finite).
    pub skipped: u64,
    /// Gradients evaluated, including those before a resume.
    pub gradients: u64,
    /// Steps of this process that a GPU replayed from a captured one; see
    /// [`Trainer::capture_steps`](crate::Trainer::capture_steps).
    pub replayed: u64,
}
