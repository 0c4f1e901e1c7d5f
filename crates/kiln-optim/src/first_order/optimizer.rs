//! A first-order optimiser over a whole module: transforms of the gradient, the method, and the ways to its iterate and
//! average.

use std::marker::PhantomData;

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::{GradientsParams, ModuleOptimizer, Optimizer, OptimizerRecord},
    tensor::{Device, Tensor},
};

use super::{
    ConfigError, Method,
    transform::{Transformed, Transforms},
};

/// A Burn [`ModuleOptimizer`] that refuses empty steps, transforms the gradient as a whole, and knows the iterate θ behind
/// the point that the module holds.
///
/// It is made from a [`Method`], one of Kiln's or of Burn's, or from any `ModuleOptimizer`:
///
/// ```
/// use kiln_optim::{AdamConfig, Average, FirstOrder, Method, NesterovConfig};
///
/// let accelerated = FirstOrder::from(NesterovConfig::new().build()?);
/// let averaged = FirstOrder::from(AdamConfig::new().build()?.averaged(Average::uniform()));
/// let by_groups = FirstOrder::from(AdamConfig::new().init()?);
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
///
/// Transforms of the gradient follow in one line, and act in the order in which they are written. This one takes the mean
/// of four gradients, leaves out those that are not finite, and then clips:
///
/// ```
/// # use kiln_optim::{FirstOrder, Sgd};
/// let optimizer = FirstOrder::from(Sgd).skip_non_finite(10)?.accumulate(4)?.clip_norm(1.0)?;
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
pub struct FirstOrder {
    optimizer: ModuleOptimizer,
    transforms: Transforms,
    /// What a checkpoint calls the method; a `ModuleOptimizer` does not tell.
    name: &'static str,
    /// Replaces the module's point by the iterate, for a method whose module is not there.
    to_iterate: Option<ModuleOptimizer>,
    /// Replaces it by the average, for a method that keeps one.
    to_average: Option<ModuleOptimizer>,
    momentum_at: Box<dyn Fn(u64) -> Option<f64> + Send + Sync>,
    updates: u64,
    skipped: u64,
}

/// Why a step was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// No parameter of the module has a gradient, so the step would change nothing.
    #[error(
        "the step would update no parameter: no gradient belongs to this module. Is the model on an autodiff device, \
         are its parameters not all frozen, and does the loss depend on them?"
    )]
    NothingToUpdate,
    /// More gradients in a row were not finite than were to be skipped.
    #[error(
        "the gradient of {parameter} is not finite, {in_a_row} times in a row: lower the learning rate, or look at the data"
    )]
    NonFinite {
        /// A parameter whose gradient is not finite.
        parameter: String,
        /// How many gradients were not finite without one between them that was.
        in_a_row: u64,
    },
}

impl From<ModuleOptimizer> for FirstOrder {
    fn from(optimizer: ModuleOptimizer) -> Self {
        Self {
            optimizer,
            transforms: Transforms::default(),
            name: "module-optimizer",
            to_iterate: None,
            to_average: None,
            momentum_at: Box::new(|_| None),
            updates: 0,
            skipped: 0,
        }
    }
}

impl<O: Method> From<O> for FirstOrder {
    fn from(method: O) -> Self {
        let optimizer = ModuleOptimizer::from(method.clone());
        Self {
            name: O::NAME,
            to_iterate: O::IS_AHEAD.then(|| Go::<O>::new(Place::Iterate).into()),
            to_average: O::KEEPS_AVERAGE.then(|| Go::<O>::new(Place::Average).into()),
            momentum_at: Box::new(move |step| method.momentum_at(step)),
            ..Self::from(optimizer)
        }
    }
}

impl FirstOrder {
    /// Scales the gradient down to the Euclidean norm `max` > 0, over all parameters together, where it is longer. It waits
    /// for the device at every step, unless the caller of [`prepare`](Self::prepare) gives the norm.
    ///
    /// # Errors
    /// When `max` is not positive and finite.
    pub fn clip_norm(mut self, max: f64) -> Result<Self, ConfigError> {
        self.transforms.clip_norm(max)?;
        Ok(self)
    }

