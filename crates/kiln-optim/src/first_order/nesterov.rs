//! Nesterov's accelerated gradient in its literal form: the gradient is taken at the look-ahead point θ + αv.

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

/// Settings of [`Nesterov`].
///
/// # Example
/// ```
/// use kiln_optim::{FirstOrder, NesterovConfig};
///
/// let optimizer = FirstOrder::from(NesterovConfig::new().with_momentum(0.95).build()?);
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Config, Debug)]
pub struct NesterovConfig {
    /// The momentum α, in [0, 1). Default 0.9.
    #[config(default = 0.9)]
    pub momentum: f64,
    /// The momentum α as a function of the step, instead of `momentum`; all values in [0, 1). Default: none.
    pub schedule: Option<Schedule>,
}

impl NesterovConfig {
    /// Returns the optimiser of a single parameter, for [`FirstOrder`](super::FirstOrder) and parameter groups.
    ///
    /// # Errors
    /// Returns [`ConfigError`] if the momentum is outside [0, 1) at any step.
    pub fn build(&self) -> Result<Nesterov, ConfigError> {
        Ok(Nesterov { momentum: Coefficient::new(self.momentum, self.schedule.as_ref())? })
    }

    /// Returns the Burn optimiser of a whole module.
    ///
    /// Burn leaves the module at the look-ahead point. Wrap the optimiser in a [`FirstOrder`](super::FirstOrder), whose
    /// [`iterate`](super::FirstOrder::iterate) returns the module at θ.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn init(&self) -> Result<ModuleOptimizer, ConfigError> {
        Ok(self.build()?.into())
    }
}

/// Nesterov's accelerated gradient: v ← αv − εg(θ + αv), θ ← θ + v, from v = 0 (Sutskever et al., 2013, eqs. 3–4; *Deep Learning*,
/// algorithm 8.3).
///
/// **During training the module holds the look-ahead point θ + αv, not θ.** So Burn takes the gradient where the method needs it.
/// The optimiser's state holds θ itself, bit by bit. If the parameters are changed between two steps, by a clamp for example, θ moves by
/// the same difference. [`FirstOrder::iterate`](super::FirstOrder::iterate) returns the module at θ,
/// which is the one to evaluate and to save.
///
/// # Example
///
/// ```
/// use kiln_optim::{FirstOrder, NesterovConfig};
///
/// let optimizer = FirstOrder::from(NesterovConfig::new().with_momentum(0.9).build()?);
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
///
/// # The reformulated method, and where the two differ
///
/// PyTorch's `SGD(nesterov=True)` and [`TorchSgd`](super::TorchSgd) store u = −v/ε instead of v, and their parameter is the
/// look-ahead point. While ε and α are constant, the two are one method, seen at two points. If ε changes they differ: the
/// reformulated method rescales the whole velocity by the new ε, the literal method only the new term. For example, f(x) = ½x² from
/// x = 1 with α = 0.9, ε = 0.1 for two steps and 0.01 for a third:
///
/// ```
/// use burn::{module::{Module, Param}, optim::GradientsParams, tensor::{Device, Tensor}};
/// use kiln_optim::{FirstOrder, NesterovConfig, TorchSgdConfig};
///
/// #[derive(Module, Debug)]
/// struct Point { x: Param<Tensor<1>> }
///
/// fn after_three(mut optimizer: FirstOrder) -> f64 {
///     let x = Tensor::from_data([1.0], &Device::default().autodiff());
///     let mut point = Point { x: Param::from_tensor(x) };
///     for lr in [0.1, 0.1, 0.01] {
///         let loss = point.x.val().square().sum() * 0.5;
///         let gradients = GradientsParams::from_grads(loss.backward(), &point);
///         point = optimizer.step(lr, point, gradients).unwrap();
///     }
///     point.x.val().without_autodiff().into_scalar::<f64>()
/// }
///
/// let literal = after_three(NesterovConfig::new().build()?.into());
/// let reformulated = after_three(TorchSgdConfig::new().with_momentum(0.9).with_nesterov(true).build()?.into());
/// assert!((literal - 0.426).abs() < 1e-3);
/// assert!((reformulated - 0.550).abs() < 1e-3);
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Nesterov {
    momentum: Coefficient,
}

