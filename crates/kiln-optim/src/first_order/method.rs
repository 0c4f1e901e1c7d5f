//! What Kiln asks of a first-order method in addition to Burn's `Optimizer`.

use burn::{
    optim::{AdaGrad, Adafactor, Adan, Lamb, Lion, Muon, Optimizer, RmsProp},
    tensor::Tensor,
};

use super::{Average, ConfigError, require};

/// A per-parameter [`Optimizer`] with a name, which knows where its iterate is.
///
/// Kiln's methods and Burn's implement it. To implement it for your own method, `NAME` is enough, unless the module holds another
/// point than the iterate during training.
///
/// # Example
/// ```
/// use kiln_optim::{Average, FirstOrder, Method, MomentumConfig};
///
/// let method = MomentumConfig::new().build()?.with_weight_decay(1e-4)?.averaged(Average::ema(0.99)?);
/// let optimizer = FirstOrder::from(method);
/// assert_eq!(optimizer.name(), "momentum");
/// # Ok::<(), kiln_optim::ConfigError>(())
/// ```
pub trait Method: Optimizer {
    /// The method's name in a checkpoint.
    const NAME: &'static str;

    /// Whether the module holds another point than the iterate θ during training.
    const IS_AHEAD: bool = false;

    /// Whether the method keeps an average of its iterates.
    const KEEPS_AVERAGE: bool = false;

    /// Whether every change of a parameter and of its state is a [`pass`](mod@kiln_tensor::pass) whose results are not used by other
    /// operations within the step, except that they may be copied and be the gradient of another pass. A GPU then updates all
    /// parameters at once, without waiting for the host: see [`kiln_tensor::steps`].
    const BY_PASSES: bool = false;

    /// Returns the iterate θ of a parameter whose module holds `tensor`.
    fn iterate<const D: usize>(tensor: Tensor<D>, _state: &Self::State<D>) -> Tensor<D> {
        tensor
    }

    /// Returns the average of the iterates, if the method keeps one.
    fn average<const D: usize>(_state: &Self::State<D>) -> Option<Tensor<D>> {
        None
    }

    /// Returns the momentum α of step `step`, for a log, if the method has one.
    fn momentum_at(&self, _step: u64) -> Option<f64> {
        None
    }

    /// Returns a method that takes the same steps and keeps an average of the iterates.
    fn averaged(self, average: Average) -> Averaged<Self> {
        Averaged { method: self, average }
    }

    /// Returns the method with `scale` times the learning rate, for a parameter group.
    ///
    /// # Errors
    /// Returns [`ConfigError`] if `scale` is negative or not finite. With 0 the parameters do not move.
    fn with_lr_scale(self, scale: f64) -> Result<Adjusted<Self>, ConfigError> {
        require(scale >= 0.0 && scale.is_finite(), "lr_scale", "finite and not negative", scale)?;
        Ok(Adjusted { method: self, lr_scale: scale, weight_decay: 0.0 })
    }

    /// Returns the method with an ℓ2 penalty: `weight_decay`·θ is added to the gradient, as in PyTorch's SGD.
    ///
    /// θ is the point that the module holds, at which the gradient was taken. For the decoupled weight decay of AdamW, use
    /// [`AdamWConfig`](super::AdamWConfig).
    ///
    /// # Errors
    /// Returns [`ConfigError`] if `weight_decay` is negative or not finite.
    fn with_weight_decay(self, weight_decay: f64) -> Result<Adjusted<Self>, ConfigError> {
        let in_range = weight_decay >= 0.0 && weight_decay.is_finite();
        require(in_range, "weight_decay", "finite and not negative", weight_decay)?;
        Ok(Adjusted { method: self, lr_scale: 1.0, weight_decay })
    }
}

/// A method that keeps an average of its iterates; returned by [`Method::averaged`].
///
/// The steps are those of the method itself. [`FirstOrder::average`](super::FirstOrder::average) returns the module at the
/// average.
#[derive(Clone, Debug)]
pub struct Averaged<O> {
    pub(super) method: O,
    pub(super) average: Average,
}

/// A method with a scaled learning rate or a weight decay of its own; returned by [`Method::with_lr_scale`] and
/// [`Method::with_weight_decay`].
#[derive(Clone, Debug)]
pub struct Adjusted<O> {
    pub(super) method: O,
    pub(super) lr_scale: f64,
    pub(super) weight_decay: f64,
}

macro_rules! burns_own {
    ($($method:ty => $name:literal),* $(,)?) => { $(
        impl Method for $method {
            const NAME: &'static str = $name;
        }
    )* };
}

burns_own! {
    AdaGrad => "burn-adagrad",
    Adafactor => "burn-adafactor",
    burn::optim::Adam => "burn-adam",
    burn::optim::AdamW => "burn-adamw",
    Adan => "burn-adan",
    Lamb => "burn-lamb",
    Lion => "burn-lion",
    Muon => "burn-muon",
    RmsProp => "burn-rmsprop",
    burn::optim::Sgd => "burn-sgd",
}
