//! The geometric distribution.

use burn::tensor::Tensor;
use kiln_tensor::{Stream, special::expm1};

use crate::{
    Cdf, Distribution, Entropy, KlDivergence, Moments,
    distribution::{host, noise_like, open},
    family::{family, on_support},
};

family! {
    /// A geometric distribution, the number of failures before the first success: P(X = x) = (1 − p)ˣ·p for x = 0, 1, …
    ///
    /// Parameter: `probs` p, inside (0, 1).
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Geometric, Moments};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = Geometric::new(parameter(0.25))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 3.0).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    Geometric {
        /// Returns the probability p of success.
        probs: PROBABILITY,
    }
}

impl<const D: usize> Geometric<D> {
    /// Returns ln(1 − p).
    fn ln_failure(&self) -> Tensor<D> {
        (-self.probs.clone()).log1p()
    }
}

impl<const D: usize> Distribution<D> for Geometric<D> {
    type Value = Tensor<D>;

    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = is_count(&value);
        on_support(value, inside, 0.0, f64::NEG_INFINITY, |x| x * self.ln_failure() + self.probs.clone().log())
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        let draw = |(p, u): (f64, f64)| (open(u).ln() / (-p).ln_1p()).floor();
        let uniform = stream.uniform_vec(self.probs.shape().num_elements());
        noise_like(host(&self.probs).into_iter().zip(uniform).map(draw).collect(), &self.probs)
    }
}

/// Returns where the values are 0, 1, 2, …
pub(super) fn is_count<const D: usize>(x: &Tensor<D>) -> burn::tensor::Tensor<D, burn::tensor::Bool> {
    x.clone().greater_equal_scalar(0.0).bool_and(x.clone().floor().equal(x.clone()))
}

impl<const D: usize> Moments<D> for Geometric<D> {
    /// Returns (1 − p)/p.
    fn mean(&self) -> Tensor<D> {
        (-self.probs.clone() + 1.0) / self.probs.clone()
    }

    /// Returns (1 − p)/p².
    fn variance(&self) -> Tensor<D> {
        self.mean() / self.probs.clone()
    }
}

impl<const D: usize> Entropy<D> for Geometric<D> {
    /// Returns −ln p − ln(1 − p)·(1 − p)/p.
    fn entropy(&self) -> Tensor<D> {
        -self.probs.clone().log() - self.mean() * self.ln_failure()
    }
}

impl<const D: usize> Cdf<D> for Geometric<D> {
    /// Returns 1 − (1 − p)^{⌊x⌋ + 1}.
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_equal_scalar(0.0);
        on_support(value, inside, 0.0, 0.0, |x| -expm1((x.floor() + 1.0) * self.ln_failure()))
    }
}

impl<const D: usize> KlDivergence<D, Self> for Geometric<D> {
    /// Returns ln(p/q) + ((1 − p)/p)·ln((1 − p)/(1 − q)).
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        (self.probs.clone() / q.probs.clone()).log() + self.mean() * (self.ln_failure() - q.ln_failure())
    }
}
