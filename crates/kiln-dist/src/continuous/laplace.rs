//! The Laplace distribution.

use std::f64::consts::LN_2;

use burn::tensor::Tensor;
use kiln_tensor::Stream;

use crate::{
    Batch, Cdf, Distribution, Entropy, FromNoise, KlDivergence, Moments, Quantile, Reparameterized,
    distribution::by_inversion, family::family,
};

family! {
    /// A Laplace (double exponential) distribution, with density e^{−|x − μ|/b}/(2b).
    ///
    /// Parameters: the mean `loc` μ and the positive `scale` b.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Cdf, Laplace};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = Laplace::new(parameter(1.0), parameter(2.0))?.validated()?;
    /// assert!((d.cdf(parameter(1.0)).into_scalar::<f32>() - 0.5).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    Laplace {
        /// Returns the mean μ.
        loc: FINITE,
        /// Returns the scale b.
        scale: POSITIVE,
    }
}

impl<const D: usize> Distribution<D> for Laplace<D> {
    type Value = Tensor<D>;

    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        -(value - self.loc.clone()).abs() / self.scale.clone() - self.scale.clone().log() - LN_2
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for Laplace<D> {
    fn mean(&self) -> Tensor<D> {
        self.loc.clone()
    }

    /// Returns 2b².
    fn variance(&self) -> Tensor<D> {
        self.scale.clone().square() * 2.0
    }
}

impl<const D: usize> Entropy<D> for Laplace<D> {
    /// Returns 1 + ln(2b).
    fn entropy(&self) -> Tensor<D> {
        self.scale.clone().log() + (1.0 + LN_2)
    }
}

impl<const D: usize> Cdf<D> for Laplace<D> {
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        let z = (value - self.loc.clone()) / self.scale.clone();
        // Selecting a side gives a one-sided derivative at 0, where |z| would give 0.
        let upper = z.clone().greater_equal_scalar(0.0);
        let tail = z.clone().mask_where(upper.clone(), -z).exp() * 0.5;
        tail.clone().mask_where(upper, -tail + 1.0)
    }
}

impl<const D: usize> Quantile<D> for Laplace<D> {
    fn icdf(&self, p: Tensor<D>) -> Tensor<D> {
        let upper = p.clone().greater_scalar(0.5);
        let tail = p.clone().mask_where(upper.clone(), -p + 1.0);
        let z = (tail * 2.0).log();
        self.loc.clone() + self.scale.clone() * z.clone().mask_where(upper, -z)
    }
}

impl<const D: usize> Reparameterized<D> for Laplace<D> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        let quantile = |u: f64| if u < 0.5 { (2.0 * u).ln() } else { -(2.0 * (1.0 - u)).ln() };
        self.rsample_from_noise(by_inversion(stream, &self.loc, quantile))
    }
}

impl<const D: usize> FromNoise<D> for Laplace<D> {
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        self.loc.clone() + self.scale.clone() * noise
    }
}

impl<const D: usize> KlDivergence<D, Self> for Laplace<D> {
    /// Returns ln(b_q/b_p) − 1 + (|Δμ| + b_p·e^{−|Δμ|/b_p})/b_q.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let apart = (self.loc.clone() - q.loc.clone()).abs();
        let ratio = self.scale.clone() / q.scale.clone();
        let near = ratio.clone() * (-apart.clone() / self.scale.clone()).exp();
        apart / q.scale.clone() + near - ratio.log() - 1.0
    }
}
