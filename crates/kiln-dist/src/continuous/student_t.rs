//! Student's t distribution.

use burn::tensor::Tensor;
use kiln_tensor::{
    Stream,
    special::{digamma, host, ln_beta, with_partials},
};

use super::gamma::standard_gamma;
use crate::{Batch, Cdf, Distribution, Entropy, Moments, Reparameterized, distribution::normal_like, family::family};

family! {
    /// A Student's t distribution, the distribution of μ + σ·n/√(g/ν) for n from N(0, 1) and g from χ² with ν degrees of freedom.
    ///
    /// Parameters: the positive `df` ν, `loc` μ, and the positive `scale` σ.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Moments, StudentT};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = StudentT::new(parameter(3.0), parameter(1.0), parameter(2.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 1.0).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    StudentT {
        /// Returns the degrees of freedom ν.
        df: POSITIVE,
        /// Returns the location μ.
        loc: FINITE,
        /// Returns the scale σ.
        scale: POSITIVE,
    }
}

impl<const D: usize> StudentT<D> {
    fn z(&self, value: Tensor<D>) -> Tensor<D> {
        (value - self.loc.clone()) / self.scale.clone()
    }

    /// Returns ln B(½, ν/2).
    fn ln_beta(&self) -> Tensor<D> {
        ln_beta(self.df.full_like(0.5), self.df.clone() * 0.5)
    }
}

impl<const D: usize> Distribution<D> for StudentT<D> {
    type Value = Tensor<D>;

    /// Returns −ln B(½, ν/2) − ½·ln ν − ln σ − ½·(ν + 1)·ln(1 + z²/ν).
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
    /// Returns μ, and NaN for ν ≤ 1.
    fn mean(&self) -> Tensor<D> {
        self.loc.clone().mask_fill(self.df.clone().lower_equal_scalar(1.0), f64::NAN)
    }

    /// Returns σ²·ν/(ν − 2), ∞ for 1 < ν ≤ 2, and NaN for ν ≤ 1.
    fn variance(&self) -> Tensor<D> {
        let df = self.df.clone();
        let variance = self.scale.clone().square() * df.clone() / (df.clone() - 2.0);
        let infinite = variance.mask_fill(df.clone().lower_equal_scalar(2.0), f64::INFINITY);
        infinite.mask_fill(df.lower_equal_scalar(1.0), f64::NAN)
    }
}

impl<const D: usize> Entropy<D> for StudentT<D> {
    /// Returns ½·(ν + 1)·(ψ(½(ν + 1)) − ψ(½ν)) + ½·ln ν + ln B(½, ½ν) + ln σ.
    fn entropy(&self) -> Tensor<D> {
        let df = self.df.clone();
        let difference = digamma((df.clone() + 1.0) * 0.5) - digamma(df.clone() * 0.5);
        (df.clone() + 1.0) * 0.5 * difference + df.log() * 0.5 + self.ln_beta() + self.scale.clone().log()
    }
}

impl<const D: usize> Cdf<D> for StudentT<D> {
    /// Returns ½·I(ν/2, ½) at ν/(ν + z²) in the left tail. In the middle it uses ½ ± ½·I(½, ν/2) at z²/(ν + z²), which does not
    /// round to ½.
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        with_partials([self.df.clone(), self.z(value)], |[df, z]| {
            let (square, sign) = (z * z, z.signum());
            let (half, sum) = (0.5 * df, df + square);
            let ln_density = -0.5 * (df + 1.0) * (square / df).ln_1p() - 0.5 * df.ln() - host::ln_beta(0.5, half);
            let density = ln_density.exp();
            // The derivative in ν has two parts: through z/√ν and through the exponents.
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
    /// Draws a value with the implicit derivative in ν.
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        let noise = normal_like(stream, &self.loc);
        let half = self.df.clone() * 0.5;
        let chi = standard_gamma(&half, stream) / half;
        self.loc.clone() + self.scale.clone() * noise / chi.sqrt()
    }
}
