//! Maximum likelihood of a module with inputs of any type.

use std::{fmt, marker::PhantomData};

use burn::module::Module;
use kiln_dist::{DistError, Distribution};
use kiln_tensor::Stream;

use super::{Loss, Objective, penalised};

/// Maximum likelihood with a forward pass given as a function, for any Burn module and inputs of any rank.
///
/// The function takes the module and the inputs of a minibatch, and returns the distribution of the targets. Its first axis
/// runs over the examples. The penalty and the reported term are those of
/// [`MaximumLikelihood`](super::MaximumLikelihood).
///
/// # Example
///
/// A convolution of images `[n, 1, 4, 4]` with two classes:
///
/// ```
/// use burn::{module::Module, nn::{Linear, LinearConfig, conv::{Conv2d, Conv2dConfig}}, tensor::{Device, Int, Tensor}};
/// use kiln_data::TensorDataset;
/// use kiln_dist::Categorical;
/// use kiln_optim::AdamConfig;
/// use kiln_train::{LikelihoodOf, TrainConfig, Trainer};
///
/// #[derive(Module, Debug)]
/// struct Net {
///     conv: Conv2d,
///     output: Linear,
/// }
///
/// let device = Device::default();
/// device.seed(0);
/// let net = Net {
///     conv: Conv2dConfig::new([1, 2], [3, 3]).init(&device),
///     output: LinearConfig::new(8, 2).init(&device),
/// };
/// let images = Tensor::<4>::ones([6, 1, 4, 4], &device);
/// let classes = Tensor::<2, Int>::from_data([[0], [1], [1], [1], [1], [1]], &device);
/// let data = TensorDataset::new(images, classes)?;
///
/// let objective = LikelihoodOf::new(|net: &Net, x: Tensor<4>| {
///     Categorical::from_logits(net.output.forward(net.conv.forward(x).flatten::<2>(1, 3)))
/// });
/// let config = TrainConfig { epochs: 3, ..TrainConfig::default() };
/// let outcome = Trainer::new(config, AdamConfig::new().build()?).fit(net, &objective, &data, None)?;
/// assert!(outcome.train.loss.is_finite());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LikelihoodOf<X, F> {
    forward: F,
    l2: f64,
    inputs: PhantomData<fn(X)>,
}

impl<X, F> LikelihoodOf<X, F> {
    /// Maximum likelihood of the model `forward`, without a penalty.
    pub fn new<M, P>(forward: F) -> Self
    where
        F: Fn(&M, X) -> P,
        P: Distribution<2>,
    {
        Self { forward, l2: 0.0, inputs: PhantomData }
    }

    /// Adds the penalty λ/2·‖W‖² with λ ≥ 0. Default 0.
    pub fn l2(self, lambda: f64) -> Self {
        Self { l2: lambda, ..self }
    }
}

impl<X, F> fmt::Debug for LikelihoodOf<X, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LikelihoodOf").field("l2", &self.l2).finish_non_exhaustive()
    }
}

impl<M, B, X, P, F> Objective<M, B> for LikelihoodOf<X, F>
where
    M: Module,
    B: Into<(X, P::Value)>,
    P: Distribution<2>,
    F: Fn(&M, X) -> P + Sync,
{
    fn loss(&self, model: &M, batch: B, _stream: &mut Stream) -> Loss {
        let (inputs, targets) = batch.into();
        let nll = -(self.forward)(model, inputs).log_prob_per_example(targets).mean();
        penalised(model, nll, self.l2)
    }

    fn is_mean_over_rows(&self) -> bool {
        true
    }

    fn check(&self, model: &M, batch: B) -> Result<(), DistError> {
        let (inputs, targets) = batch.into();
        (self.forward)(model, inputs).check_value(&targets)
    }

    fn held_out(&self, model: &M, batch: B, _stream: &mut Stream) -> Loss {
        let (inputs, targets) = batch.into();
        let nll = -(self.forward)(model, inputs).log_prob_per_example(targets).mean();
        penalised(model, nll, 0.0)
    }
}
