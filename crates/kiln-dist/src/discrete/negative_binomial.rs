//! The negative binomial distribution.

use burn::tensor::Tensor;
use kiln_tensor::{
    Stream,
    special::{beta_i, host, ln_beta, sigmoid, softplus, with_partials},
};
use rand_distr::Distribution as _;

use super::{
    geometric::is_count,
    poisson::{self, sum_around_the_mode},
};
use crate::{
    Cdf, Distribution, Entropy, KlDivergence, Moments,
    distribution::{host as numbers, noise_like},
    family::{family, on_support},
};

family! {
    /// A negative binomial distribution, the number of successes before the r-th failure: P(X = x) = Γ(x + r)/(x!·Γ(r))·pˣ·(1 − p)ʳ.
    ///
    /// It is a Poisson distribution with a gamma distributed rate. Parameters: the positive `total_count` r, which need not be whole,
    /// and `logits` ln(p/(1 − p)).
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Moments, NegativeBinomial};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = NegativeBinomial::new(parameter(3.0), parameter(0.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 3.0).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    NegativeBinomial {
        /// Returns the number of failures r.
        total_count: POSITIVE,
        /// Returns the logits ln(p/(1 − p)).
        logits: FINITE,
    }
}

impl<const D: usize> Distribution<D> for NegativeBinomial<D> {
    type Value = Tensor<D>;

    /// Returns −ln(x + r) − ln B(x + 1, r) + x·ln p + r·ln(1 − p).
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = is_count(&value);
        on_support(value, inside, 0.0, f64::NEG_INFINITY, |x| {
            let r = self.total_count.clone();
            let coefficient = -(x.clone() + r.clone()).log() - ln_beta(x.clone() + 1.0, r.clone());
            coefficient - x * softplus(-self.logits.clone()) - r * softplus(self.logits.clone())
        })
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        let draw = |(r, logit): (f64, f64)| {
            let rate = match rand_distr::Gamma::new(r, logit.exp()) {
                Ok(gamma) => gamma.sample(stream.rng()),
                Err(_) => return f64::NAN,
            };
            poisson::draw(rate, stream)
        };
        let draws = numbers(&self.total_count).into_iter().zip(numbers(&self.logits)).map(draw).collect();
        noise_like(draws, &self.logits)
    }
}

impl<const D: usize> Moments<D> for NegativeBinomial<D> {
    /// Returns r·p/(1 − p).
    fn mean(&self) -> Tensor<D> {
        self.total_count.clone() * self.logits.clone().exp()
    }

    /// Returns r·p/(1 − p)².
    fn variance(&self) -> Tensor<D> {
        self.mean() / sigmoid(-self.logits.clone())
    }
}

impl<const D: usize> Entropy<D> for NegativeBinomial<D> {
    /// Returns −Σ p·ln p, summed term by term on the host, with its derivatives.
    fn entropy(&self) -> Tensor<D> {
        with_partials([self.total_count.clone(), self.logits.clone()], |[r, logit]| {
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            let mean = r * logit.exp();
            let (failure, ln_r) = (-softplus(logit), host::ln_gamma(r));
            let (mut entropy, mut in_r, mut in_logit) = (0.0, 0.0, 0.0);
            let whole = sum_around_the_mode((mean - logit.exp()).max(0.0), |x| {
                let ln_p = host::ln_gamma(x + r) - host::ln_gamma(x + 1.0) - ln_r - x * softplus(-logit) + r * failure;
                entropy -= ln_p.exp() * ln_p;
                in_r -= ln_p.exp() * ln_p * (host::digamma(x + r) - host::digamma(r) + failure);
                // d ln p/d logit = x·(1 − p) − r·p.
                in_logit -= ln_p.exp() * ln_p * (x - mean) * failure.exp();
                ln_p
            });
            (if whole { entropy } else { f64::NAN }, [in_r, in_logit])
        })
    }
}

impl<const D: usize> Cdf<D> for NegativeBinomial<D> {
    /// Returns I(r, ⌊x⌋ + 1) at 1 − p.
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        let inside = value.clone().greater_equal_scalar(0.0);
        on_support(value, inside, 0.0, 0.0, |x| {
            beta_i(self.total_count.clone(), x.floor() + 1.0, sigmoid(-self.logits.clone()))
        })
    }
}

impl<const D: usize> KlDivergence<D, Self> for NegativeBinomial<D> {
    /// Returns r·(ln(1 − p) − ln(1 − q)) + E x·(ln p − ln q) if both have the same r. Otherwise there is no closed form: NaN.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let (p_logit, q_logit) = (self.logits.clone(), q.logits.clone());
        let failures = self.total_count.clone() * (softplus(q_logit.clone()) - softplus(p_logit.clone()));
        let kl = failures + self.mean() * (softplus(-q_logit) - softplus(-p_logit));
        kl.mask_fill(self.total_count.clone().equal(q.total_count.clone()).bool_not(), f64::NAN)
    }
}
