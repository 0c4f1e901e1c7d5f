//! Observers: they see what a run does, and may stop it.

mod log;
mod tensorboard;

use std::ops::ControlFlow;

use kiln_optim::FirstOrder;
use serde::Serialize;

pub use self::{log::MetricsLog, tensorboard::TensorBoardLog};
use crate::{Metrics, TrainError, checkpoint::Position};

/// A report of one optimiser step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Steps taken so far, including this one.
    pub step: u64,
    /// The epoch of the step, counted from 1.
    pub epoch: u64,
    /// Always `train`.
    pub split: &'static str,
    /// The loss of the minibatch and its terms.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The learning rate.
    pub lr: f64,
    /// The momentum, for a method that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    /// The requested minibatch size. The last minibatch of an epoch may be smaller.
    pub batch_size: usize,
    /// The Euclidean norm of the whole gradient before clipping. If several minibatches make a step, it is that of the
    /// last minibatch.
    pub grad_norm: f64,
    /// Examples per second since the last step that was due.
    pub examples_per_s: f64,
    /// Whether [`TrainConfig::log_every`](crate::TrainConfig::log_every) asks for a log line at this step.
    #[serde(skip)]
    pub due: bool,
}

/// A report of one epoch on one split of the data.
#[derive(Clone, Debug, Serialize)]
pub struct EpochReport {
    /// Steps taken so far.
    pub step: u64,
    /// The epoch that ended, counted from 1.
    pub epoch: u64,
    /// `train-epoch` (the average over the epoch's minibatches, measured while the parameters moved), or the name of the held-out data: `test`,
    /// or what [`Trainer::name_held_out`](crate::Trainer::name_held_out) says.
    pub split: &'static str,
    /// The loss and its terms.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The learning rate of the last step.
    pub lr: f64,
    /// Examples per second on this split.
    pub examples_per_s: f64,
}

/// The model during training, as an observer sees it.
pub struct Watched<'r, M> {
    pub(crate) module: &'r M,
    pub(crate) optimizer: &'r FirstOrder,
}

impl<M: burn::module::Module> Watched<'_, M> {
    /// Returns the module as it trains. With Nesterov's method it is at the look-ahead point.
    pub fn module(&self) -> &M {
        self.module
    }

    /// Returns the model as the trainer evaluates it, without autodiff: the average of the iterates if the optimiser keeps
    /// one, and the iterate otherwise. It is computed at each call.
    pub fn evaluated(&self) -> M {
        self.optimizer.average(self.module).valid()
    }
}

/// Watches a training run and may stop it.
///
/// Every method has a default that does nothing. `on_step` and `on_epoch` return [`ControlFlow::Break`] to stop the run: the
/// trainer then finishes the step or the epoch, writes a checkpoint and returns
/// [`TrainStatus::StoppedByObserver`](crate::TrainStatus::StoppedByObserver).
///
/// # Example
///
/// An observer that stops at a target loss and looks at the model:
///
/// ```
/// use std::ops::ControlFlow;
///
/// use burn::{module::Module, nn::Linear, tensor::Device};
/// use kiln_data::RegressionExamples;
/// use kiln_dist::Normal;
/// use kiln_optim::{Schedule, Sgd};
/// use kiln_tensor::{Stream, init};
/// use kiln_train::{EpochReport, LikelihoodOf, Observer, TrainConfig, TrainError, TrainStatus, Trainer, Watched};
///
/// struct Target(f64);
///
/// impl<M: Module> Observer<M> for Target {
///     fn on_epoch(&mut self, report: &EpochReport, model: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
///         assert_eq!(model.evaluated().num_params(), 2);
///         Ok(if report.metrics.loss < self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
///     }
/// }
///
/// // y = 2x + 1, and a Normal output with standard deviation 1.
/// let data = RegressionExamples::new(vec![0.0, 1.0, 2.0, 3.0], 1, vec![1.0, 3.0, 5.0, 7.0])?;
/// let model = init::linear(1, 1, &mut Stream::new(0, "init", 0, 0), &Device::default());
/// let objective = LikelihoodOf::new(|model: &Linear, x| {
///     let loc = model.forward(x);
///     let scale = loc.ones_like();
///     Normal::new(loc, scale).expect("the scale is positive")
/// });
/// let config = TrainConfig { epochs: 1000, schedule: Schedule::constant(0.1)?, ..TrainConfig::default() };
/// let outcome = Trainer::new(config, Sgd).observe(Target(1.0)).fit(model, &objective, &data, None)?;
/// assert_eq!(outcome.status, TrainStatus::StoppedByObserver);
/// assert!(outcome.epochs < 1000 && outcome.train.loss < 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Observer<M>: Send {
    /// Called before training starts or continues. `step` steps are done; the run will end after about `total` steps.
    ///
    /// # Errors
    /// An error ends the training.
    fn on_start(&mut self, _step: u64, _total: u64) -> Result<(), TrainError> {
        Ok(())
    }

    /// Returns whether [`on_step`](Self::on_step) must be called after every step. The default is true.
    ///
    /// An observer that acts only on steps that are [due](StepReport::due) returns false. If all observers do, a GPU takes the
    /// steps in between without waiting for the host, and `on_step` is called for the steps that are due only.
    fn wants_every_step(&self) -> bool {
        true
    }

    /// Called after every step; [`StepReport::due`] tells whether a log line is due. See also
    /// [`wants_every_step`](Self::wants_every_step).
    ///
    /// # Errors
    /// An error ends the training.
    fn on_step(&mut self, _report: &StepReport, _model: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        Ok(ControlFlow::Continue(()))
    }

    /// Called at the end of every epoch that is evaluated, once for each split.
    ///
    /// # Errors
    /// An error ends the training.
    fn on_epoch(&mut self, _report: &EpochReport, _model: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        Ok(ControlFlow::Continue(()))
    }

    /// Called just before a checkpoint is written.
    ///
    /// # Errors
    /// An error ends the training, and the checkpoint is not written.
    fn on_checkpoint(&mut self, _position: &Position) -> Result<(), TrainError> {
        Ok(())
    }
}
