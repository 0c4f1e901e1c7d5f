//! A first-order optimiser over a whole module, with the way back to the iterate.

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::{GradientsParams, ModuleOptimizer, OptimizerRecord},
    tensor::Tensor,
};

use super::{Momentum, Nesterov, Sgd, nesterov};

/// A Burn [`ModuleOptimizer`] that refuses empty steps and knows the iterate θ behind the point that the module holds.
///
/// It is made from any of Kiln's methods or from a `ModuleOptimizer` of Burn's:
///
/// ```
/// use kiln_optim::{FirstOrder, NesterovConfig, adam::AdamConfig};
///
/// let accelerated = FirstOrder::from(NesterovConfig::new().build()?);
/// let adam = FirstOrder::from(AdamConfig::new().init());
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct FirstOrder {
    optimizer: ModuleOptimizer,
    /// Holds [`Nesterov`]'s `Return`, for a method whose module is not at its iterate.
    back: Option<ModuleOptimizer>,
}

/// Why a step was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// No parameter of the module has a gradient, so the step would change nothing.
    #[error(
        "the step would update no parameter: no gradient belongs to this module. Is the model on an autodiff device, \
         are its parameters not all frozen, and does the loss depend on them?"
    )]
    NothingToUpdate,
}

impl From<ModuleOptimizer> for FirstOrder {
    fn from(optimizer: ModuleOptimizer) -> Self {
        Self { optimizer, back: None }
    }
}

impl From<Sgd> for FirstOrder {
    fn from(method: Sgd) -> Self {
        ModuleOptimizer::from(method).into()
    }
}

impl From<Momentum> for FirstOrder {
    fn from(method: Momentum) -> Self {
        ModuleOptimizer::from(method).into()
    }
}

impl From<Nesterov> for FirstOrder {
    fn from(method: Nesterov) -> Self {
        Self { optimizer: method.into(), back: Some(nesterov::Return.into()) }
    }
}

impl FirstOrder {
    /// One step of size `lr` along `gradients`.
    ///
    /// # Errors
    /// [`StepError::NothingToUpdate`] when none of the gradients belongs to a parameter of `module`.
    pub fn step<M: Module>(&mut self, lr: f64, module: M, gradients: GradientsParams) -> Result<M, StepError> {
        if !has_gradient(&module, &gradients) {
            return Err(StepError::NothingToUpdate);
        }
        Ok(self.optimizer.step(lr, module, gradients))
    }

    /// The module at the iterate θ: the one to evaluate, to save and to use.
    ///
    /// For every method but [`Nesterov`] it is the module itself. For Nesterov, whose module is at θ + αv while it
    /// trains, θ comes from the optimiser's state to the bit; the training module stays as it is.
    pub fn iterate<M: Module>(&self, module: &M) -> M {
        let Some(back) = &self.back else { return module.clone() };
        let mut back = back.clone().load_record(self.optimizer.to_record());
        back.step(0.0, module.clone(), zero_gradients(module))
    }

    /// The state, to be saved. Velocities keep their float type.
    pub fn to_record(&self) -> OptimizerRecord {
        self.optimizer.to_record()
    }

    /// The optimiser with the state of `record`, which belongs to the same parameters (by id) as when it was saved.
    pub fn load_record(self, record: OptimizerRecord) -> Self {
        Self { optimizer: self.optimizer.load_record(record), back: self.back }
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
