//! PyTorch's SGD: the step size outside the velocity, dampening, weight decay.

use burn::{
    config::Config,
    optim::{ModuleOptimizer, Optimizer},
    tensor::{Device, Tensor},
};
use kiln_tensor::pass::{Pass, Real, pass};

use super::{ConfigError, Method, Velocity, check_momentum, require, sgd::Descent};

/// How weights are drawn towards zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum WeightDecay {
    /// λθ is added to the gradient, and so goes through the momentum: an ℓ2 penalty. PyTorch's SGD.
    Coupled,
    /// θ ← θ − ελθ beside the step, untouched by the momentum (SGDW of Loshchilov and Hutter, 2019).
    Decoupled,
}

/// Settings of [`TorchSgd`], with PyTorch's names and defaults.
#[derive(Config, Debug)]
pub struct TorchSgdConfig {
    /// μ, in [0, 1). Default 0.
    #[config(default = 0.0)]
    pub momentum: f64,
    /// The part of the gradient that the velocity leaves out, in [0, 1). Default 0, as in PyTorch; Burn has 0.1.
    #[config(default = 0.0)]
    pub dampening: f64,
    /// λ ≥ 0. Default 0.
    #[config(default = 0.0)]
    pub weight_decay: f64,
    /// What λ does. Default coupled.
    #[config(default = "WeightDecay::Coupled")]
    pub weight_decay_form: WeightDecay,
    /// Whether the step looks ahead along the new velocity. Needs a momentum, and no dampening. Default no.
    #[config(default = false)]
    pub nesterov: bool,
}

impl TorchSgdConfig {
    /// The bare optimiser, for a parameter group.
    ///
    /// # Errors
    /// [`ConfigError`] when a number is out of its range, dampening comes without momentum, or Nesterov's form
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

    /// The optimiser of a whole module.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn init(&self) -> Result<ModuleOptimizer, ConfigError> {
        Ok(self.build()?.into())
    }
}

/// PyTorch's `torch.optim.SGD`: u ← μu + (1 − d)(g + λθ), θ ← θ − εu, where u is the first gradient at first.
///
/// With `nesterov` the step is along g + λθ + μu; decoupled decay takes ελθ from θ instead of adding λθ to g.
/// It differs from [`Momentum`](super::Momentum) and [`Nesterov`](super::Nesterov) where ε changes: see
/// [there](super::Nesterov#the-reformulated-method-and-where-the-two-part).
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
        let decays = |form| weight_decay > 0.0 && weight_decay_form == form;
        let grad = if decays(WeightDecay::Coupled) { grad + tensor.clone() * weight_decay } else { grad };
        let tensor = if decays(WeightDecay::Decoupled) { tensor * (1.0 - lr * weight_decay) } else { tensor };
        if momentum <= 0.0 {
            let [tensor] = pass(&Descent { lr }, [tensor], grad);
            return (tensor, None);
        }
        // The first velocity is the first gradient, whatever the dampening is.
        let (state, kept) = match state {
            Some(state) => (state, 1.0 - dampening),
            None => (Velocity::none(&tensor), 1.0),
        };
        let update = TorchMomentum { momentum, kept, nesterov, lr };
        let [tensor, velocity] = pass(&update, [tensor, state.velocity], grad);
        (tensor, Some(Velocity { velocity, steps: state.steps + 1 }))
    }

    fn to_device<const D: usize>(state: Velocity<D>, device: &Device) -> Velocity<D> {
        super::Momentum::to_device(state, device)
    }
}

/// u ← μu + (1 − d)g, and θ ← θ − εu or θ ← θ − ε(g + μu).
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
}

impl Method for TorchSgd {
    const NAME: &'static str = "torch-sgd";

    fn momentum_at(&self, _step: u64) -> Option<f64> {
        (self.config.momentum > 0.0).then_some(self.config.momentum)
    }
}
