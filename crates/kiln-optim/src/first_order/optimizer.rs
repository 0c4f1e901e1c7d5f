//! A first-order optimiser of a whole module.

use std::{collections::BTreeSet, sync::OnceLock};

use burn::{
    module::{Module, ModuleVisitor, Param, ParamGroup},
    optim::{GradientsParams, ModuleOptimizer, OptimizerRecord},
    tensor::Tensor,
};
use kiln_tensor::steps::StepsConfig;

use super::{
    ConfigError, Method, StepError,
    place::{MoveTo, MoveToFoundIterate, Place},
    state,
    transform::{Transformed, Transforms},
};

/// An optimiser of a whole module.
///
/// It is a Burn [`ModuleOptimizer`] that also refuses empty steps, transforms the gradient as a whole, and knows the iterate θ behind
/// the point that the module holds.
///
/// # Example
/// It is made from a [`Method`], one of Kiln's or of Burn's, or from any `ModuleOptimizer`:
///
/// ```
/// use kiln_optim::{AdamConfig, Average, FirstOrder, Method, NesterovConfig};
///
/// let accelerated = FirstOrder::from(NesterovConfig::new().build()?);
/// let averaged = FirstOrder::from(AdamConfig::new().build()?.averaged(Average::uniform()));
/// let from_burn = FirstOrder::from(burn::optim::RmsPropConfig::new().init());
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
///
/// Parameter groups have methods, learning rates and weight decays of their own. Here biases learn twice as fast and have no decay:
///
/// ```
/// # use kiln_optim::{FirstOrder, Method, NesterovConfig};
/// use burn::module::ParamGroup;
///
/// let nesterov = NesterovConfig::new().build()?;
/// let optimizer = FirstOrder::from(nesterov.clone().with_weight_decay(1e-4)?)
///     .group(ParamGroup::from_predicate("bias"), nesterov.with_lr_scale(2.0)?);
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
///
/// Transforms of the gradient act in the order in which they are added. This optimiser takes the mean of four gradients, leaves out
/// those that are not finite, and then clips the mean:
///
/// ```
/// # use kiln_optim::{FirstOrder, Sgd};
/// let optimizer = FirstOrder::from(Sgd).skip_non_finite(10)?.accumulate(4)?.clip_norm(1.0)?;
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
pub struct FirstOrder {
    optimizer: ModuleOptimizer,
    transforms: Transforms,
    /// The method's name in a checkpoint; a `ModuleOptimizer` does not tell.
    name: &'static str,
    /// Moves each parameter to its iterate, with the groups of `optimizer`.
    to_iterate: ModuleOptimizer,
    /// Moves each parameter to its average, or to its iterate if its method keeps none.
    to_average: ModuleOptimizer,
    ahead: Ahead,
    has_average: bool,
    by_passes: bool,
    momentum_at: Box<dyn Fn(u64) -> Option<f64> + Send + Sync>,
    updates: u64,
    skipped: u64,
}

/// Whether the module holds another point than the iterate.
#[derive(Debug)]
enum Ahead {
    No,
    Yes,
    /// The methods in a `ModuleOptimizer` are unknown, but their states can be searched for Nesterov's. The result holds until a
    /// parameter has its first gradient, because its state appears then.
    Search {
        result: OnceLock<bool>,
        stepped: BTreeSet<u64>,
    },
}

impl Ahead {
    fn search() -> Self {
        Self::Search { result: OnceLock::new(), stepped: BTreeSet::new() }
    }
}

impl From<ModuleOptimizer> for FirstOrder {
    /// Wraps an optimiser of Burn, whose methods are unknown. [`iterate`](FirstOrder::iterate) is right even if one of them is
    /// [`Nesterov`](super::Nesterov); [`average`](FirstOrder::average) is the iterate.
    fn from(optimizer: ModuleOptimizer) -> Self {
        Self {
            optimizer,
            transforms: Transforms::default(),
            name: "module-optimizer",
            to_iterate: MoveToFoundIterate.into(),
            to_average: MoveToFoundIterate.into(),
            ahead: Ahead::search(),
            has_average: false,
            by_passes: false,
            momentum_at: Box::new(|_| None),
            updates: 0,
            skipped: 0,
        }
    }
}

impl<O: Method> From<O> for FirstOrder {
    fn from(method: O) -> Self {
        Self {
            name: O::NAME,
            to_iterate: MoveTo::<O>::new(Place::Iterate).into(),
            to_average: MoveTo::<O>::new(Place::Average).into(),
            ahead: if O::IS_AHEAD { Ahead::Yes } else { Ahead::No },
            has_average: O::KEEPS_AVERAGE,
            by_passes: O::BY_PASSES,
            momentum_at: {
                let method = method.clone();
                Box::new(move |step| method.momentum_at(step))
            },
            ..Self::from(ModuleOptimizer::from(method))
        }
    }
}

