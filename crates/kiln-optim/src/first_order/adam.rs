//! Adam and AdamW.

use burn::{
    config::Config,
    optim::{ModuleOptimizer, Optimizer, RecordState, StateSink, StateSource},
    tensor::{Device, Tensor},
};
use kiln_tensor::pass::{Elements, Pass, Real, pass};

use super::{
    ConfigError, Method, require, state,
    wide::{narrowed, widened},
};

/// Settings of [`Adam`].
///
/// # Example
/// ```
/// use kiln_optim::{AdamConfig, FirstOrder};
///
/// let optimizer = FirstOrder::from(AdamConfig::new().with_beta_1(0.95).build()?);
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Config, Copy, Debug)]
pub struct AdamConfig {
    /// β₁, the decay rate of the first moment, in [0, 1). Default 0.9.
    #[config(default = 0.9)]
    pub beta_1: f64,
    /// β₂, the decay rate of the second moment, in [0, 1). Default 0.999.
    #[config(default = 0.999)]
    pub beta_2: f64,
    /// δ, which is added to √v̂, above 0. Default 1e-8.
    #[config(default = 1e-8)]
    pub epsilon: f64,
    /// The second moment before the first step, at least 0. Default 0. With a large value the first 1/(1 − β₂) steps are small. The
    /// code of Burda et al. (2016) uses 1.
    #[config(default = 0.0)]
    pub initial_second_moment: f64,
}

impl AdamConfig {
    /// Returns the optimiser of a single parameter, for [`FirstOrder`](super::FirstOrder) and parameter groups.
    ///
    /// # Errors
    /// Returns [`ConfigError`] if a β is outside [0, 1), δ is not positive and finite, or the initial second moment is negative or not
    /// finite.
    pub fn build(&self) -> Result<Adam, ConfigError> {
        let Self { beta_1, beta_2, epsilon, initial_second_moment: initial } = *self;
        require((0.0..1.0).contains(&beta_1), "beta_1", "in [0, 1)", beta_1)?;
        require((0.0..1.0).contains(&beta_2), "beta_2", "in [0, 1)", beta_2)?;
        // Positive in f32 too: if all gradients were 0, δ is the whole denominator.
        require(epsilon as f32 > 0.0 && epsilon.is_finite(), "epsilon", "positive and finite", epsilon)?;
        require(initial >= 0.0 && initial.is_finite(), "initial_second_moment", "finite and not negative", initial)?;
        Ok(Adam { config: *self })
    }

    /// Returns the Burn optimiser of a whole module.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn init(&self) -> Result<ModuleOptimizer, ConfigError> {
        Ok(self.build()?.into())
    }
}

/// Settings of [`AdamW`].
///
/// # Example
/// ```
/// use kiln_optim::{AdamWConfig, FirstOrder};
///
/// let optimizer = FirstOrder::from(AdamWConfig::new().with_weight_decay(0.1).build()?);
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Config, Copy, Debug)]
pub struct AdamWConfig {
    /// β₁, the decay rate of the first moment, in [0, 1). Default 0.9.
    #[config(default = 0.9)]
    pub beta_1: f64,
    /// β₂, the decay rate of the second moment, in [0, 1). Default 0.999.
    #[config(default = 0.999)]
    pub beta_2: f64,
    /// δ, which is added to √v̂, above 0. Default 1e-8.
    #[config(default = 1e-8)]
    pub epsilon: f64,
    /// The weight decay λ ≥ 0: each step multiplies every parameter by 1 − ελ. Default 0.01.
    #[config(default = 0.01)]
    pub weight_decay: f64,
}

impl AdamWConfig {
    /// Returns the optimiser of a single parameter, for [`FirstOrder`](super::FirstOrder) and parameter groups.
    ///
    /// # Errors
    /// Returns [`ConfigError`] if a β is outside [0, 1), δ is not positive and finite, or λ is negative or not finite.
    pub fn build(&self) -> Result<AdamW, ConfigError> {
        let Self { beta_1, beta_2, epsilon, weight_decay } = *self;
        let decays = weight_decay >= 0.0 && weight_decay.is_finite();
        require(decays, "weight_decay", "finite and not negative", weight_decay)?;
        Ok(AdamW { adam: AdamConfig { beta_1, beta_2, epsilon, initial_second_moment: 0.0 }.build()?, weight_decay })
    }

    /// Returns the Burn optimiser of a whole module.
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
    pub fn init(&self) -> Result<ModuleOptimizer, ConfigError> {
        Ok(self.build()?.into())
    }
}

/// Adam: m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², θ ← θ − ε·m̂/(√v̂ + δ), with m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ) (Kingma and
/// Ba, 2015, algorithm 1).
///
/// # Example
///
/// ```
/// use kiln_optim::{AdamConfig, FirstOrder};
///
/// let optimizer = FirstOrder::from(AdamConfig::new().with_beta_2(0.99).build()?);
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    config: AdamConfig,
}

/// Adam with decoupled weight decay: θ ← (1 − ελ)θ before the step (Loshchilov and Hutter, 2019, algorithm 2, with λ scaled by the
/// learning rate as in PyTorch).
///
/// # Example
/// ```
/// use kiln_optim::{AdamWConfig, FirstOrder};
///
/// let optimizer = FirstOrder::from(AdamWConfig::new().build()?);
/// assert_eq!(optimizer.name(), "adamw");
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AdamW {
    adam: Adam,
    weight_decay: f64,
}

/// The moments m and v of a parameter's gradient, in f32 for a parameter below f32, and the number of steps.
#[derive(Clone, Debug)]
pub struct Moments<const D: usize> {
    first: Tensor<D>,
    second: Tensor<D>,
    steps: u64,
}

