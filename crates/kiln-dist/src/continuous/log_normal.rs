//! The log-normal distribution.

use burn::tensor::Tensor;
use kiln_tensor::{
    Stream,
    special::{expm1, normal_cdf, normal_icdf},
};

use super::LN_SQRT_2PI;
use crate::{
    Batch, Cdf, Distribution, Entropy, FromNoise, KlDivergence, Moments, Normal, Quantile, Reparameterized,
    distribution::normal_like,
    family::{family, on_support},
    kl_divergence,
};

family! {
    /// A log-normal distribution, the distribution of eˣ for x from N(μ, σ²).
    ///
    /// Parameters: `loc` μ and the positive `scale` σ, both of the logarithm.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{LogNormal, Moments};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = LogNormal::new(parameter(0.0), parameter(1.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 1.648_721_3).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    LogNormal {
        /// Returns the mean μ of the logarithm.
        loc: FINITE,
        /// Returns the standard deviation σ of the logarithm.
        scale: POSITIVE,
    }
}

impl<const D: usize> LogNormal<D> {
    /// Returns the distribution of the logarithm.
    pub fn log(&self) -> Normal<D> {
        Normal::new(self.loc.clone(), self.scale.clone()).expect("both parameters have one shape")
    }
}

impl<const D: usize> Distribution<D> for LogNormal<D> {
    type Value = Tensor<D>;

    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_scalar(0.0);
        on_support(value, inside, 1.0, f64::NEG_INFINITY, |x| {
            let ln_x = x.log();
            self.log().log_prob(ln_x.clone()) - ln_x
        })
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for LogNormal<D> {
    /// Returns e^{μ + σ²/2}.
    fn mean(&self) -> Tensor<D> {
        (self.loc.clone() + self.scale.clone().square() * 0.5).exp()
    }

    /// Returns (e^{σ²} − 1)·e^{2μ + σ²}.
    fn variance(&self) -> Tensor<D> {
        let square = self.scale.clone().square();
        expm1(square.clone()) * (self.loc.clone() * 2.0 + square).exp()
    }
}

impl<const D: usize> Entropy<D> for LogNormal<D> {
    /// Returns μ + ½ + ln √(2π) + ln σ.
    fn entropy(&self) -> Tensor<D> {
        self.loc.clone() + self.scale.clone().log() + (0.5 + LN_SQRT_2PI)
    }
}

impl<const D: usize> Cdf<D> for LogNormal<D> {
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_scalar(0.0);
        on_support(value, inside, 1.0, 0.0, |x| normal_cdf((x.log() - self.loc.clone()) / self.scale.clone()))
    }
}

impl<const D: usize> Quantile<D> for LogNormal<D> {
    fn icdf(&self, p: Tensor<D>) -> Tensor<D> {
        (self.loc.clone() + self.scale.clone() * normal_icdf(p)).exp()
    }
}

impl<const D: usize> Reparameterized<D> for LogNormal<D> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        self.rsample_from_noise(normal_like(stream, &self.loc))
    }
}

impl<const D: usize> FromNoise<D> for LogNormal<D> {
    /// Returns e^{μ + σ·noise} for noise from N(0, 1).
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        (self.loc.clone() + self.scale.clone() * noise).exp()
    }
}

impl<const D: usize> KlDivergence<D, Self> for LogNormal<D> {
    /// Returns the divergence of the logarithms' normal distributions.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        kl_divergence(&self.log(), &q.log())
    }
}