    /// Brings each entry of the gradient into [−`max`, `max`].
    ///
    /// # Errors
    /// When `max` is not positive and finite.
    pub fn clip_value(mut self, max: f64) -> Result<Self, ConfigError> {
        self.transforms.clip_value(max)?;
        Ok(self)
    }

    /// Takes one step for every `every` ≥ 1 gradients, along their mean. Once only.
    ///
    /// # Errors
    /// When `every` is 0, or accumulation was asked for before.
    pub fn accumulate(mut self, every: u64) -> Result<Self, ConfigError> {
        self.transforms.accumulate(every)?;
        Ok(self)
    }

    /// Leaves out gradients that are not finite, up to `at_most` ≥ 1 in a row; one more is
    /// [`StepError::NonFinite`]. It waits for the device at every step.
    ///
    /// # Errors
    /// When `at_most` is 0.
    pub fn skip_non_finite(mut self, at_most: u64) -> Result<Self, ConfigError> {
        self.transforms.skip_non_finite(at_most)?;
        Ok(self)
    }

    /// One step of size `lr` along `gradients`, once they have gone through the transforms: a gradient that is kept for a
    /// later step, or left out, leaves the module as it is. [`updates`](Self::updates) tells.
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare).
    pub fn step<M: Module>(&mut self, lr: f64, module: M, gradients: GradientsParams) -> Result<M, StepError> {
        Ok(match self.prepare(&module, gradients, None)? {
            Some(gradients) => self.apply(lr, module, gradients),
            None => module,
        })
    }

    /// The first half of a step: what the transforms make of `gradients`; nothing when these are kept for a later step or
    /// left out. `norm` is their Euclidean norm, if the caller has read it already.
    ///
    /// # Errors
    /// [`StepError::NothingToUpdate`] when none of the gradients belongs to a parameter of `module`;
    /// [`StepError::NonFinite`].
    pub fn prepare<M: Module>(
        &mut self,
        module: &M,
        gradients: GradientsParams,
        norm: Option<f64>,
    ) -> Result<Option<GradientsParams>, StepError> {
        if !has_gradient(module, &gradients) {
            return Err(StepError::NothingToUpdate);
        }
        let transformed = self.transforms.apply(module, gradients, norm)?;
        Ok(self.ready(transformed))
    }

    /// What the transforms make of the gradients that are kept for a step, fewer than asked for, if there are any.
    ///
    /// # Errors
    /// [`StepError::NonFinite`].
    pub fn flush<M: Module>(&mut self, module: &M) -> Result<Option<GradientsParams>, StepError> {
        let transformed = self.transforms.flush(module)?;
        Ok(self.ready(transformed))
    }

    fn ready(&mut self, transformed: Transformed) -> Option<GradientsParams> {
        match transformed {
            Transformed::Ready(gradients) => return Some(gradients),
            Transformed::Pending => {}
            Transformed::Skipped => self.skipped += 1,
        }
        None
    }

    /// The second half of a step: the method's update along `gradients` as they are.
    pub fn apply<M: Module>(&mut self, lr: f64, module: M, gradients: GradientsParams) -> M {
        self.updates += 1;
        self.optimizer.step(lr, module, gradients)
    }

    /// Updates taken since this value was made: the step of a schedule, in a loop of your own. It is not part of the
    /// record: a loop that goes on from one adds the steps that it had taken.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Gradients left out since this value was made.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Gradients left out in a row, up to now; see [`skip_non_finite`](Self::skip_non_finite).
    pub fn skipped_in_a_row(&self) -> u64 {
        self.transforms.skipped_in_a_row()
    }

    /// The optimiser as it is after `count` gradients in a row were left out: for going on from a record.
    pub fn after_skips(mut self, count: u64) -> Self {
        self.transforms.set_skipped_in_a_row(count);
        self
    }

    /// Whether gradients are kept for a step that was not taken yet. They are not part of [`to_record`](Self::to_record).
    pub fn is_pending(&self) -> bool {
        self.transforms.is_pending()
    }

    /// How many gradients make a step, unless some are left out.
    pub fn gradients_per_step(&self) -> u64 {
        self.transforms.gradients_per_step()
    }

    /// Whether gradients that are not finite are left out.
    pub fn skips_non_finite(&self) -> bool {
        self.transforms.skips()
    }

    /// What the method is called, such as `nesterov`; `module-optimizer` for a `ModuleOptimizer` of any kind.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The momentum of step `step`, for a log; absent for a method that has none of its own to report.
    pub fn momentum_at(&self, step: u64) -> Option<f64> {
        (self.momentum_at)(step)
    }

    /// The module at the iterate θ: the one to evaluate, to save and to use.
    ///
    /// For every method but [`Nesterov`](super::Nesterov) it is the module itself. For Nesterov, whose module is at
    /// θ + αv while it trains, θ comes from the optimiser's state to the bit; the training module stays as it is.
    pub fn iterate<M: Module>(&self, module: &M) -> M {
        self.go(self.to_iterate.as_ref(), module)
    }

    /// The module at the average of the iterates where the method keeps one, and at the iterate otherwise.
    pub fn average<M: Module>(&self, module: &M) -> M {
        self.go(self.to_average.as_ref().or(self.to_iterate.as_ref()), module)
    }

    /// Whether the method keeps an average of its iterates.
    pub fn has_average(&self) -> bool {
        self.to_average.is_some()
    }

    /// Burn shows its states to optimisers only: so the way to a place in the state is an optimiser that shares the
    /// state's type.
    fn go<M: Module>(&self, way: Option<&ModuleOptimizer>, module: &M) -> M {
        let Some(way) = way else { return module.clone() };
        let mut way = way.clone().load_record(self.optimizer.to_record());
        way.step(0.0, module.clone(), zero_gradients(module))
    }

    /// The state, to be saved. Velocities keep their float type.
    pub fn to_record(&self) -> OptimizerRecord {
        self.optimizer.to_record()
    }

    /// The optimiser with the state of `record`, which belongs to the same parameters (by id) as when it was saved.
    pub fn load_record(self, record: OptimizerRecord) -> Self {
        Self { optimizer: self.optimizer.load_record(record), ..self }
    }
}

