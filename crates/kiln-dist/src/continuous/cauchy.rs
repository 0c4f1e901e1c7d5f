//! The Cauchy distribution.

use std::f64::consts::PI;

use burn::tensor::Tensor;
use kiln_tensor::Stream;

use crate::{
    Batch, Cdf, Distribution, Entropy, FromNoise, KlDivergence, Moments, Quantile, Reparameterized,
    distribution::by_inversion, family::family,
};

family! {
    /// A Cauchy distribution, with density 1/(πγ·(1 + z²)) and z = (x − μ)/γ.
    ///
    /// It has no mean and no finite variance. Parameters: the median `loc` μ and the positive `scale` γ.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Cauchy, Cdf};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = Cauchy::new(parameter(1.0), parameter(2.0))?.validated()?;
    /// assert!((d.cdf(parameter(3.0)).into_scalar::<f32>() - 0.75).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    Cauchy {
        /// Returns the median μ.
        loc: FINITE,
        /// Returns the scale γ, half the interquartile range.
        scale: POSITIVE,
    }
}

impl<const D: usize> Cauchy<D> {
    fn z(&self, value: Tensor<D>) -> Tensor<D> {
        (value - self.loc.clone()) / self.scale.clone()
    }
}

impl<const D: usize> Distribution<D> for Cauchy<D> {
    type Value = Tensor<D>;

    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        -self.z(value).square().log1p() - self.scale.clone().log() - PI.ln()
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for Cauchy<D> {
    /// Returns NaN, because the mean does not exist.
    fn mean(&self) -> Tensor<D> {
        self.loc.full_like(f64::NAN)
    }

    /// Returns ∞.
    fn variance(&self) -> Tensor<D> {
        self.loc.full_like(f64::INFINITY)
    }
}

impl<const D: usize> Entropy<D> for Cauchy<D> {
    /// Returns ln(4πγ).
    fn entropy(&self) -> Tensor<D> {
        self.scale.clone().log() + (4.0 * PI).ln()
    }
}

impl<const D: usize> Cdf<D> for Cauchy<D> {
    /// Returns ½ + arctan(z)/π. The left tail uses arctan(−1/z)/π, which keeps its relative precision.
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        let z = self.z(value);
        let left = z.clone().lower_scalar(-1.0);
        let of_left = (-z.clone().clamp_max(-1.0).recip()).atan() * PI.recip();
        (z.atan() * PI.recip() + 0.5).mask_where(left, of_left)
    }
}

impl<const D: usize> Quantile<D> for Cauchy<D> {
    fn icdf(&self, p: Tensor<D>) -> Tensor<D> {
        // tan(π(p − ½)). The tails use the tail probability, which keeps their precision.
        let (low, high) = (p.clone().lower_scalar(0.25), p.clone().greater_scalar(0.75));
        let middle = ((p.clone().clamp(0.25, 0.75) - 0.5) * PI).tan();
        let of_tail = |tail: Tensor<D>| (tail.clamp_max(0.25) * PI).tan().recip();
        let z = middle.mask_where(low, -of_tail(p.clone())).mask_where(high, of_tail(-p + 1.0));
        self.loc.clone() + self.scale.clone() * z
    }
}

impl<const D: usize> Reparameterized<D> for Cauchy<D> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        self.rsample_from_noise(by_inversion(stream, &self.loc, |u| (PI * (u - 0.5)).tan()))
    }
}

impl<const D: usize> FromNoise<D> for Cauchy<D> {
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        self.loc.clone() + self.scale.clone() * noise
    }
}

impl<const D: usize> KlDivergence<D, Self> for Cauchy<D> {
    /// Returns ln(((γ_p + γ_q)² + Δμ²)/(4·γ_p·γ_q)) (Chyzak and Nielsen, 2019), from the distance (γ_p − γ_q)² + Δμ².
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let apart = (self.scale.clone() - q.scale.clone()).square() + (self.loc.clone() - q.loc.clone()).square();
        (apart / (self.scale.clone() * q.scale.clone() * 4.0)).log1p()
    }
}