/// The iterate θ and the velocity v of a parameter, and the number of steps.
///
/// θ is stored, because recovering it as (θ + αv) − αv would accumulate rounding errors.
#[derive(Clone, Debug)]
pub struct LookAhead<const D: usize> {
    iterate: Tensor<D>,
    velocity: Tensor<D>,
    steps: u64,
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
        let (dtype, tensor, grad) = (tensor.dtype(), widened(tensor), widened(grad));
        // Before the first step v = 0, and the look-ahead point is θ itself.
        let LookAhead { iterate, velocity, steps } =
            state.unwrap_or_else(|| LookAhead { iterate: tensor.clone(), velocity: tensor.zeros_like(), steps: 0 });
        let (iterate, velocity) = (widened(iterate), widened(velocity));
        // The next gradient is taken at the look-ahead point of the next step's α.
        let update = Accelerated { momentum: self.momentum.at(steps), ahead: self.momentum.at(steps + 1), lr };
        // In fewer bits, the look-ahead point was rounded.
        let tensor = if tensor.dtype() == dtype {
            tensor
        } else {
            let left = iterate.clone() + velocity.clone() * self.momentum.at(steps);
            left.clone() + (tensor - widened(left.cast(dtype)))
        };
        let [ahead, iterate, velocity] = pass(&update, [tensor, iterate, velocity], grad);
        (narrowed(ahead, dtype), Some(LookAhead { iterate, velocity, steps: steps + 1 }))
    }

    fn to_device<const D: usize>(state: LookAhead<D>, device: &Device) -> LookAhead<D> {
        LookAhead { iterate: state.iterate.to_device(device), velocity: state.velocity.to_device(device), ..state }
    }
}

/// v ← αv − εg, θ ← θ + v, and the look-ahead point becomes θ + α′v. If something else moved the look-ahead point since it was left at
/// θ + αv, θ moves with it.
#[derive(Clone, Copy)]
struct Accelerated {
    momentum: f64,
    ahead: f64,
    lr: f64,
}

impl Pass<3> for Accelerated {
    #[inline(always)]
    fn element<E: Real>(&self, [tensor, iterate, velocity]: [E; 3], gradient: E) -> [E; 3] {
        let moved = tensor - (iterate + velocity * E::of(self.momentum));
        let velocity = velocity * E::of(self.momentum) - gradient * E::of(self.lr);
        let iterate = (iterate + moved) + velocity;
        [iterate + velocity * E::of(self.ahead), iterate, velocity]
    }

    fn tensors<const D: usize>(
        &self,
        [tensor, iterate, velocity]: [Tensor<D>; 3],
        gradient: Tensor<D>,
    ) -> [Tensor<D>; 3] {
        let moved = tensor - (iterate.clone() + velocity.clone() * self.momentum);
        let velocity = velocity * self.momentum - gradient * self.lr;
        let iterate = (iterate + moved) + velocity.clone();
        [iterate.clone() + velocity.clone() * self.ahead, iterate, velocity]
    }

    #[inline(never)]
    fn everywhere(&self, elements: Elements<'_, 3>) {
        elements.update(self);
    }
}

impl Method for Nesterov {
    const NAME: &'static str = "nesterov";
    const BY_PASSES: bool = true;
    const IS_AHEAD: bool = true;

    fn iterate<const D: usize>(tensor: Tensor<D>, state: &LookAhead<D>) -> Tensor<D> {
        narrowed(state.iterate.clone(), tensor.dtype())
    }

    fn momentum_at(&self, step: u64) -> Option<f64> {
        Some(self.momentum.at(step))
    }
}

impl<const D: usize> RecordState for LookAhead<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        state::push_tensor(out, prefix, "iterate", &self.iterate);
        state::push_tensor(out, prefix, "velocity", &self.velocity);
        state::push_count(out, prefix, "steps", self.steps);
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let iterate = state::take_tensor(source, prefix, "iterate", device)?;
        let velocity = state::take_tensor(source, prefix, "velocity", device)?;
        Some(Self { iterate, velocity, steps: state::take_count(source, prefix, "steps")? })
    }
}