impl Adam {
    fn step<const D: usize>(
        &self,
        lr: f64,
        weight_decay: f64,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Moments<D>>,
    ) -> (Tensor<D>, Option<Moments<D>>) {
        let (dtype, tensor, gradient) = (tensor.dtype(), widened(tensor), widened(gradient));
        let none = || Moments {
            first: tensor.zeros_like(),
            second: tensor.full_like(self.config.initial_second_moment),
            steps: 0,
        };
        let Moments { first, second, steps } = state.unwrap_or_else(none);
        let (first, second) = (widened(first), widened(second));
        let (steps, AdamConfig { beta_1, beta_2, epsilon, .. }) = (steps + 1, self.config);
        let unbiased = |beta: f64| 1.0 - beta.powf(steps as f64);
        let update = Update {
            betas: [beta_1, beta_2],
            kept: 1.0 - lr * weight_decay,
            step: lr / unbiased(beta_1),
            scale: unbiased(beta_2).sqrt().recip(),
            epsilon,
        };
        let [tensor, first, second] = pass(&update, [tensor, first, second], gradient);
        (narrowed(tensor, dtype), Some(Moments { first, second, steps }))
    }
}

/// One step, with the bias corrections as numbers.
#[derive(Clone, Copy)]
struct Update {
    betas: [f64; 2],
    /// 1 − ελ.
    kept: f64,
    /// ε/(1 − β₁ᵗ), with the learning rate ε.
    step: f64,
    /// 1/√(1 − β₂ᵗ).
    scale: f64,
    epsilon: f64,
}

impl Pass<3> for Update {
    #[inline(always)]
    fn element<E: Real>(&self, [theta, first, second]: [E; 3], gradient: E) -> [E; 3] {
        let [beta_1, beta_2] = self.betas;
        let first = first * E::of(beta_1) + gradient * E::of(1.0 - beta_1);
        let second = second * E::of(beta_2) + gradient * gradient * E::of(1.0 - beta_2);
        let root = second.sqrt() * E::of(self.scale) + E::of(self.epsilon);
        [theta * E::of(self.kept) - first * E::of(self.step) / root, first, second]
    }

    fn tensors<const D: usize>(&self, [theta, first, second]: [Tensor<D>; 3], gradient: Tensor<D>) -> [Tensor<D>; 3] {
        let [beta_1, beta_2] = self.betas;
        let first = first * beta_1 + gradient.clone() * (1.0 - beta_1);
        let second = second * beta_2 + gradient.square() * (1.0 - beta_2);
        let root = second.clone().sqrt() * self.scale + self.epsilon;
        [theta * self.kept - first.clone() * self.step / root, first, second]
    }

    #[inline(never)]
    fn everywhere(&self, elements: Elements<'_, 3>) {
        elements.update(self);
    }
}

macro_rules! optimizer {
    ($method:ty, $name:literal, |$self:ident| ($adam:expr, $decay:expr)) => {
        impl Optimizer for $method {
            type State<const D: usize> = Moments<D>;

            fn step<const D: usize>(
                &self,
                lr: f64,
                tensor: Tensor<D>,
                grad: Tensor<D>,
                state: Option<Moments<D>>,
            ) -> (Tensor<D>, Option<Moments<D>>) {
                let $self = self;
                Adam::step(&$adam, lr, $decay, tensor, grad, state)
            }

            fn to_device<const D: usize>(state: Moments<D>, device: &Device) -> Moments<D> {
                Moments { first: state.first.to_device(device), second: state.second.to_device(device), ..state }
            }
        }

        impl Method for $method {
            const NAME: &'static str = $name;
            const BY_PASSES: bool = true;
        }
    };
}

optimizer!(Adam, "adam", |this| (this, 0.0));
optimizer!(AdamW, "adamw", |this| (this.adam, this.weight_decay));

impl<const D: usize> RecordState for Moments<D> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        state::push_tensor(out, prefix, "first", &self.first);
        state::push_tensor(out, prefix, "second", &self.second);
        state::push_count(out, prefix, "steps", self.steps);
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, device: &Device) -> Option<Self> {
        let first = state::take_tensor(source, prefix, "first", device)?;
        let second = state::take_tensor(source, prefix, "second", device)?;
        Some(Self { first, second, steps: state::take_count(source, prefix, "steps")? })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, TensorData};
    use kiln_tensor::Stream;

    use super::*;

    /// The kernel and the tensor operations give the same bits, as [`Pass`] requires.
    #[test]
    fn the_update_is_the_same_by_elements_and_by_tensors() {
        let update = Update { betas: [0.9, 0.999], kept: 0.999, step: 0.02, scale: 3.1, epsilon: 1e-8 };
        for dtype in [DType::F32, DType::F64] {
            let mut stream = Stream::new(0, "adam", 0, 0);
            let mut tensor = || {
                let data = TensorData::new(stream.normal_vec(1000), [1000]);
                Tensor::<1>::from_data(data, (&Device::default(), dtype))
            };
            let (theta, first, second, gradient) = (tensor(), tensor(), tensor().square(), tensor());
            let bits = |tensors: [Tensor<1>; 3]| {
                let of = |t: Tensor<1>| t.try_into_vec_as::<f64>().unwrap().into_iter().map(f64::to_bits);
                tensors.into_iter().flat_map(of).collect::<Vec<u64>>()
            };
            let states = [theta, first, second];
            assert_eq!(
                bits(pass(&update, states.clone(), gradient.clone())),
                bits(update.tensors(states, gradient)),
                "{dtype:?}"
            );
        }
    }
}