impl FirstOrder {
    /// Gives the parameters of a group a method of their own.
    ///
    /// A parameter that is in several groups belongs to the last one that was added. For a learning rate or a weight decay of the
    /// group's own, see [`Method::with_lr_scale`] and [`Method::with_weight_decay`]. Add groups before the first step: the states of
    /// the group's parameters are reset. A record of the state can be loaded into an optimiser with the same groups only.
    #[must_use]
    pub fn group<O: Method>(mut self, parameters: ParamGroup, method: O) -> Self {
        self.to_iterate = self.to_iterate.with_group(parameters.clone(), MoveTo::<O>::new(Place::Iterate), None);
        self.to_average = self.to_average.with_group(parameters.clone(), MoveTo::<O>::new(Place::Average), None);
        self.optimizer = self.optimizer.with_group(parameters, method, None);
        if O::IS_AHEAD {
            self.ahead = Ahead::Yes;
        }
        self.has_average |= O::KEEPS_AVERAGE;
        self.by_passes &= O::BY_PASSES;
        self
    }

    /// Scales the gradient of all parameters together to the Euclidean norm `max` > 0 if it is longer. This waits for the device at
    /// every step, unless the caller passes the norm to [`prepare`](Self::prepare).
    ///
    /// # Errors
    /// Returns [`ConfigError`] if `max` is not positive and finite.
    pub fn clip_norm(mut self, max: f64) -> Result<Self, ConfigError> {
        self.transforms.clip_norm(max)?;
        Ok(self)
    }

    /// Clamps each entry of the gradient to [−`max`, `max`].
    ///
    /// # Errors
    /// Returns [`ConfigError`] if `max` is not positive and finite.
    pub fn clip_value(mut self, max: f64) -> Result<Self, ConfigError> {
        self.transforms.clip_value(max)?;
        Ok(self)
    }

    /// Takes one step per `every` ≥ 1 gradients, along their mean. It can be added once.
    ///
    /// # Errors
    /// Returns [`ConfigError`] if `every` is 0, or accumulation was added before.
    pub fn accumulate(mut self, every: u64) -> Result<Self, ConfigError> {
        self.transforms.accumulate(every)?;
        Ok(self)
    }

    /// Skips gradients that are not finite, at most `at_most` ≥ 1 in a row; after one more, the step returns
    /// [`StepError::NonFinite`]. This waits for the device at every step.
    ///
    /// # Errors
    /// Returns [`ConfigError`] if `at_most` is 0.
    pub fn skip_non_finite(mut self, at_most: u64) -> Result<Self, ConfigError> {
        self.transforms.skip_non_finite(at_most)?;
        Ok(self)
    }

    /// Takes one step with the learning rate `lr` along `gradients`, after the transforms.
    ///
    /// If a transform accumulates or skips the gradient, the module does not change; see [`updates`](Self::updates).
    ///
    /// # Errors
    /// Those of [`prepare`](Self::prepare).
    pub fn step<M: Module>(&mut self, lr: f64, module: M, gradients: GradientsParams) -> Result<M, StepError> {
        Ok(match self.prepare(&module, gradients, None)? {
            Some(gradients) => self.apply(lr, module, gradients),
            None => module,
        })
    }

    /// Applies the transforms, which is the first half of a step. Returns none if the gradient is accumulated or skipped.
    ///
    /// `norm` is the Euclidean norm of the gradients, if the caller has read it already.
    ///
    /// # Errors
    /// Returns [`StepError::NothingToUpdate`] if no gradient belongs to a parameter of `module`, and [`StepError::NonFinite`].
    pub fn prepare<M: Module>(
        &mut self,
        module: &M,
        gradients: GradientsParams,
        norm: Option<f64>,
    ) -> Result<Option<GradientsParams>, StepError> {
        if with_gradient(module, &gradients).is_empty() {
            return Err(StepError::NothingToUpdate);
        }
        let transformed = self.transforms.apply(module, gradients, norm)?;
        Ok(self.ready(transformed))
    }

    /// Returns the mean of the gradients that were accumulated so far, after the other transforms, if there are any.
    ///
    /// # Errors
    /// Returns [`StepError::NonFinite`].
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

    /// Updates the module along `gradients` without transforms, which is the second half of a step.
    pub fn apply<M: Module>(&mut self, lr: f64, module: M, gradients: GradientsParams) -> M {
        self.updates += 1;
        if let Ahead::Search { result, stepped } = &mut self.ahead {
            let before = stepped.len();
            stepped.extend(with_gradient(&module, &gradients));
            if stepped.len() > before {
                *result = OnceLock::new();
            }
        }
        self.optimizer.step(lr, module, gradients)
    }

