//! PyTorch's SGD: the learning rate outside of the velocity, dampening, weight decay.

use burn::{
    config::Config,
    optim::{ModuleOptimizer, Optimizer},
    tensor::{Device, Tensor},
};
use kiln_tensor::pass::{Elements, Pass, Real, pass, with_decay};

use super::{
    ConfigError, Method, Velocity,
    error::check_momentum,
    require,
    sgd::GradientStep,
    wide::{narrowed, widened},
};

/// The form of the weight decay in [`TorchSgd`].
///
/// # Example
/// ```
/// use kiln_optim::{TorchSgdConfig, WeightDecay};
///
/// let config = TorchSgdConfig::new().with_weight_decay(1e-4).with_weight_decay_form(WeightDecay::Decoupled);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum WeightDecay {
    /// Adds λθ to the gradient, before the momentum: an ℓ2 penalty, as in PyTorch's SGD.
    Coupled,
    /// Subtracts ελθ from θ, separately from the momentum (SGDW of Loshchilov and Hutter, 2019).
    Decoupled,
}

/// Settings of [`TorchSgd`], with PyTorch's names and defaults.
///
/// # Example
/// ```
/// use kiln_optim::{TorchSgdConfig, WeightDecay};
///
/// let sgdw = TorchSgdConfig::new().with_momentum(0.9).with_weight_decay(1e-4).with_weight_decay_form(WeightDecay::Decoupled);
/// assert!(sgdw.build().is_ok());
/// ```
#[derive(Config, Debug)]
pub struct TorchSgdConfig {
    /// The momentum μ, in [0, 1). Default 0.
    #[config(default = 0.0)]
    pub momentum: f64,
    /// The dampening d of the momentum, in [0, 1). Default 0, as in PyTorch; Burn's default is 0.1.
    #[config(default = 0.0)]
    pub dampening: f64,
    /// The weight decay λ ≥ 0. Default 0.
    #[config(default = 0.0)]
    pub weight_decay: f64,
    /// The form of the weight decay. Default coupled.
    #[config(default = "WeightDecay::Coupled")]
    pub weight_decay_form: WeightDecay,
    /// Whether to use Nesterov's form, which needs momentum and no dampening. Default false.
    #[config(default = false)]
    pub nesterov: bool,
}

impl TorchSgdConfig {
    /// Returns the optimiser of a single parameter, for [`FirstOrder`](super::FirstOrder) and parameter groups.
    ///
    /// # Errors
    /// Returns [`ConfigError`] if a number is out of its range, dampening is used without momentum, or Nesterov's form is used
    /// without momentum or with dampening.
    pub fn build(&self) -> Result<TorchSgd, ConfigError> {
        check_momentum(self.momentum)?;
        require((0.0..1.0).contains(&self.dampening), "dampening", "in [0, 1)", self.dampening)?;
        require(self.momentum > 0.0 || self.dampening <= 0.0, "momentum", "above 0 for dampening", self.momentum)?;
        let decay = self.weight_decay;
        require(decay >= 0.0 && decay.is_finite(), "weight_decay", "finite and not negative", decay)?;
        if self.nesterov {
            require(self.momentum > 0.0, "momentum", "above 0 for Nesterov's form", self.momentum)?;
            require(self.dampening <= 0.0, "dampening", "0 for Nesterov's form", self.dampening)?;
        }
        Ok(TorchSgd { config: self.clone() })
    }

    /// Returns the Burn optimiser of a whole module.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn init(&self) -> Result<ModuleOptimizer, ConfigError> {
        Ok(self.build()?.into())
    }
}

/// PyTorch's `torch.optim.SGD`: u ← μu + (1 − d)(g + λθ), θ ← θ − εu. The first velocity u is the first gradient.
///
/// With `nesterov` the step is along g + λθ + μu. Decoupled weight decay subtracts ελθ from θ and does not add λθ to g. If ε
/// changes, it differs from [`Momentum`](super::Momentum) and [`Nesterov`](super::Nesterov): see
/// [there](super::Nesterov#the-reformulated-method-and-where-the-two-differ).
///
/// # Example
///
/// ```
/// use kiln_optim::TorchSgdConfig;
///
/// let optimizer = TorchSgdConfig::new().with_momentum(0.9).with_weight_decay(1e-4).with_nesterov(true).init()?;
/// assert!(TorchSgdConfig::new().with_momentum(0.9).with_dampening(0.1).with_nesterov(true).init().is_err());
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TorchSgd {
    config: TorchSgdConfig,
}

impl Optimizer for TorchSgd {
    type State<const D: usize> = Velocity<D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Velocity<D>>,
    ) -> (Tensor<D>, Option<Velocity<D>>) {
        let TorchSgdConfig { momentum, dampening, weight_decay, weight_decay_form, nesterov } = self.config;
        let (dtype, tensor, grad) = (tensor.dtype(), widened(tensor), widened(grad));
        let decays = |form| weight_decay > 0.0 && weight_decay_form == form;
        let grad = if decays(WeightDecay::Coupled) { with_decay(grad, &tensor, weight_decay) } else { grad };
        let tensor = if decays(WeightDecay::Decoupled) { tensor * (1.0 - lr * weight_decay) } else { tensor };
        if momentum <= 0.0 {
            let [tensor] = pass(&GradientStep { lr }, [tensor], grad);
            return (narrowed(tensor, dtype), None);
        }
        // The first velocity is the first gradient, without dampening.
        let (state, kept) = match state {
            Some(state) if state.steps > 0 => (state, 1.0 - dampening),
            _ => (Velocity::none(&tensor), 1.0),
        };
        let update = TorchMomentum { momentum, kept, nesterov, lr };
        let [tensor, velocity] = pass(&update, [tensor, widened(state.velocity)], grad);
        (narrowed(tensor, dtype), Some(Velocity { velocity, steps: state.steps + 1 }))
    }

    fn to_device<const D: usize>(state: Velocity<D>, device: &Device) -> Velocity<D> {
        super::Momentum::to_device(state, device)
    }
}

/// u ← μu + (1 − d)g, and θ ← θ − εu or θ ← θ − ε(g + μu).
#[derive(Clone, Copy)]
struct TorchMomentum {
    momentum: f64,
    /// 1 − d.
    kept: f64,
    nesterov: bool,
    lr: f64,
}

impl Pass<2> for TorchMomentum {
    #[inline(always)]
    fn element<E: Real>(&self, [theta, velocity]: [E; 2], gradient: E) -> [E; 2] {
        let velocity = velocity * E::of(self.momentum) + gradient * E::of(self.kept);
        let direction = if self.nesterov { gradient + velocity * E::of(self.momentum) } else { velocity };
        [theta - direction * E::of(self.lr), velocity]
    }

    fn tensors<const D: usize>(&self, [theta, velocity]: [Tensor<D>; 2], gradient: Tensor<D>) -> [Tensor<D>; 2] {
        let velocity = velocity * self.momentum + gradient.clone() * self.kept;
        let direction = if self.nesterov { gradient + velocity.clone() * self.momentum } else { velocity.clone() };
        [theta - direction * self.lr, velocity]
    }

    #[inline(never)]
    fn everywhere(&self, elements: Elements<'_, 2>) {
        elements.update(self);
    }
}

impl Method for TorchSgd {
    const NAME: &'static str = "torch-sgd";
    const BY_PASSES: bool = true;

    fn momentum_at(&self, _step: u64) -> Option<f64> {
        (self.config.momentum > 0.0).then_some(self.config.momentum)
    }
}
