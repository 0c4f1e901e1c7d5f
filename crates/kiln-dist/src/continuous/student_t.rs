//! Student's t distribution.

use burn::tensor::Tensor;
use kiln_tensor::{
    Stream,
    special::{digamma, host, ln_beta, with_partials},
};

use super::gamma::standard_gamma;
use crate::{Batch, Cdf, Distribution, Entropy, Moments, Reparameterized, distribution::noise_like, family::family};

family! {
    /// StudentT(df, loc, scale): of μ + σ·n/√(g/ν) for n from N(0, 1) and g from χ² with ν degrees of freedom.
    StudentT {
        /// ν, the degrees of freedom.
        df: POSITIVE,
        /// μ.
        loc: FINITE,
        /// σ.
        scale: POSITIVE,
    }
}

impl<const D: usize> StudentT<D> {
    fn z(&self, value: Tensor<D>) -> Tensor<D> {
        (value - self.loc.clone()) / self.scale.clone()
    }

    /// ln B(½, ν/2).
    fn ln_beta(&self) -> Tensor<D> {
        ln_beta(self.df.full_like(0.5), self.df.clone() * 0.5)
    }
}

impl<const D: usize> Distribution<D> for StudentT<D> {
    type Value = Tensor<D>;

    /// −ln B(½, ν/2) − ½·ln ν − ln σ − ½·(ν + 1)·ln(1 + z²/ν).
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let df = self.df.clone();
        let tail = (self.z(value).square() / df.clone()).log1p() * (df.clone() + 1.0) * 0.5;
        -self.ln_beta() - df.log() * 0.5 - self.scale.clone().log() - tail
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for StudentT<D> {
    /// μ for ν > 1; otherwise not a number.
    fn mean(&self) -> Tensor<D> {
        self.loc.clone().mask_fill(self.df.clone().lower_equal_scalar(1.0), f64::NAN)
    }

    /// σ²·ν/(ν − 2) for ν > 2; infinite for 1 < ν ≤ 2, otherwise not a number.
    fn variance(&self) -> Tensor<D> {
        let df = self.df.clone();
        let variance = self.scale.clone().square() * df.clone() / (df.clone() - 2.0);
        let infinite = variance.mask_fill(df.clone().lower_equal_scalar(2.0), f64::INFINITY);
        infinite.mask_fill(df.lower_equal_scalar(1.0), f64::NAN)
    }
}

impl<const D: usize> Entropy<D> for StudentT<D> {
    /// ½·(ν + 1)·(ψ(½(ν + 1)) − ψ(½ν)) + ½·ln ν + ln B(½, ½ν) + ln σ.
    fn entropy(&self) -> Tensor<D> {
        let df = self.df.clone();
        let difference = digamma((df.clone() + 1.0) * 0.5) - digamma(df.clone() * 0.5);
        (df.clone() + 1.0) * 0.5 * difference + df.log() * 0.5 + self.ln_beta() + self.scale.clone().log()
    }
}

impl<const D: usize> Cdf<D> for StudentT<D> {
    /// In the tails ½·I(ν/2, ½) at ν/(ν + z²); in the middle, where that rounds to 1, ½ and half of I(½, ν/2) at z²/(ν + z²).
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        with_partials([self.df.clone(), self.z(value)], |[df, z]| {
            let (square, sign) = (z * z, z.signum());
            let (half, sum) = (0.5 * df, df + square);
            let ln_density = -0.5 * (df + 1.0) * (square / df).ln_1p() - 0.5 * df.ln() - host::ln_beta(0.5, half);
            let density = ln_density.exp();
            // z/√ν moves with ν, and the exponents do.
            let by_scale = if z.is_finite() { -0.5 * z / df * density } else { 0.0 };
            if square < df {
                let (middle, [_, in_half, _]) = host::beta_i(0.5, half, square / sum);
                return (0.5 + 0.5 * sign * middle, [0.25 * sign * in_half + by_scale, density]);
            }
            let (both, [in_half, _, _]) = host::beta_i(half, 0.5, df / sum);
            let cdf = if z < 0.0 { 0.5 * both } else { 1.0 - 0.5 * both };
            (cdf, [-0.25 * sign * in_half + by_scale, density])
        })
    }
}

impl<const D: usize> Reparameterized<D> for StudentT<D> {
    /// With the implicit derivative in ν.
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        let noise = noise_like(stream.normal_vec(self.loc.shape().num_elements()), &self.loc);
        let half = self.df.clone() * 0.5;
        let chi = standard_gamma(&half, stream) / half;
        self.loc.clone() + self.scale.clone() * noise / chi.sqrt()
    }
}