    /// Returns how [`kiln_tensor::steps`] takes the steps of this optimiser on a GPU: then [`apply`](Self::apply) is its update, and
    /// [`prepare`](Self::prepare) is left out. None if the host must see every gradient, because gradients are accumulated or a method
    /// is not one of Kiln's.
    ///
    /// If gradients that are not finite are [skipped](Self::skip_non_finite), the steps halt at one, and the host must take that step.
    pub fn deferred(&self) -> Option<StepsConfig> {
        self.by_passes.then(|| self.transforms.deferred()).flatten()
    }

    /// Takes back the last `steps` updates in the counts of steps only, because they had no effect: the device had halted.
    pub fn rewind(&mut self, steps: u64) {
        self.updates -= steps;
        let record = state::with_fewer_steps(steps, || self.optimizer.to_record());
        self.optimizer = self.optimizer.clone().load_record(record);
    }

    /// Returns the number of updates since this value was made, which is the step of a schedule in a loop of your own. It is not
    /// part of the record: when you load a record, add the number of earlier updates.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Returns the number of gradients that were skipped since this value was made.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns the number of gradients that were skipped in a row until now; see [`skip_non_finite`](Self::skip_non_finite).
    pub fn skipped_in_a_row(&self) -> u64 {
        self.transforms.skipped_in_a_row()
    }

    /// Sets the number of gradients that were skipped in a row, to continue from a record.
    pub fn after_skips(mut self, count: u64) -> Self {
        self.transforms.set_skipped_in_a_row(count);
        self
    }

    /// Returns whether gradients are accumulated for a step. They are not part of [`to_record`](Self::to_record).
    pub fn is_pending(&self) -> bool {
        self.transforms.is_pending()
    }

    /// Returns the number of gradients per step, without skipped ones.
    pub fn gradients_per_step(&self) -> u64 {
        self.transforms.gradients_per_step()
    }

    /// Returns whether gradients that are not finite are skipped.
    pub fn skips_non_finite(&self) -> bool {
        self.transforms.skips()
    }

    /// Returns the name of the method, such as `nesterov`, and `module-optimizer` for any `ModuleOptimizer`. With groups, it is the
    /// method of the parameters that are in no group.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the momentum of step `step`, for a log, if the method has one.
    pub fn momentum_at(&self, step: u64) -> Option<f64> {
        (self.momentum_at)(step)
    }

    /// Returns the module at the iterate θ, which is the one to evaluate, to save and to use.
    ///
    /// For every method except [`Nesterov`](super::Nesterov) it is the module itself. With Nesterov's method the module is at
    /// θ + αv during training, and θ is read from the optimiser's state, bit by bit. The training module stays as it is.
    pub fn iterate<M: Module>(&self, module: &M) -> M {
        let ahead = match &self.ahead {
            Ahead::No => false,
            Ahead::Yes => true,
            Ahead::Search { result, .. } => *result.get_or_init(|| self.finds_nesterov()),
        };
        if ahead { self.moved(&self.to_iterate, module) } else { module.clone() }
    }

    /// Returns the module at the average of the iterates. Parameters whose method keeps no average are at their iterate.
    pub fn average<M: Module>(&self, module: &M) -> M {
        if self.has_average { self.moved(&self.to_average, module) } else { self.iterate(module) }
    }

    /// Returns whether a method keeps an average of its iterates.
    pub fn has_average(&self) -> bool {
        self.has_average
    }

    fn moved<M: Module>(&self, way: &ModuleOptimizer, module: &M) -> M {
        let mut way = way.clone().load_record(self.optimizer.to_record());
        way.step(0.0, module.clone(), zero_gradients(module))
    }

    fn finds_nesterov(&self) -> bool {
        !self.to_iterate.clone().load_record(self.optimizer.to_record()).to_record().is_empty()
    }

    /// Returns the state, for a checkpoint. Tensors keep their float type.
    pub fn to_record(&self) -> OptimizerRecord {
        self.optimizer.to_record()
    }

    /// Loads a state. The parameters must have the same ids, and the optimiser the same groups, as when it was saved.
    pub fn load_record(self, record: OptimizerRecord) -> Self {
        let ahead = match self.ahead {
            Ahead::Search { .. } => Ahead::search(),
            known => known,
        };
        Self { optimizer: self.optimizer.load_record(record), ahead, ..self }
    }
}

/// The ids of the parameters that have a gradient.
fn with_gradient<M: Module>(module: &M, gradients: &GradientsParams) -> BTreeSet<u64> {
    struct Finder<'a>(&'a GradientsParams, BTreeSet<u64>);
    impl ModuleVisitor for Finder<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.0.get::<D>(param.id).is_some() {
                self.1.insert(param.id.val());
            }
        }
    }
    let mut finder = Finder(gradients, BTreeSet::new());
    module.visit(&mut finder);
    finder.1
}

/// A zero gradient for each trainable parameter, because Burn ignores parameters without one.
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
