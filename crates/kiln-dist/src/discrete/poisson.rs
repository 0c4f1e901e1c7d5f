//! The Poisson distribution.

use burn::tensor::Tensor;
use kiln_tensor::{
    Stream,
    special::{gamma_q, host::ln_gamma as ln_gamma_of, ln_poisson, with_partials},
};
use rand_distr::Distribution as _;

use super::geometric::is_count;
use crate::{
    Cdf, Distribution, Entropy, KlDivergence, Moments,
    distribution::{host, noise_like},
    family::{family, on_support, x_ln_y},
};

family! {
    /// A Poisson distribution, P(X = x) = λˣ·e^{−λ}/x! for x = 0, 1, …
    ///
    /// Parameter: `rate` λ ≥ 0.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Distribution, Poisson};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = Poisson::new(parameter(2.0))?.validated()?;
    /// assert!((d.log_prob(parameter(0.0)).into_scalar::<f32>() - (-2.0)).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    Poisson {
        /// Returns the rate λ.
        rate: COUNT,
    }
}

impl<const D: usize> Distribution<D> for Poisson<D> {
    type Value = Tensor<D>;

    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = is_count(&value);
        on_support(value, inside, 0.0, f64::NEG_INFINITY, |x| ln_poisson(x, self.rate.clone()))
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        let draws = host(&self.rate).into_iter().map(|rate| draw(rate, stream)).collect();
        noise_like(draws, &self.rate)
    }
}

/// Draws on the host. Rates above about 1.8e19 give NaN, because `rand_distr` does not support them.
pub(super) fn draw(rate: f64, stream: &mut Stream) -> f64 {
    match rand_distr::Poisson::new(rate) {
        Ok(poisson) => poisson.sample(stream.rng()),
        Err(_) if rate == 0.0 => 0.0,
        Err(_) => f64::NAN,
    }
}

impl<const D: usize> Moments<D> for Poisson<D> {
    fn mean(&self) -> Tensor<D> {
        self.rate.clone()
    }

    fn variance(&self) -> Tensor<D> {
        self.rate.clone()
    }
}

impl<const D: usize> Entropy<D> for Poisson<D> {
    /// Returns −Σ p·ln p, summed term by term on the host, with its derivative −ln λ + E ln(1 + X).
    fn entropy(&self) -> Tensor<D> {
        with_partials([self.rate.clone()], |[rate]| {
            if rate <= 0.0 {
                // The value 0 is certain. Near λ = 0 the entropy is −λ·ln λ.
                return (0.0, [f64::INFINITY]);
            }
            let (mut entropy, mut in_rate) = (0.0, -rate.ln());
            let whole = sum_around_the_mode(rate, |x| {
                let ln_p = x * rate.ln() - rate - ln_gamma_of(x + 1.0);
                entropy -= ln_p.exp() * ln_p;
                in_rate += ln_p.exp() * x.ln_1p();
                ln_p
            });
            (if whole { entropy } else { f64::NAN }, [in_rate])
        })
    }
}

/// Calls `term` with the counts from `mode` upwards, then downwards, until their ln p, which it returns, is negligible.
///
/// Returns `false` if ten million terms in a direction do not suffice; they suffice for a standard deviation of 4e5.
pub(super) fn sum_around_the_mode(mode: f64, mut term: impl FnMut(f64) -> f64) -> bool {
    const NOTHING: f64 = -60.0;
    const MOST: u32 = 10_000_000;
    let middle = mode.floor();
    if !middle.is_finite() {
        return false;
    }
    let upwards = (0..MOST).any(|i| term(middle + f64::from(i)) <= NOTHING);
    let downwards = (1..MOST).any(|i| {
        let x = middle - f64::from(i);
        x < 0.0 || term(x) <= NOTHING
    });
    upwards && downwards
}

impl<const D: usize> Cdf<D> for Poisson<D> {
    /// Returns Q(⌊x⌋ + 1, λ).
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_equal_scalar(0.0);
        on_support(value, inside, 0.0, 0.0, |x| gamma_q(x.floor() + 1.0, self.rate.clone()))
    }
}

impl<const D: usize> KlDivergence<D, Self> for Poisson<D> {
    /// Returns λ_p·ln(λ_p/λ_q) − (λ_p − λ_q).
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let (p, q) = (self.rate.clone(), q.rate.clone());
        x_ln_y(p.clone(), p.clone() / q.clone()) - (p - q)
    }
}
