//! The uniform distribution.

use burn::tensor::Tensor;
use kiln_tensor::Stream;

use crate::{
    Batch, Cdf, Distribution, Entropy, FromNoise, KlDivergence, Moments, Quantile, Reparameterized,
    distribution::by_inversion,
    family::{family, on_support},
};

family! {
    /// A uniform distribution, with density 1/(high − low) for low ≤ x ≤ high.
    ///
    /// Parameters: `low` and `high`, with low < high. [`validated`](Self::validated) checks that both are finite.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Moments, Uniform};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = Uniform::new(parameter(1.0), parameter(2.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 1.5).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    Uniform {
        /// Returns the lower end.
        low: FINITE,
        /// Returns the upper end.
        high: FINITE,
    }
}

impl<const D: usize> Uniform<D> {
    fn width(&self) -> Tensor<D> {
        self.high.clone() - self.low.clone()
    }
}

impl<const D: usize> Distribution<D> for Uniform<D> {
    type Value = Tensor<D>;

    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let above = value.clone().greater_equal(self.low.clone());
        let inside = above.bool_and(value.clone().lower_equal(self.high.clone()));
        on_support(value, inside, 0.0, f64::NEG_INFINITY, |x| x * 0.0 - self.width().log())
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for Uniform<D> {
    fn mean(&self) -> Tensor<D> {
        self.low.clone() + self.width() * 0.5
    }

    /// Returns (high − low)²/12.
    fn variance(&self) -> Tensor<D> {
        self.width().square() * (1.0 / 12.0)
    }
}

impl<const D: usize> Entropy<D> for Uniform<D> {
    fn entropy(&self) -> Tensor<D> {
        self.width().log()
    }
}

impl<const D: usize> Cdf<D> for Uniform<D> {
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        ((value - self.low.clone()) / self.width()).clamp(0.0, 1.0)
    }
}

impl<const D: usize> Quantile<D> for Uniform<D> {
    fn icdf(&self, p: Tensor<D>) -> Tensor<D> {
        self.low.clone() + self.width() * p
    }
}

impl<const D: usize> Reparameterized<D> for Uniform<D> {
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        self.rsample_from_noise(by_inversion(stream, &self.low, |u| u))
    }
}

impl<const D: usize> FromNoise<D> for Uniform<D> {
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        self.low.clone() + self.width() * noise
    }
}

impl<const D: usize> KlDivergence<D, Self> for Uniform<D> {
    /// Returns the logarithm of the ratio of the widths, and ∞ if the support of p is not inside the support of q.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let beyond = self.low.clone().lower(q.low.clone()).bool_or(self.high.clone().greater(q.high.clone()));
        (q.width() / self.width()).log().mask_fill(beyond, f64::INFINITY)
    }
}
