//! The gamma distribution.

use burn::tensor::{DType, Tensor};
use kiln_tensor::{
    Stream,
    special::{digamma, gamma_p, host, ln_gamma, ln_gamma_entropy, ln_poisson, with_partials},
};
use rand_distr::Distribution as _;

use crate::{
    Batch, Cdf, Distribution, Entropy, Exponential, KlDivergence, Moments, Reparameterized,
    distribution::{host as numbers, open},
    family::{family, on_support},
};

family! {
    /// A gamma distribution, with density βᵅ·x^{α − 1}·e^{−βx}/Γ(α) for x > 0.
    ///
    /// Parameters: `concentration` α and `rate` β, both positive.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Gamma, Moments};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = Gamma::new(parameter(3.0), parameter(2.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 1.5).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    Gamma {
        /// Returns the concentration α.
        concentration: POSITIVE,
        /// Returns the rate β.
        rate: POSITIVE,
    }
}

impl<const D: usize> Distribution<D> for Gamma<D> {
    type Value = Tensor<D>;

    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_scalar(0.0);
        on_support(value, inside, 1.0, f64::NEG_INFINITY, |x| {
            let (a, b) = (self.concentration.clone(), self.rate.clone());
            ln_poisson(a.clone(), b * x.clone()) + a.log() - x.log()
        })
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.detached().rsample(stream)
    }
}

impl<const D: usize> Moments<D> for Gamma<D> {
    /// Returns α/β.
    fn mean(&self) -> Tensor<D> {
        self.concentration.clone() / self.rate.clone()
    }

    /// Returns α/β².
    fn variance(&self) -> Tensor<D> {
        self.concentration.clone() / self.rate.clone().square()
    }
}

impl<const D: usize> Entropy<D> for Gamma<D> {
    /// Returns α − ln β + ln Γ(α) + (1 − α)·ψ(α).
    fn entropy(&self) -> Tensor<D> {
        standard_entropy(self.concentration.clone()) - self.rate.clone().log()
    }
}

/// Returns the entropy for rate 1, α + ln Γ(α) − α·ψ(α) + ψ(α).
fn standard_entropy<const D: usize>(a: Tensor<D>) -> Tensor<D> {
    ln_gamma_entropy(a.clone()) + digamma(a)
}

impl<const D: usize> Cdf<D> for Gamma<D> {
    /// Returns P(α, βx).
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        gamma_p(self.concentration.clone(), self.rate.clone() * value.clamp_min(0.0))
    }
}

impl<const D: usize> Reparameterized<D> for Gamma<D> {
    /// Draws a value with the implicit derivative in α.
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        standard_gamma(&self.concentration, stream) / self.rate.clone()
    }
}

/// Draws from Gamma(α, 1) on the host, as logarithms, because draws for small α underflow.
fn ln_draws<const D: usize>(concentration: &Tensor<D>, stream: &mut Stream) -> Vec<f64> {
    let draw = |a: f64| {
        // For α < 1, x·u^{1/α} with x from Gamma(α + 1) (Marsaglia and Tsang, 2000, section 6).
        let (shape, ln_rest) = if a < 1.0 { (a + 1.0, open(stream.next_f64()).ln() / a) } else { (a, 0.0) };
        match rand_distr::Gamma::new(shape, 1.0) {
            Ok(gamma) if a > 0.0 => gamma.sample(stream.rng()).ln() + ln_rest,
            _ => f64::NAN,
        }
    };
    numbers(concentration).into_iter().map(draw).collect()
}

/// Draws from Gamma(α, 1) with the implicit derivative −(∂P(α, x)/∂α)/(∂P(α, x)/∂x) (Figurnov, Mohamed and Mnih, 2018).
///
/// A draw that would underflow is the smallest positive normal number. An invalid α gives NaN.
pub(crate) fn standard_gamma<const D: usize>(concentration: &Tensor<D>, stream: &mut Stream) -> Tensor<D> {
    let smallest = if concentration.dtype() == DType::F64 { f64::MIN_POSITIVE } else { f64::from(f32::MIN_POSITIVE) };
    // `max` alone would replace NaN, the draw of an invalid concentration.
    let number = |ln_x: f64| if ln_x.is_nan() { ln_x } else { ln_x.exp().max(smallest) };
    let draws = ln_draws(concentration, stream).into_iter().map(number).collect();
    let draws = crate::distribution::noise_like(draws, concentration);
    if !concentration.is_tracked() {
        return draws;
    }
    with_partials([concentration.clone(), draws], |[a, x]| (x, [x * ln_implicit(a, x.ln()), 0.0]))
}

/// Draws the logarithm of a Gamma(α, 1) variable with its derivative. Logarithms do not underflow.
pub(crate) fn ln_standard_gamma<const D: usize>(concentration: &Tensor<D>, stream: &mut Stream) -> Tensor<D> {
    let draws = crate::distribution::noise_like(ln_draws(concentration, stream), concentration);
    if !concentration.is_tracked() {
        return draws;
    }
    with_partials([concentration.clone(), draws], |[a, ln_x]| (ln_x, [ln_implicit(a, ln_x), 0.0]))
}

/// Returns d ln x/dα of a draw.
fn ln_implicit(a: f64, ln_x: f64) -> f64 {
    // For x this small, P is x^α/Γ(α + 1).
    const SMALL: f64 = -60.0;
    if ln_x < SMALL {
        return (host::digamma(a + 1.0) - ln_x) / a;
    }
    let x = ln_x.exp();
    let (_, [in_a, in_x]) = host::gamma_p(a, x);
    let implicit = -in_a / in_x / x;
    // In the far tails both derivatives underflow. The quantile's derivative is about x/a there.
    if implicit.is_finite() { implicit } else { a.recip() }
}

impl<const D: usize> KlDivergence<D, Self> for Gamma<D> {
    /// Returns (α_p − α_q)·ψ(α_p) − ln Γ(α_p) + ln Γ(α_q) + α_q·ln(β_p/β_q) + α_p·(β_q − β_p)/β_p.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let (ap, aq) = (self.concentration.clone(), q.concentration.clone());
        // r − 1 with r = β_q/β_p.
        let above = (q.rate.clone() - self.rate.clone()) / self.rate.clone();
        let shapes = (ap.clone() - aq.clone()) * digamma(ap.clone()) - ln_gamma(ap.clone()) + ln_gamma(aq.clone());
        shapes - aq * above.clone().log1p() + ap * above
    }
}

impl<const D: usize> From<&Exponential<D>> for Gamma<D> {
    /// Returns Gamma(1, λ).
    fn from(exponential: &Exponential<D>) -> Self {
        let rate = exponential.rate();
        Self { concentration: rate.ones_like(), rate }
    }
}

impl<const D: usize> KlDivergence<D, Exponential<D>> for Gamma<D> {
    fn kl_divergence(&self, q: &Exponential<D>) -> Tensor<D> {
        self.kl_divergence(&Gamma::from(q))
    }
}

impl<const D: usize> KlDivergence<D, Gamma<D>> for Exponential<D> {
    fn kl_divergence(&self, q: &Gamma<D>) -> Tensor<D> {
        Gamma::from(self).kl_divergence(q)
    }
}
