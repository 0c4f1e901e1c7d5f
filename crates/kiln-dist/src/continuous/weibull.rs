//! The Weibull distribution.

use burn::tensor::Tensor;
use kiln_tensor::{
    Stream,
    special::{expm1, ln_gamma},
};

use super::EULER;
use crate::{
    Batch, Cdf, Distribution, Entropy, FromNoise, KlDivergence, Moments, Quantile, Reparameterized,
    distribution::by_inversion,
    family::{family, on_support},
};

family! {
    /// A Weibull distribution, with P(X ≤ x) = 1 − exp(−(x/λ)ᵏ) for x ≥ 0.
    ///
    /// Parameters: `scale` λ and `concentration` k, both positive.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Moments, Weibull};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = Weibull::new(parameter(2.0), parameter(1.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 2.0).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    Weibull {
        /// Returns the scale λ.
        scale: POSITIVE,
        /// Returns the concentration k.
        concentration: POSITIVE,
    }
}

impl<const D: usize> Weibull<D> {
    /// Returns Γ(1 + n/k).
    fn gamma(&self, n: f64) -> Tensor<D> {
        ln_gamma(self.concentration.clone().recip() * n + 1.0).exp()
    }
}

impl<const D: usize> Distribution<D> for Weibull<D> {
    type Value = Tensor<D>;

    /// Returns ln(k/λ) + (k − 1)·ln(x/λ) − (x/λ)ᵏ.
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_scalar(0.0);
        on_support(value, inside, 1.0, f64::NEG_INFINITY, |x| {
            let (k, ln) = (self.concentration.clone(), (x / self.scale.clone()).log());
            let power = (ln.clone() * k.clone()).exp();
            k.clone().log() - self.scale.clone().log() + ln * (k - 1.0) - power
        })
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for Weibull<D> {
    /// Returns λ·Γ(1 + 1/k).
    fn mean(&self) -> Tensor<D> {
        self.scale.clone() * self.gamma(1.0)
    }

    /// Returns λ²·(Γ(1 + 2/k) − Γ(1 + 1/k)²), computed from the ratio of the terms, which is near 1 for large k.
    fn variance(&self) -> Tensor<D> {
        let inverse = self.concentration.clone().recip();
        let ln_quotient = ln_gamma(inverse.clone() * 2.0 + 1.0) - ln_gamma(inverse + 1.0) * 2.0;
        self.mean().square() * expm1(ln_quotient)
    }
}

impl<const D: usize> Entropy<D> for Weibull<D> {
    /// Returns γ·(1 − 1/k) + ln(λ/k) + 1.
    fn entropy(&self) -> Tensor<D> {
        let k = self.concentration.clone();
        (-k.clone().recip() + 1.0) * EULER + self.scale.clone().log() - k.log() + 1.0
    }
}

impl<const D: usize> Cdf<D> for Weibull<D> {
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_scalar(0.0);
        on_support(value, inside, 1.0, 0.0, |x| {
            -expm1(-((x / self.scale.clone()).log() * self.concentration.clone()).exp())
        })
    }
}

impl<const D: usize> Quantile<D> for Weibull<D> {
    fn icdf(&self, p: Tensor<D>) -> Tensor<D> {
        self.rsample_from_noise(-(-p).log1p())
    }
}

impl<const D: usize> Reparameterized<D> for Weibull<D> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        self.rsample_from_noise(by_inversion(stream, &self.scale, |u| -u.ln()))
    }
}

impl<const D: usize> FromNoise<D> for Weibull<D> {
    /// Returns λ·noise^{1/k} for noise from the exponential distribution with rate 1.
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        self.scale.clone() * (noise.log() / self.concentration.clone()).exp()
    }
}

impl<const D: usize> KlDivergence<D, Self> for Weibull<D> {
    /// Returns ln(k_p/k_q) − k_q·d − γ·(1 − k_q/k_p) + e^{k_q·d}·Γ(1 + k_q/k_p) − 1 with d = ln(λ_p/λ_q) (Bauckhage, 2013).
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let (kp, kq) = (self.concentration.clone(), q.concentration.clone());
        let shift = (self.scale.clone() / q.scale.clone()).log() * kq.clone();
        let ratio = kq.clone() / kp.clone();
        let last = (shift.clone() + ln_gamma(ratio.clone() + 1.0)).exp();
        (ratio.clone() - 1.0) * EULER - ratio.log() - shift + last - 1.0
    }
}
