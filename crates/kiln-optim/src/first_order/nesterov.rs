//! Nesterov's accelerated gradient, literally: the gradient is taken at the look-ahead point θ + αv.

use burn::{
    config::Config,
    optim::{ModuleOptimizer, Optimizer, RecordState, StateSink, StateSource},
    tensor::{Device, Tensor},
};

use super::{
    ConfigError, check_momentum,
    momentum::{next_velocity, take_tensor},
};

/// Settings of [`Nesterov`].
#[derive(Config, Debug)]
pub struct NesterovConfig {
    /// α, in [0, 1): how much of the velocity the next step keeps. Default 0.9.
    #[config(default = 0.9)]
    pub momentum: f64,
}

impl NesterovConfig {
    /// The bare optimiser, for a parameter group.
    ///
    /// # Errors
    /// [`ConfigError`] when the momentum is outside [0, 1).
    pub fn build(&self) -> Result<Nesterov, ConfigError> {
        Ok(Nesterov { momentum: check_momentum(self.momentum)? })
    }

    /// The optimiser of a whole module. To come back from the look-ahead point,
    /// use [`FirstOrder::from`](super::FirstOrder) on [`build`](Self::build) instead.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn init(&self) -> Result<ModuleOptimizer, ConfigError> {
        Ok(self.build()?.into())
    }
}

/// Nesterov's accelerated gradient: v ← αv − εg(θ + αv), θ ← θ + v, from v = 0
/// (Sutskever et al., 2013, eqs. 3–4; *Deep Learning*, algorithm 8.3).
///
/// **The module holds the look-ahead point θ + αv, not θ**: so the gradient that Burn takes there is the one that the
/// method asks for. θ itself is in the optimiser's state, to the bit; [`FirstOrder::iterate`](super::FirstOrder::iterate)
/// gives the module at θ, which is the one to evaluate and to save.
///
/// ```
/// use kiln_optim::{FirstOrder, NesterovConfig};
///
/// let optimizer = FirstOrder::from(NesterovConfig::new().with_momentum(0.9).build()?);
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Nesterov {
    momentum: f64,
}

/// Where a parameter is (θ) and how it moves (v).
///
/// θ is kept rather than recovered as (θ + αv) − αv, whose rounding would accumulate from step to step.
#[derive(Clone, Debug)]
pub struct LookAhead<const D: usize> {
    iterate: Tensor<D>,
    velocity: Tensor<D>,
}

impl Optimizer for Nesterov {
    type State<const D: usize> = LookAhead<D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<LookAhead<D>>,
    ) -> (Tensor<D>, Option<LookAhead<D>>) {
        // Before the first step v = 0, and the look-ahead point is θ itself.
        let (iterate, velocity) = match state {
            Some(state) => (state.iterate, Some(state.velocity)),
            None => (tensor, None),
        };
        let velocity = next_velocity(self.momentum, lr, grad, velocity);
        let iterate = iterate + velocity.clone();
        let ahead = iterate.clone() + velocity.clone() * self.momentum;
        (ahead, Some(LookAhead { iterate, velocity }))
    }

    fn to_device<const D: usize>(state: LookAhead<D>, device: &Device) -> LookAhead<D> {
        LookAhead { iterate: state.iterate.to_device(device), velocity: state.velocity.to_device(device) }
    }
}

/// The optimiser whose step replaces the look-ahead point by θ and changes nothing else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Return;

impl Optimizer for Return {
    type State<const D: usize> = LookAhead<D>;

    fn step<const D: usize>(
        &self,
        _lr: f64,
        tensor: Tensor<D>,
        _grad: Tensor<D>,
        state: Option<LookAhead<D>>,
    ) -> (Tensor<D>, Option<LookAhead<D>>) {
        (state.as_ref().map_or(tensor, |s| s.iterate.clone()), state)
    }

    fn to_device<const D: usize>(state: LookAhead<D>, device: &Device) -> LookAhead<D> {
        Nesterov::to_device(state, device)
    }
}

impl<const D: usize> RecordState for LookAhead<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        out.push_tensor(prefix, "iterate", self.iterate.to_data());
        out.push_tensor(prefix, "velocity", self.velocity.to_data());
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let iterate = take_tensor(prefix, "iterate", source, device)?;
        let velocity = take_tensor(prefix, "velocity", source, device)?;
        Some(Self { iterate, velocity })
    }
}
