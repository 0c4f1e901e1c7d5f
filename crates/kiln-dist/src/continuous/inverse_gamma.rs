//! The inverse gamma distribution.

use burn::tensor::Tensor;
use kiln_tensor::{
    Stream,
    special::{digamma, gamma_q, ln_gamma_entropy, ln_poisson},
};

use crate::{
    Batch, Cdf, Distribution, Entropy, Gamma, KlDivergence, Moments, Reparameterized,
    family::{family, on_support},
    kl_divergence,
};

family! {
    /// An inverse gamma distribution, the distribution of 1/x for x from Gamma(α, β).
    ///
    /// Parameters: `concentration` α and `scale` β, both positive.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{InverseGamma, Moments};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = InverseGamma::new(parameter(3.0), parameter(2.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 1.0).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    InverseGamma {
        /// Returns the concentration α.
        concentration: POSITIVE,
        /// Returns the scale β, the rate of 1/x.
        scale: POSITIVE,
    }
}

impl<const D: usize> InverseGamma<D> {
    /// Returns the distribution of 1/x.
    pub fn reciprocal(&self) -> Gamma<D> {
        Gamma::new(self.concentration.clone(), self.scale.clone()).expect("both parameters have one shape")
    }
}

impl<const D: usize> Distribution<D> for InverseGamma<D> {
    type Value = Tensor<D>;

    /// Returns α·ln β − ln Γ(α) − (α + 1)·ln x − β/x.
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_scalar(0.0);
        on_support(value, inside, 1.0, f64::NEG_INFINITY, |x| {
            let (a, b) = (self.concentration.clone(), self.scale.clone());
            ln_poisson(a.clone(), b / x.clone()) + a.log() - x.log()
        })
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for InverseGamma<D> {
    /// Returns β/(α − 1), and ∞ for α ≤ 1.
    fn mean(&self) -> Tensor<D> {
        let none = self.concentration.clone().lower_equal_scalar(1.0);
        (self.scale.clone() / (self.concentration.clone() - 1.0)).mask_fill(none, f64::INFINITY)
    }

    /// Returns β²/((α − 1)²·(α − 2)), and ∞ for α ≤ 2.
    fn variance(&self) -> Tensor<D> {
        let a = self.concentration.clone();
        let none = a.clone().lower_equal_scalar(2.0);
        let variance = (self.scale.clone() / (a.clone() - 1.0)).square() / (a - 2.0);
        variance.mask_fill(none, f64::INFINITY)
    }
}

impl<const D: usize> Entropy<D> for InverseGamma<D> {
    /// Returns α + ln β + ln Γ(α) − (1 + α)·ψ(α).
    fn entropy(&self) -> Tensor<D> {
        let a = self.concentration.clone();
        ln_gamma_entropy(a.clone()) - digamma(a) + self.scale.clone().log()
    }
}

impl<const D: usize> Cdf<D> for InverseGamma<D> {
    /// Returns Q(α, β/x).
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_scalar(0.0);
        on_support(value, inside, 1.0, 0.0, |x| gamma_q(self.concentration.clone(), self.scale.clone() / x))
    }
}

impl<const D: usize> Reparameterized<D> for InverseGamma<D> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        self.reciprocal().rsample(stream).recip()
    }
}

impl<const D: usize> KlDivergence<D, Self> for InverseGamma<D> {
    /// Returns the divergence of the reciprocals' gamma distributions.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        kl_divergence(&self.reciprocal(), &q.reciprocal())
    }
}
