//! The trainer: it trains a module on minibatches. `run.rs` has the loop itself.

use std::sync::{Arc, atomic::AtomicBool};

use burn::{module::Module, tensor::Device};
use kiln_data::Dataset;
use kiln_optim::{FirstOrder, StepError};
use kiln_tensor::{World, fused::in_pool};

use crate::{
    CheckpointError, Checkpoints, Objective, Observer, TrainConfig, TrainError, TrainOutcome, TrainStatus,
    checkpoint::Position,
    place::for_training,
    run::{Data, Run},
    setup::Setup,
};

/// Trains a module on minibatches.
///
/// It takes any Burn [`Module`], any [`Objective`] for it and any [`Dataset`]. The data go to the device of the model's
/// parameters.
///
/// # Reproducibility
///
/// The same settings, seed and data give the same model. On the CPU the result is bit-identical, also after a resume.
/// Noise and the order of the data come from keyed streams. For layers that draw from the device's own random numbers, such
/// as Burn's `Dropout`, the trainer seeds the device before every minibatch. Burn's CPU backends have one generator per
/// process, so runs with such layers are reproducible only if nothing else draws from it at the same time.
///
/// # Example
///
/// ```
/// use kiln_data::{Labelled, digits};
/// use kiln_dist::{Categorical, ConditionalModel};
/// use kiln_optim::{NesterovConfig, Schedule};
/// use kiln_tensor::{Stream, init};
/// use kiln_train::{MaximumLikelihood, TrainConfig, TrainStatus, Trainer};
/// use burn::{module::Module, nn::Linear, tensor::{Device, Tensor}};
///
/// #[derive(Module, Debug)]
/// struct Softmax {
///     linear: Linear,
/// }
///
/// impl ConditionalModel for Softmax {
///     type Output = Categorical<2>;
///
///     fn forward(&self, inputs: Tensor<2>) -> Categorical<2> {
///         Categorical::from_logits(self.linear.forward(inputs))
///     }
/// }
///
/// let data = Labelled::new(digits())?;
/// let linear = init::linear(64, 10, &mut Stream::new(0, "init", 0, 0), &Device::default());
/// let model = Softmax { linear };
/// let config = TrainConfig { epochs: 2, schedule: Schedule::constant(0.1)?, ..TrainConfig::default() };
/// let optimizer = NesterovConfig::new().build()?;
/// let outcome = Trainer::new(config, optimizer).fit(model, &MaximumLikelihood::new(), &data, None)?;
/// assert_eq!((outcome.status, outcome.epochs), (TrainStatus::Completed, 2));
/// assert!(outcome.train.loss < 1.0, "ln 10 = 2.3 nats is the loss of a guess");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer<'a, M>(Setup<'a, M>);

impl<'a, M: Module> Trainer<'a, M> {
    /// A trainer with these settings and this optimiser: one of Kiln's methods, or a `ModuleOptimizer` of Burn.
    pub fn new(config: TrainConfig, optimizer: impl Into<FirstOrder>) -> Self {
        Self(Setup {
            config,
            optimizer: optimizer.into(),
            observers: Vec::new(),
            checkpoints: None,
            interrupt: Arc::default(),
            held_out: "test",
            captures: false,
            world: World::alone(),
        })
    }

    /// Adds an observer. Observers are called in the order in which they were added.
    pub fn observe(mut self, observer: impl Observer<M> + 'a) -> Self {
        self.0.observers.push(Box::new(observer));
        self
    }

