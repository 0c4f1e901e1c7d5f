//! Momentum (heavy ball): v ← αv − εg, θ ← θ + v.

use burn::{
    config::Config,
    optim::{ModuleOptimizer, Optimizer, RecordState, StateSink, StateSource},
    tensor::{Device, Tensor},
};

use super::{ConfigError, check_momentum};

/// Settings of [`Momentum`].
#[derive(Config, Debug)]
pub struct MomentumConfig {
    /// α, in [0, 1): how much of the velocity the next step keeps. Default 0.9, a tenfold effective step size.
    #[config(default = 0.9)]
    pub momentum: f64,
}

impl MomentumConfig {
    /// The bare optimiser, for a parameter group.
    ///
    /// # Errors
    /// [`ConfigError`] when the momentum is outside [0, 1).
    pub fn build(&self) -> Result<Momentum, ConfigError> {
        Ok(Momentum { momentum: check_momentum(self.momentum)? })
    }

    /// The optimiser of a whole module.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn init(&self) -> Result<ModuleOptimizer, ConfigError> {
        Ok(self.build()?.into())
    }
}

/// Gradient descent with momentum, v ← αv − εg, θ ← θ + v, from v = 0
/// (Polyak, 1964; *Deep Learning*, algorithm 8.2).
///
/// ```
/// use kiln_optim::MomentumConfig;
///
/// let optimizer = MomentumConfig::new().with_momentum(0.95).init()?;
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Momentum {
    momentum: f64,
}

/// The velocity v of a parameter, in the parameter's own float type.
#[derive(Clone, Debug)]
pub struct Velocity<const D: usize> {
    pub(super) velocity: Tensor<D>,
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
        let velocity = next_velocity(self.momentum, lr, grad, state.map(|s| s.velocity));
        (tensor + velocity.clone(), Some(Velocity { velocity }))
    }

    fn to_device<const D: usize>(state: Velocity<D>, device: &Device) -> Velocity<D> {
        Velocity { velocity: state.velocity.to_device(device) }
    }
}

/// αv − εg, where no velocity yet means v = 0.
pub(super) fn next_velocity<const D: usize>(
    momentum: f64,
    lr: f64,
    grad: Tensor<D>,
    velocity: Option<Tensor<D>>,
) -> Tensor<D> {
    match velocity {
        Some(velocity) => velocity * momentum - grad * lr,
        None => grad * -lr,
    }
}

impl<const D: usize> RecordState for Velocity<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, "velocity", self.velocity.to_data());
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        Some(Self { velocity: take_tensor(prefix, "velocity", source, device)? })
    }
}

/// A saved tensor in the float type that it was saved in: Burn's own derive would round f64 to the device's default.
pub(super) fn take_tensor<const D: usize>(
    prefix: &str,
    leaf: &str,
    source: &mut StateSource,
    device: &Device,
) -> Option<Tensor<D>> {
    let data = source.take_tensor(prefix, leaf)?;
    let dtype = data.dtype();
    Some(Tensor::from_data(data, (device, dtype)))
}
