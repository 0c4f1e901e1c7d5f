//! Distributions transformed by a bijector.

use burn::tensor::{Bool, Tensor};
use kiln_tensor::Stream;

use crate::{Bijector, Distribution, FromNoise, Reparameterized, bijector::sum_of_logs};

/// The distribution of f(x) for x from `base`, where f is a [`Bijector`].
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Distribution, Exp, Normal, Transformed};
///
/// let device = Device::default();
/// // The log-normal distribution.
/// let d = Transformed::new(Normal::standard([3], &device), Exp);
/// assert_eq!(d.log_prob(Tensor::<1>::ones([3], &device)).dims(), [3]);
/// ```
#[derive(Clone, Debug)]
pub struct Transformed<P, B> {
    base: P,
    bijector: B,
}

impl<P, B> Transformed<P, B> {
    /// Transforms `base` by `bijector`.
    pub fn new(base: P, bijector: B) -> Self {
        Self { base, bijector }
    }

    /// Returns the distribution of x.
    pub fn base(&self) -> &P {
        &self.base
    }

    /// Returns the bijector f.
    pub fn bijector(&self) -> &B {
        &self.bijector
    }
}

impl<const D: usize, P: Distribution<D, Value = Tensor<D>>, B: Bijector<D>> Distribution<D> for Transformed<P, B> {
    type Value = Tensor<D>;

    /// Returns ln p(x) − ln |det ∂f/∂x| at x = f⁻¹(value), and −∞ without a gradient where x is not finite.
    ///
    /// Properties that f⁻¹ ignores, such as the sum of a simplex, are not checked.
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let unknown = value.clone().is_nan();
        let x = self.bijector.inverse(value);
        // Zero in their place keeps the derivatives finite.
        let outside = x.clone().is_finite().bool_not();
        let x = x.mask_fill(outside.clone(), 0.0);
        let log_prob = sum_of_logs(self.base.log_prob(x.clone()), -self.bijector.log_abs_det_jacobian(x));
        let to_log_prob = |mask: Tensor<D, Bool>| {
            let mask = if log_prob.dims()[D - 1] == 1 { mask.any_dim(D - 1) } else { mask };
            mask.expand(log_prob.dims())
        };
        let (outside, unknown) = (to_log_prob(outside), to_log_prob(unknown));
        log_prob.mask_fill(outside, f64::NEG_INFINITY).mask_fill(unknown, f64::NAN)
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