    /// Writes checkpoints, from which [`load`](Self::load) continues.
    ///
    /// # Example
    ///
    /// ```
    /// use burn::{nn::Linear, tensor::Device};
    /// use kiln_data::RegressionExamples;
    /// use kiln_dist::Normal;
    /// use kiln_optim::{MomentumConfig, Schedule};
    /// use kiln_tensor::{Stream, init};
    /// use kiln_train::{Checkpoints, LikelihoodOf, TrainConfig, Trainer};
    ///
    /// let data = RegressionExamples::new(vec![0.0, 1.0, 2.0, 3.0], 1, vec![1.0, 3.0, 5.0, 7.0])?;
    /// let model = || init::linear(1, 1, &mut Stream::new(0, "init", 0, 0), &Device::default());
    /// let objective = LikelihoodOf::new(|model: &Linear, x| {
    ///     let loc = model.forward(x);
    ///     let scale = loc.ones_like();
    ///     Normal::new(loc, scale).expect("the scale is positive")
    /// });
    /// # let folder = tempfile::tempdir()?;
    /// # let folder = folder.path();
    /// let checkpoints = Checkpoints::new(folder.join("checkpoints"), 3);
    /// let trainer = |epochs| -> Result<Trainer<Linear>, Box<dyn std::error::Error>> {
    ///     let config = TrainConfig { epochs, schedule: Schedule::constant(0.05)?, ..TrainConfig::default() };
    ///     Ok(Trainer::new(config, MomentumConfig::new().build()?).checkpoint_to(checkpoints.clone()))
    /// };
    /// trainer(4)?.fit(model(), &objective, &data, Some(&data))?;
    ///
    /// // Continues to six epochs in all.
    /// let outcome = trainer(6)?.load(model())?.fit(&objective, &data, Some(&data))?;
    /// assert_eq!(outcome.epochs, 6);
    ///
    /// let best = checkpoints.best()?;
    /// println!("step {}: {:?} nats", best.step(), best.position()?.score);
    /// let best = best.model(model(), MomentumConfig::new().build()?)?;
    /// # let _: Linear = best;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn checkpoint_to(mut self, checkpoints: Checkpoints) -> Self {
        self.0.checkpoints = Some(checkpoints);
        self
    }

    /// Names the held-out data in [reports](crate::EpochReport::split). Default: `test`.
    ///
    /// Data that choose the epoch, or that end the training, are usually called `validation`: their loss is then a biased estimate, and
    /// other data are needed for testing.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln_dist::LatentVariableModel;
    /// use kiln_data::{Dataset, Images, stratified_split};
    /// use kiln_optim::AdamConfig;
    /// use kiln_train::{EarlyStopping, Elbo, TrainConfig, TrainOutcome, Trainer};
    ///
    /// fn train<M: LatentVariableModel>(model: M, images: &Images) -> Result<TrainOutcome<M>, Box<dyn std::error::Error>> {
    ///     let split = stratified_split(&vec![0; images.len()], 0.1, 0)?;
    ///     let (train, validation) = (images.subset(&split.train), images.subset(&split.test));
    ///     let config = TrainConfig { early_stopping: Some(EarlyStopping { patience: 5, ..EarlyStopping::default() }), ..TrainConfig::default() };
    ///     let trainer = Trainer::new(config, AdamConfig::new().build()?).name_held_out("validation");
    ///     Ok(trainer.fit(model, &Elbo::new(), &train, Some(&validation))?)
    /// }
    /// ```
    pub fn name_held_out(mut self, name: &'static str) -> Self {
        self.0.held_out = name;
        self
    }

    /// Stops after the current step, with a checkpoint, when `flag` becomes true.
    ///
    /// If the flag is set during the last step of an epoch, the run stops after that epoch's evaluation.
    pub fn interrupt_on(mut self, flag: Arc<AtomicBool>) -> Self {
        self.0.interrupt = flag;
        self
    }

    /// On a GPU, captures a step as a graph and replays it: the host then writes the coefficients of the update and launches one graph a step, and
    /// not some 40 kernels.
    ///
    /// The replayed steps give the bits of steps that are not captured. A step is captured if all of these hold; otherwise the trainer
    /// goes on as without this method:
    /// - The objective [can be captured](Objective::can_be_captured), and the data have a [resident](Dataset::resident) form.
    /// - The optimiser was made by Kiln's `build()`, every minibatch is a step, and no observer wants every step.
    /// - No layer draws from the device's own random numbers, as `Dropout` does, and every float of the module is trained: a running
    ///   average, as `BatchNorm` has, is not.
    /// - The batch has the size of the captured one. The last batch of an epoch may be smaller, and is then computed by itself.
    ///
    /// The module must do the same computation in every step. A number that it takes from the host, and that changes from step to step,
    /// would keep the value of the captured step. Kiln cannot see this, so that you have to ask for the capture.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln_dist::LatentVariableModel;
    /// use kiln_data::Images;
    /// use kiln_optim::AdamConfig;
    /// use kiln_train::{Elbo, TrainConfig, TrainError, TrainOutcome, Trainer};
    ///
    /// fn train<M: LatentVariableModel>(model: M, images: &Images) -> Result<TrainOutcome<M>, TrainError> {
    ///     let trainer = Trainer::new(TrainConfig::default(), AdamConfig::new().build()?).capture_steps();
    ///     trainer.fit(model, &Elbo::new(), images, None)
    /// }
    /// ```
    pub fn capture_steps(mut self) -> Self {
        self.0.captures = true;
        self
    }

    /// Trains together with the other ranks of `world`: each evaluates its part of every minibatch, and all of them take the same step.
    ///
    /// Every rank calls [`fit`](Self::fit) with the same settings, model and data; the sizes are compared. A minibatch is the same as without
    /// this method, whatever the number of ranks, and so is its noise. So the result differs from that of one process by the rounding of
    /// sums only, and the same number of ranks gives the same bits again. Evaluations are divided too.
    ///
    /// Rank 0 writes the checkpoints. A run can be [loaded](Self::load) with another number of ranks; every rank reads the folder. An
    /// observer is called on the rank that has it. A request to stop, on any rank, ends the run on all of them, at most one step later.
    ///
    /// The loss must be a mean over rows; see [`Objective::is_mean_over_rows`]. Layers that draw from the device's own random numbers draw
    /// others on each rank, and layers that use the mean of a batch, such as `BatchNorm`, use that of the rank's part. On a GPU the host waits
    /// for each step.
    ///
    /// # Example
    ///
    /// Two ranks that are threads. On a cluster the world is that of MPI; see the crate `kiln-mpi`.
    ///
    /// ```
    /// use burn::{nn::Linear, tensor::Device};
    /// use kiln_data::{Labelled, digits};
    /// use kiln_dist::Categorical;
    /// use kiln_optim::{MomentumConfig, Schedule};
    /// use kiln_tensor::{Stream, init, world::threads};
    /// use kiln_train::{LikelihoodOf, TrainConfig, Trainer};
    ///
    /// let data = Labelled::new(digits())?;
    /// let losses = threads(2, |world| {
    ///     let model = init::linear(64, 10, &mut Stream::new(0, "init", 0, 0), &Device::default());
    ///     let objective = LikelihoodOf::new(|model: &Linear, x| Categorical::from_logits(model.forward(x)));
    ///     let config = TrainConfig { epochs: 1, schedule: Schedule::constant(0.1).unwrap(), ..TrainConfig::default() };
    ///     let trainer = Trainer::new(config, MomentumConfig::new().build().unwrap()).distributed(world);
    ///     trainer.fit(model, &objective, &data, None).unwrap().train.loss
    /// });
    /// assert_eq!(losses[0], losses[1]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn distributed(mut self, world: World) -> Self {
        self.0.world = world;
        self
    }

    /// Trains `model` on `train`, and evaluates it on `test` if there are test data.
    ///
    /// The data go to the device of the model's parameters. A model on a device without autodiff is put on autodiff first.
    ///
    /// Everything, including the observers, runs on a thread of rayon's pool, which other fits of this process share; see
    /// [`in_pool`].
    ///
    /// # Errors
    /// [`TrainError`]. A loss that is not finite is not an error: the status is then [`TrainStatus::Diverged`].
    pub fn fit<O, D>(self, model: M, objective: &O, train: &D, test: Option<&D>) -> Result<TrainOutcome<M>, TrainError>
    where
        D: Dataset,
        O: Objective<M, D::Batch>,
    {
        self.0.config.validate()?;
        let (model, device) = for_training(model).ok_or(StepError::NothingToUpdate)?;
        let data = Data { train, test, device: &device };
        in_pool(|| Run::new(self.0, model, Position::start(), objective, data)?.finish())
    }

    /// Loads the newest checkpoint. [`Loaded::fit`] continues from there.
    ///
    /// `model` gives the shapes and the device.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if there is no checkpoint, or it is corrupt or belongs to another model or optimiser.
    pub fn load(mut self, model: M) -> Result<Loaded<'a, M>, TrainError> {
        self.0.config.validate()?;
        let (model, device) = for_training(model).ok_or(StepError::NothingToUpdate)?;
        let checkpoints = self.0.checkpoints.as_ref().ok_or(CheckpointError::NoFolder);
        let newest = checkpoints.and_then(Checkpoints::latest);
        let loaded = newest.and_then(|checkpoint| checkpoint.load(model, self.0.optimizer)).map_err(TrainError::from);
        let (model, optimizer, at) = self.0.world.agree(loaded)?;
        self.0.optimizer = optimizer.after_skips(at.skipped_in_a_row);
        Ok(Loaded { setup: self.0, model, at, device })
    }
}

