//! Vectors with independent entries.

use burn::tensor::Tensor;
use kiln_tensor::Stream;

use crate::{DistError, Distribution, Entropy, FromNoise, KlDivergence, Moments, Reparameterized};

/// A distribution over vectors with independent entries along the last axis.
///
/// Log-densities, entropies and divergences are sums over that axis, `[.., 1]`.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Distribution, Independent, Normal};
///
/// let device = Device::default();
/// let d = Independent::new(Normal::standard([5, 3], &device));
/// assert_eq!(d.log_prob(Tensor::<2>::zeros([5, 3], &device)).dims(), [5, 1]);
/// ```
#[derive(Clone, Debug)]
pub struct Independent<P>(P);

impl<P> Independent<P> {
    /// Treats the entries of `base` along the last axis as one vector.
    pub fn new(base: P) -> Self {
        Self(base)
    }

    /// Returns the distribution of the entries.
    pub fn base(&self) -> &P {
        &self.0
    }
}

impl<const D: usize, P: Distribution<D>> Distribution<D> for Independent<P> {
    type Value = P::Value;

    fn log_prob(&self, value: P::Value) -> Tensor<D> {
        self.0.log_prob(value).sum_dim(D - 1)
    }

    fn sample(&self, stream: &mut Stream) -> P::Value {
        self.0.sample(stream)
    }

    fn check_value(&self, value: &P::Value) -> Result<(), DistError> {
        self.0.check_value(value)
    }
}

impl<const D: usize, P: Moments<D>> Moments<D> for Independent<P> {
    /// Returns the mean of each entry.
    fn mean(&self) -> Tensor<D> {
        self.0.mean()
    }

    /// Returns the variance of each entry.
    fn variance(&self) -> Tensor<D> {
        self.0.variance()
    }
}

impl<const D: usize, P: Entropy<D>> Entropy<D> for Independent<P> {
    fn entropy(&self) -> Tensor<D> {
        self.0.entropy().sum_dim(D - 1)
    }
}

impl<const D: usize, P: Reparameterized<D>> Reparameterized<D> for Independent<P> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        self.0.rsample(stream)
    }
}

impl<const D: usize, P: FromNoise<D>> FromNoise<D> for Independent<P> {
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        self.0.rsample_from_noise(noise)
    }
}

impl<const D: usize, Q, P: KlDivergence<D, Q>> KlDivergence<D, Independent<Q>> for Independent<P> {
    fn kl_divergence(&self, q: &Independent<Q>) -> Tensor<D> {
        self.0.kl_divergence(&q.0).sum_dim(D - 1)
    }
}
