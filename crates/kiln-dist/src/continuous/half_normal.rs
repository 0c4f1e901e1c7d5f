//! The half-normal distribution.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, PI};

use burn::tensor::Tensor;
use kiln_tensor::{
    Stream,
    special::{erf, erfinv},
};

use crate::{
    Batch, Cdf, Distribution, Entropy, FromNoise, KlDivergence, Moments, Quantile, Reparameterized,
    distribution::normal_like,
    family::{family, on_support},
};

family! {
    /// A half-normal distribution, the distribution of |x| for x from N(0, σ²).
    ///
    /// Parameter: the positive `scale` σ.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{HalfNormal, Moments};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = HalfNormal::new(parameter(2.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 1.595_769_1).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    HalfNormal {
        /// Returns the scale σ of the normal distribution.
        scale: POSITIVE,
    }
}

impl<const D: usize> Distribution<D> for HalfNormal<D> {
    type Value = Tensor<D>;

    /// Returns ½·ln(2/π) − ln σ − x²/(2σ²).
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_equal_scalar(0.0);
        on_support(value, inside, 0.0, f64::NEG_INFINITY, |x| {
            (x / self.scale.clone()).square() * -0.5 - self.scale.clone().log() + 0.5 * FRAC_2_PI.ln()
        })
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for HalfNormal<D> {
    /// Returns σ·√(2/π).
    fn mean(&self) -> Tensor<D> {
        self.scale.clone() * FRAC_2_PI.sqrt()
    }

    /// Returns σ²·(1 − 2/π).
    fn variance(&self) -> Tensor<D> {
        self.scale.clone().square() * (1.0 - FRAC_2_PI)
    }
}

impl<const D: usize> Entropy<D> for HalfNormal<D> {
    /// Returns ½·ln(πσ²/2) + ½.
    fn entropy(&self) -> Tensor<D> {
        self.scale.clone().log() + 0.5 * ((PI / 2.0).ln() + 1.0)
    }
}

impl<const D: usize> Cdf<D> for HalfNormal<D> {
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        erf(value.clamp_min(0.0) / self.scale.clone() * FRAC_1_SQRT_2)
    }
}

impl<const D: usize> Quantile<D> for HalfNormal<D> {
    fn icdf(&self, p: Tensor<D>) -> Tensor<D> {
        self.scale.clone() * erfinv(p) * std::f64::consts::SQRT_2
    }
}

impl<const D: usize> Reparameterized<D> for HalfNormal<D> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        self.rsample_from_noise(normal_like(stream, &self.scale).abs())
    }
}

impl<const D: usize> FromNoise<D> for HalfNormal<D> {
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        self.scale.clone() * noise
    }
}

impl<const D: usize> KlDivergence<D, Self> for HalfNormal<D> {
    /// Returns ½·(r² − 1) − ln r with r = σ_p/σ_q.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let ratio = self.scale.clone() / q.scale.clone();
        (ratio.clone().square() - 1.0) * 0.5 - ratio.log()
    }
}
