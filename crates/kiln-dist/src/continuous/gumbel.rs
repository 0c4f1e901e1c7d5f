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
    /// Gumbel(loc, scale), of the largest of many: P(X ≤ x) = exp(−e^{−z}) with z = (x − μ)/β.
    Gumbel {
        /// μ, the mode.
        loc: FINITE,
        /// β.
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
    /// μ + βγ, γ being Euler's constant.
    fn mean(&self) -> Tensor<D> {
        self.loc.clone() + self.scale.clone() * EULER
    }

    /// π²β²/6.
    fn variance(&self) -> Tensor<D> {
        self.scale.clone().square() * (PI * PI / 6.0)
    }
}

impl<const D: usize> Entropy<D> for Gumbel<D> {
    /// ln β + γ + 1.
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
    /// With r = β_p/β_q and d = (μ_p − μ_q)/β_q: −ln r + γ·(r − 1) + d + Γ(1 + r)·e^{−d} − 1.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let ratio = self.scale.clone() / q.scale.clone();
        let apart = (self.loc.clone() - q.loc.clone()) / q.scale.clone();
        let last = (ln_gamma(ratio.clone() + 1.0) - apart.clone()).exp();
        (ratio.clone() - 1.0) * EULER - ratio.log() + apart + last - 1.0
    }
}
