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
    /// Poisson(rate): P(X = x) = λˣ·e^{−λ}/x! for x = 0, 1, …
    Poisson {
        /// λ.
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

/// A draw on the host; not a number for rates from about 1.8e19 on, which `rand_distr` does not draw.
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
    /// −Σ p·ln p, term by term on the host, with its derivative −ln λ + E ln(1 + X).
    fn entropy(&self) -> Tensor<D> {
        with_partials([self.rate.clone()], |[rate]| {
            if rate <= 0.0 {
                // Certain; its entropy rises from there as −λ·ln λ.
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

/// Gives `term` the counts from the one below `mode` upwards, then downwards, in each direction until their ln p, which it returns,
/// is so small that the rest has no part in sums of the order of 1. False when it gave up: some ten million terms are enough for a
/// standard deviation of 4e5.
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
    /// Q(⌊x⌋ + 1, λ).
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_equal_scalar(0.0);
        on_support(value, inside, 0.0, 0.0, |x| gamma_q(x.floor() + 1.0, self.rate.clone()))
    }
}

impl<const D: usize> KlDivergence<D, Self> for Poisson<D> {
    /// λ_p·ln(λ_p/λ_q) − (λ_p − λ_q).
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let (p, q) = (self.rate.clone(), q.rate.clone());
        x_ln_y(p.clone(), p.clone() / q.clone()) - (p - q)
    }
}
