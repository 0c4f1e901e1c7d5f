//! The beta distribution.

use burn::tensor::{DType, Tensor};
use kiln_tensor::{
    Stream,
    special::{beta_i, digamma, ln_beta, ln_gamma_entropy, ln_poisson, sigmoid},
};

use super::gamma::ln_standard_gamma;
use crate::{
    Batch, Cdf, Distribution, Entropy, KlDivergence, Moments, Reparameterized,
    family::{family, on_support, x_ln_y, x_ln1p_y},
};

family! {
    /// A beta distribution on (0, 1), with density x^{a − 1}·(1 − x)^{b − 1}/B(a, b).
    ///
    /// Parameters: `concentration1` a and `concentration0` b, both positive.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Beta, Moments};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = Beta::new(parameter(2.0), parameter(6.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 0.25).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    Beta {
        /// Returns the concentration a, the exponent of x plus 1.
        concentration1: POSITIVE,
        /// Returns the concentration b, the exponent of 1 − x plus 1.
        concentration0: POSITIVE,
    }
}

impl<const D: usize> Beta<D> {
    fn parameters(&self) -> (Tensor<D>, Tensor<D>) {
        (self.concentration1.clone(), self.concentration0.clone())
    }
}

/// The a + b from which the density is computed relative to its peak.
const LARGE: f64 = 16.0;

/// Returns the log-density through Poisson probabilities: p(a; nx)·p(b; n(1 − x))/p(n; n)·ab/(n·x(1 − x)) with n = a + b.
///
/// Their logarithms have the order of the result, so nothing cancels (Loader, 2000). x must be inside (0, 1).
fn by_poisson<const D: usize>(a: Tensor<D>, b: Tensor<D>, x: Tensor<D>) -> Tensor<D> {
    let (n, rest) = (a.clone() + b.clone(), -x.clone() + 1.0);
    let of_a = ln_poisson(a.clone(), n.clone() * x.clone());
    let of_b = ln_poisson(b.clone(), n.clone() * rest.clone());
    of_a + of_b - ln_poisson(n.clone(), n.clone()) + (a / n / x).log() + (b / rest).log()
}

impl<const D: usize> Distribution<D> for Beta<D> {
    type Value = Tensor<D>;

    /// Returns (a − 1)·ln x + (b − 1)·ln(1 − x) − ln B(a, b).
    ///
    /// Also valid at 0 and 1, where it is ±∞, or finite if the exponent is 0.
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let (a, b) = self.parameters();
        let inside = value.clone().greater_equal_scalar(0.0).bool_and(value.clone().lower_equal_scalar(1.0));
        on_support(value, inside, 0.5, f64::NEG_INFINITY, |x| {
            let powers = x_ln_y(a.clone() - 1.0, x.clone()) + x_ln1p_y(b.clone() - 1.0, -x.clone());
            let direct = powers - ln_beta(a.clone(), b.clone());
            // If a + b is large, the terms of the direct formula are large and cancel.
            let between = x.clone().greater_scalar(0.0).bool_and(x.clone().lower_scalar(1.0));
            let large = (a.clone() + b.clone()).greater_scalar(LARGE).bool_and(between.expand(direct.shape()));
            let x = (x + a.zeros_like()).mask_fill(large.clone().bool_not(), 0.5);
            direct.mask_where(large, by_poisson(a, b, x))
        })
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for Beta<D> {
    /// Returns a/(a + b).
    fn mean(&self) -> Tensor<D> {
        let (a, b) = self.parameters();
        a.clone() / (a + b)
    }

    /// Returns ab/((a + b)²·(a + b + 1)).
    fn variance(&self) -> Tensor<D> {
        let (a, b) = self.parameters();
        let n = a.clone() + b.clone();
        (a / n.clone()) * (b / n.clone()) / (n + 1.0)
    }
}

impl<const D: usize> Entropy<D> for Beta<D> {
    /// Returns ln B(a, b) − (a − 1)·ψ(a) − (b − 1)·ψ(b) + (a + b − 2)·ψ(a + b).
    fn entropy(&self) -> Tensor<D> {
        let (a, b) = self.parameters();
        let n = a.clone() + b.clone();
        // The terms in a, b and a + b themselves cancel analytically.
        let gammas = ln_gamma_entropy(a.clone()) + ln_gamma_entropy(b.clone()) - ln_gamma_entropy(n.clone());
        gammas + digamma(a) + digamma(b) - digamma(n) * 2.0
    }
}

impl<const D: usize> Cdf<D> for Beta<D> {
    /// Returns Iₓ(a, b).
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        let (a, b) = self.parameters();
        beta_i(a, b, value.clamp(0.0, 1.0))
    }
}

impl<const D: usize> Reparameterized<D> for Beta<D> {
    /// Draws x/(x + y) from two gamma draws, in logarithms, with implicit derivatives. The draw stays inside (0, 1) after rounding.
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        let (a, b) = self.parameters();
        let (ln_x, ln_y) = (ln_standard_gamma(&a, stream), ln_standard_gamma(&b, stream));
        let below_one =
            if a.dtype() == DType::F64 { 1.0 - f64::EPSILON / 2.0 } else { 1.0 - f64::from(f32::EPSILON) / 2.0 };
        sigmoid(ln_x - ln_y).clamp(f64::from(f32::MIN_POSITIVE), below_one)
    }
}

impl<const D: usize> KlDivergence<D, Self> for Beta<D> {
    /// Returns ln B(q) − ln B(p) + Δa·ψ(a_p) + Δb·ψ(b_p) − (Δa + Δb)·ψ(a_p + b_p).
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let ((a, b), (qa, qb)) = (self.parameters(), q.parameters());
        let (da, db) = (a.clone() - qa.clone(), b.clone() - qb.clone());
        ln_beta(qa, qb) - ln_beta(a.clone(), b.clone())
            + da.clone() * digamma(a.clone())
            + db.clone() * digamma(b.clone())
            - (da + db) * digamma(a + b)
    }
}