/// An optimiser whose step replaces a parameter by a place in the state of `O`, and changes nothing else.
#[derive(Clone, Debug)]
struct Go<O> {
    to: Place,
    of: PhantomData<O>,
}

impl<O> Go<O> {
    fn new(to: Place) -> Self {
        Self { to, of: PhantomData }
    }
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Iterate,
    Average,
}

impl<O: Method> Optimizer for Go<O> {
    type State<const D: usize> = O::State<D>;

    fn step<const D: usize>(
        &self,
        _lr: f64,
        tensor: Tensor<D>,
        _grad: Tensor<D>,
        state: Option<O::State<D>>,
    ) -> (Tensor<D>, Option<O::State<D>>) {
        let Some(state) = state else { return (tensor, None) };
        let there = match self.to {
            Place::Iterate => O::iterate(tensor, &state),
            Place::Average => O::average(&state).unwrap_or(tensor),
        };
        (there, Some(state))
    }

    fn to_device<const D: usize>(state: O::State<D>, device: &Device) -> O::State<D> {
        O::to_device(state, device)
    }
}

fn has_gradient<M: Module>(module: &M, gradients: &GradientsParams) -> bool {
    struct Finder<'a>(&'a GradientsParams, bool);
    impl ModuleVisitor for Finder<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1 = self.1 || self.0.get::<D>(param.id).is_some();
        }
    }
    let mut finder = Finder(gradients, false);
    module.visit(&mut finder);
    finder.1
}

/// A gradient of zero for every parameter that trains: Burn passes over a parameter without one.
fn zero_gradients<M: Module>(module: &M) -> GradientsParams {
    struct Zeros(GradientsParams);
    impl ModuleVisitor for Zeros {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() {
                self.0.register(param.id, param.val().without_autodiff().zeros_like());
            }
        }
    }
    let mut zeros = Zeros(GradientsParams::new());
    module.visit(&mut zeros);
    zeros.0
}
