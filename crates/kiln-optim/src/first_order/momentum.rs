//! Momentum (heavy ball): v ← αv − εg, θ ← θ + v.

use burn::{
    config::Config,
    optim::{ModuleOptimizer, Optimizer, RecordState, StateSink, StateSource},
    tensor::{Device, Tensor},
};
use kiln_tensor::pass::{Elements, Pass, Real, pass};

use super::{
    ConfigError, Method,
    coefficient::Coefficient,
    state,
    wide::{narrowed, widened},
};
use crate::Schedule;

/// Settings of [`Momentum`].
///
/// # Example
/// ```
/// use kiln_optim::{MomentumConfig, Schedule};
///
/// let constant = MomentumConfig::new().with_momentum(0.95).build()?;
/// let growing = MomentumConfig::new().with_schedule(Some(Schedule::sutskever(0.99)?)).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Config, Debug)]
pub struct MomentumConfig {
    /// The momentum α, in [0, 1). Default 0.9, which makes the effective learning rate ten times as large.
    #[config(default = 0.9)]
    pub momentum: f64,
    /// The momentum α as a function of the step, instead of `momentum`; all values in [0, 1). Default: none.
    pub schedule: Option<Schedule>,
}

impl MomentumConfig {
    /// Returns the optimiser of a single parameter, for [`FirstOrder`](super::FirstOrder) and parameter groups.
    ///
    /// # Errors
    /// Returns [`ConfigError`] if the momentum is outside [0, 1) at any step.
    pub fn build(&self) -> Result<Momentum, ConfigError> {
        Ok(Momentum { momentum: Coefficient::new(self.momentum, self.schedule.as_ref())? })
    }

    /// Returns the Burn optimiser of a whole module.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn init(&self) -> Result<ModuleOptimizer, ConfigError> {
        Ok(self.build()?.into())
    }
}

/// Gradient descent with momentum: v ← αv − εg, θ ← θ + v, from v = 0 (Polyak, 1964; *Deep Learning*, algorithm 8.2).
///
/// # Example
///
/// ```
/// use kiln_optim::{MomentumConfig, Schedule};
///
/// let constant = MomentumConfig::new().with_momentum(0.95).init()?;
/// let growing = MomentumConfig::new().with_schedule(Some(Schedule::sutskever(0.99)?)).init()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Momentum {
    momentum: Coefficient,
}

/// The velocity v of a parameter, in the parameter's float type or in f32 if that has fewer bits, and the number of steps.
#[derive(Clone, Debug)]
pub struct Velocity<const D: usize> {
    pub(super) velocity: Tensor<D>,
    pub(super) steps: u64,
}

impl Optimizer for Momentum {
    type State<const D: usize> = Velocity<D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Velocity<D>>,
    ) -> (Tensor<D>, Option<Velocity<D>>) {
        let (dtype, tensor, grad) = (tensor.dtype(), widened(tensor), widened(grad));
        let Velocity { velocity, steps } = state.unwrap_or_else(|| Velocity::none(&tensor));
        let update = HeavyBall { momentum: self.momentum.at(steps), lr };
        let [tensor, velocity] = pass(&update, [tensor, widened(velocity)], grad);
        (narrowed(tensor, dtype), Some(Velocity { velocity, steps: steps + 1 }))
    }

    fn to_device<const D: usize>(state: Velocity<D>, device: &Device) -> Velocity<D> {
        Velocity { velocity: state.velocity.to_device(device), ..state }
    }
}

impl Method for Momentum {
    const NAME: &'static str = "momentum";
    const BY_PASSES: bool = true;

    fn momentum_at(&self, step: u64) -> Option<f64> {
        Some(self.momentum.at(step))
    }
}

/// v ← αv − εg, θ ← θ + v.
#[derive(Clone, Copy)]
struct HeavyBall {
    momentum: f64,
    lr: f64,
}

impl Pass<2> for HeavyBall {
    #[inline(always)]
    fn element<E: Real>(&self, [theta, velocity]: [E; 2], gradient: E) -> [E; 2] {
        let velocity = velocity * E::of(self.momentum) - gradient * E::of(self.lr);
        [theta + velocity, velocity]
    }

    fn tensors<const D: usize>(&self, [theta, velocity]: [Tensor<D>; 2], gradient: Tensor<D>) -> [Tensor<D>; 2] {
        let velocity = velocity * self.momentum - gradient * self.lr;
        [theta + velocity.clone(), velocity]
    }

    #[inline(never)]
    fn everywhere(&self, elements: Elements<'_, 2>) {
        elements.update(self);
    }
}

impl<const D: usize> Velocity<D> {
    /// v = 0, before the first step.
    pub(super) fn none(parameter: &Tensor<D>) -> Self {
        Self { velocity: parameter.zeros_like(), steps: 0 }
    }
}

impl<const D: usize> RecordState for Velocity<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        state::push_tensor(out, prefix, "velocity", &self.velocity);
        state::push_count(out, prefix, "steps", self.steps);
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let velocity = state::take_tensor(source, prefix, "velocity", device)?;
        Some(Self { velocity, steps: state::take_count(source, prefix, "steps")? })
    }
}
