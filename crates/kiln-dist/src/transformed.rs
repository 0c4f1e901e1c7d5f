//! What a map makes of a distribution.

use burn::tensor::Tensor;
use kiln_tensor::Stream;

use crate::{Bijector, Distribution, FromNoise, Reparameterized, bijector::sum_of_logs};

/// The distribution of f(x) for x from `base`.
#[derive(Clone, Debug)]
pub struct Transformed<P, B> {
    base: P,
    bijector: B,
}

impl<P, B> Transformed<P, B> {
    /// `base` through `bijector`.
    pub fn new(base: P, bijector: B) -> Self {
        Self { base, bijector }
    }

    /// The distribution of x.
    pub fn base(&self) -> &P {
        &self.base
    }

    /// f.
    pub fn bijector(&self) -> &B {
        &self.bijector
    }
}

impl<const D: usize, P: Distribution<D, Value = Tensor<D>>, B: Bijector<D>> Distribution<D> for Transformed<P, B> {
    type Value = Tensor<D>;

    /// ln p(x) − ln |det ∂f/∂x| at x = f⁻¹(value); −∞ where there is no such x, and there without a gradient.
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let unknown = value.clone().is_nan();
        let x = self.bijector.inverse(value);
        let log_prob = sum_of_logs(self.base.log_prob(x.clone()), -self.bijector.log_abs_det_jacobian(x));
        let unknown = if unknown.dims() == log_prob.dims() { unknown } else { unknown.any_dim(D - 1) };
        let outside = log_prob.clone().is_nan().bool_and(unknown.bool_not());
        log_prob.mask_fill(outside, f64::NEG_INFINITY)
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.bijector.forward(self.base.sample(stream)).without_autodiff()
    }
}

impl<const D: usize, P: Reparameterized<D>, B: Bijector<D>> Reparameterized<D> for Transformed<P, B> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        self.bijector.forward(self.base.rsample(stream))
    }
}

impl<const D: usize, P: FromNoise<D>, B: Bijector<D>> FromNoise<D> for Transformed<P, B> {
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        self.bijector.forward(self.base.rsample_from_noise(noise))
    }
}
