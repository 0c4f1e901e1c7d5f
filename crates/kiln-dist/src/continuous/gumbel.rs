//! The Gumbel distribution.

use std::f64::consts::PI;

use burn::tensor::Tensor;
use kiln_tensor::{Stream, special::ln_gamma};

use super::EULER;
use crate::{
    Batch, Cdf, Distribution, Entropy, FromNoise, KlDivergence, Moments, Quantile, Reparameterized,
    distribution::by_inversion, family::family,
};

family! {
    /// A Gumbel distribution, the limit of the maximum of many draws: P(X ≤ x) = exp(−e^{−z}) with z = (x − μ)/β.
    ///
    /// Parameters: the mode `loc` μ and the positive `scale` β.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Gumbel, Moments};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = Gumbel::new(parameter(1.0), parameter(2.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 2.154_431_3).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    Gumbel {
        /// Returns the mode μ.
        loc: FINITE,
        /// Returns the scale β.
        scale: POSITIVE,
    }
}

impl<const D: usize> Gumbel<D> {
    fn z(&self, value: Tensor<D>) -> Tensor<D> {
        (value - self.loc.clone()) / self.scale.clone()
    }
}

impl<const D: usize> Distribution<D> for Gumbel<D> {
    type Value = Tensor<D>;

    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let z = self.z(value);
        -z.clone() - (-z).exp() - self.scale.clone().log()
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for Gumbel<D> {
    /// Returns μ + βγ with Euler's constant γ.
    fn mean(&self) -> Tensor<D> {
        self.loc.clone() + self.scale.clone() * EULER
    }

    /// Returns π²β²/6.
    fn variance(&self) -> Tensor<D> {
        self.scale.clone().square() * (PI * PI / 6.0)
    }
}

impl<const D: usize> Entropy<D> for Gumbel<D> {
    /// Returns ln β + γ + 1.
    fn entropy(&self) -> Tensor<D> {
        self.scale.clone().log() + (EULER + 1.0)
    }
}

impl<const D: usize> Cdf<D> for Gumbel<D> {
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        (-(-self.z(value)).exp()).exp()
    }
}

impl<const D: usize> Quantile<D> for Gumbel<D> {
    fn icdf(&self, p: Tensor<D>) -> Tensor<D> {
        self.loc.clone() - self.scale.clone() * (-p.log()).log()
    }
}

impl<const D: usize> Reparameterized<D> for Gumbel<D> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        self.rsample_from_noise(by_inversion(stream, &self.loc, |u| -(-u.ln()).ln()))
    }
}

impl<const D: usize> FromNoise<D> for Gumbel<D> {
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        self.loc.clone() + self.scale.clone() * noise
    }
}

impl<const D: usize> KlDivergence<D, Self> for Gumbel<D> {
    /// Returns −ln r + γ·(r − 1) + d + Γ(1 + r)·e^{−d} − 1 with r = β_p/β_q and d = (μ_p − μ_q)/β_q.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let ratio = self.scale.clone() / q.scale.clone();
        let apart = (self.loc.clone() - q.loc.clone()) / q.scale.clone();
        let last = (ln_gamma(ratio.clone() + 1.0) - apart.clone()).exp();
        (ratio.clone() - 1.0) * EULER - ratio.log() + apart + last - 1.0
    }
}