/// A run at its newest checkpoint, ready to continue. [`Trainer::load`] makes it.
pub struct Loaded<'a, M> {
    setup: Setup<'a, M>,
    model: M,
    at: Position,
    device: Device,
}

impl<M: Module> Loaded<'_, M> {
    /// Returns the number of completed epochs.
    pub fn epochs(&self) -> u64 {
        self.at.epoch
    }

    /// Returns the position of the run.
    pub fn position(&self) -> &Position {
        &self.at
    }

    /// Returns why the run ended if [`fit`](Self::fit) has no step left to take, and `None` otherwise.
    ///
    /// It depends on the trainer's settings: with more epochs, for example, a completed run continues.
    pub fn ended(&self) -> Option<TrainStatus> {
        self.at.ending(&self.setup.config)
    }

    /// Continues up to `config.epochs` epochs in total.
    ///
    /// On the CPU the result is bit-identical to that of a run that was never stopped. If no step is left to take (see
    /// [`ended`](Self::ended)), no checkpoint is written, and the result is that of the process that wrote the newest one;
    /// only the times differ.
    ///
    /// # Errors
    /// [`TrainError`].
    pub fn fit<O, D>(self, objective: &O, train: &D, test: Option<&D>) -> Result<TrainOutcome<M>, TrainError>
    where
        D: Dataset,
        O: Objective<M, D::Batch>,
    {
        let data = Data { train, test, device: &self.device };
        in_pool(|| Run::new(self.setup, self.model, self.at, objective, data)?.finish())
    }
}
