//! The exponential distribution.

use burn::tensor::Tensor;
use kiln_tensor::{Stream, special::expm1};

use crate::{
    Batch, Cdf, Distribution, Entropy, FromNoise, KlDivergence, Moments, Quantile, Reparameterized,
    distribution::by_inversion,
    family::{family, on_support},
};

family! {
    /// An exponential distribution, with density λ·e^{−λx} for x ≥ 0.
    ///
    /// Parameter: the positive `rate` λ.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Exponential, Moments};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = Exponential::new(parameter(4.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 0.25).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    Exponential {
        /// Returns the rate λ.
        rate: POSITIVE,
    }
}

impl<const D: usize> Distribution<D> for Exponential<D> {
    type Value = Tensor<D>;

    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_equal_scalar(0.0);
        on_support(value, inside, 0.0, f64::NEG_INFINITY, |x| self.rate.clone().log() - self.rate.clone() * x)
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for Exponential<D> {
    fn mean(&self) -> Tensor<D> {
        self.rate.clone().recip()
    }

    fn variance(&self) -> Tensor<D> {
        self.rate.clone().square().recip()
    }
}

impl<const D: usize> Entropy<D> for Exponential<D> {
    /// Returns 1 − ln λ.
    fn entropy(&self) -> Tensor<D> {
        -self.rate.clone().log() + 1.0
    }
}

impl<const D: usize> Cdf<D> for Exponential<D> {
    /// Returns 1 − e^{−λx}.
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        -expm1(-self.rate.clone() * value.clamp_min(0.0))
    }
}

impl<const D: usize> Quantile<D> for Exponential<D> {
    fn icdf(&self, p: Tensor<D>) -> Tensor<D> {
        -(-p).log1p() / self.rate.clone()
    }
}

impl<const D: usize> Reparameterized<D> for Exponential<D> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        self.rsample_from_noise(by_inversion(stream, &self.rate, |u| -u.ln()))
    }
}

impl<const D: usize> FromNoise<D> for Exponential<D> {
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        noise / self.rate.clone()
    }
}

impl<const D: usize> KlDivergence<D, Self> for Exponential<D> {
    /// Returns r − 1 − ln r with r = λ_q/λ_p.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let above = (q.rate.clone() - self.rate.clone()) / self.rate.clone();
        above.clone() - above.log1p()
    }
}
