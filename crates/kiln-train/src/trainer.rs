//! Training a module, and what comes of it. The loop itself is in `run.rs`.

use std::sync::{Arc, atomic::AtomicBool};

use burn::{module::Module, tensor::Device};
use kiln_data::Dataset;
use kiln_optim::FirstOrder;
use kiln_tensor::fused::in_pool;
use serde::{Deserialize, Serialize};

use crate::{
    Checkpoints, Metrics, Objective, Observer, TrainConfig, TrainError,
    checkpoint::Progress,
    run::{Data, Run},
};

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// Every epoch that was asked for is done.
    Completed,
    /// The gradient is within the tolerance that was asked for.
    Converged,
    /// Someone asked the run to stop; it finished its step, and saved.
    Interrupted,
    /// A number was not finite. The step was not taken, and nothing was saved after it.
    Diverged {
        /// What was not finite: the loss, or the gradient of a parameter, or a parameter.
        what: String,
        /// The step, counted from 1.
        step: u64,
    },
}

impl Status {
    /// A sentence for people.
    pub fn message(&self) -> String {
        match self {
            Self::Completed => "all epochs are done".to_owned(),
            Self::Converged => "the gradient is within tolerance".to_owned(),
            Self::Interrupted => "interrupted; saved".to_owned(),
            Self::Diverged { what, step } => {
                format!(
                    "{what} is not finite at step {step}: lower the learning rate, or look at the data; nothing was saved after it"
                )
            }
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome<M> {
    /// The model at the average of the iterates where the optimiser keeps one, else at its iterate; without gradients,
    /// ready to evaluate, to save and to use. When the run converged it is at the point whose gradient is within tolerance;
    /// after a divergence it is the last finite one.
    pub model: M,
    /// Why the run ended.
    pub status: Status,
    /// Whole epochs done, those before a resume included.
    pub epochs: u64,
    /// Steps done, those before a resume included.
    pub steps: u64,
    /// Seconds in this process.
    pub wall_s: f64,
    /// Seconds in all, those before a resume included, as far as checkpoints tell.
    pub total_wall_s: f64,
    /// Training examples a second in this process, evaluation time left out.
    pub examples_per_s: f64,
    /// The last epoch's averages over the training data, as the parameters moved; NaN when no step was taken.
    pub train: Metrics,
    /// The last evaluation on held-out data, when there is any.
    pub test: Option<Metrics>,
    /// The largest absolute gradient entry of the last step.
    pub grad_norm: f64,
    /// Gradients left out in this process because they were not finite; see
    /// [`FirstOrder::skip_non_finite`](kiln_optim::FirstOrder::skip_non_finite).
    pub skipped: u64,
    /// Gradients evaluated, those before a resume included.
    pub gradients: u64,
}

/// Trains a module on minibatches.
///
/// See the crate `kiln`'s examples for a whole run. The loop takes any Burn [`Module`], any [`Objective`] over it and
/// any [`Dataset`]; it does not know what a model is.
pub struct Trainer<'a> {
    pub(crate) config: TrainConfig,
    pub(crate) optimizer: FirstOrder,
    pub(crate) observers: Vec<Box<dyn Observer + 'a>>,
    pub(crate) checkpoints: Option<Checkpoints>,
    pub(crate) interrupt: Arc<AtomicBool>,
}

impl<'a> Trainer<'a> {
    /// A loop that follows `config` with `optimizer`: one of Kiln's methods, or a `ModuleOptimizer` of Burn's.
    pub fn new(config: TrainConfig, optimizer: impl Into<FirstOrder>) -> Self {
        Self {
            config,
            optimizer: optimizer.into(),
            observers: Vec::new(),
            checkpoints: None,
            interrupt: Arc::default(),
        }
    }

    /// Adds an observer.
    pub fn observe(mut self, observer: impl Observer + 'a) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Writes checkpoints there.
    pub fn checkpoint_to(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// Ends the run after the current step, saved, when `flag` becomes true.
    pub fn interrupt_on(mut self, flag: Arc<AtomicBool>) -> Self {
        self.interrupt = flag;
        self
    }

    /// Trains `model`, which must be on `device.autodiff()`, and evaluates it on `test` when that is not empty.
    ///
    /// All of it, the observers too, runs on a thread of rayon's pool, which other fits of this process share: see
    /// [`in_pool`].
    ///
    /// # Errors
    /// [`TrainError`]. A loss that is not finite is not an error but [`Status::Diverged`].
    pub fn fit<M, O, D>(
        self,
        model: M,
        objective: &O,
        train: &D,
        test: Option<&D>,
        device: &Device,
    ) -> Result<Outcome<M>, TrainError>
    where
        M: Module,
        D: Dataset,
        O: Objective<M, D::Batch>,
    {
        let data = Data { train, test, device };
        in_pool(|| Run::new(self, model, Progress::default(), objective, data)?.finish())
    }

    /// Loads the newest checkpoint; `model` gives the shapes. [`Loaded::fit`] goes on from there.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`], among them that there is no checkpoint, or a corrupt one, or one of another method.
    pub fn load<M: Module>(mut self, model: M, device: &Device) -> Result<Loaded<'a, M>, TrainError> {
        let none = || crate::CheckpointError::None(std::path::PathBuf::from("a trainer without checkpoints"));
        let checkpoint = self.checkpoints.as_ref().ok_or_else(none)?.latest()?;
        let (model, optimizer, at) = checkpoint.load(model, self.optimizer, device)?;
        self.optimizer = optimizer.after_skips(at.skipped_in_a_row);
        Ok(Loaded { trainer: self, model, at, device: device.clone() })
    }
}

/// A run as its newest checkpoint left it.
pub struct Loaded<'a, M> {
    trainer: Trainer<'a>,
    model: M,
    at: Progress,
    device: Device,
}

impl<M: Module> Loaded<'_, M> {
    /// Whole epochs behind.
    pub fn epochs(&self) -> u64 {
        self.at.epoch
    }

    /// Goes on, up to `config.epochs` in all.
    ///
    /// On the CPU the result equals that of a run that was never stopped, to the bit.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn fit<O, D>(self, objective: &O, train: &D, test: Option<&D>) -> Result<Outcome<M>, TrainError>
    where
        D: Dataset,
        O: Objective<M, D::Batch>,
    {
        let data = Data { train, test, device: &self.device };
        in_pool(|| Run::new(self.trainer, self.model, self.at, objective, data)?.finish())
    }
}
