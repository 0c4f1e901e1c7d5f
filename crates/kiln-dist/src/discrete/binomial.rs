//! The binomial distribution.

use burn::tensor::Tensor;
use kiln_tensor::{
    Stream,
    special::{beta_i, host::ln_gamma, ln_beta, sigmoid, softplus, with_partials},
};
use rand_distr::Distribution as _;

use super::{geometric::is_count, poisson::sum_around_the_mode};
use crate::{
    Bernoulli, Cdf, DistError, Distribution, Entropy, KlDivergence, Moments,
    distribution::{host, noise_like},
    family::{broadcast, family, on_support},
    kl_divergence,
};

family! {
    /// A binomial distribution, the number of successes in n trials: P(X = x) = C(n, x)·pˣ·(1 − p)^{n − x}.
    ///
    /// Parameters: `total_count` n, a whole number, and `logits` ln(p/(1 − p)).
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_dist::{Binomial, Moments};
    ///
    /// let parameter = |x: f32| Tensor::<1>::from_data([x], &Device::default());
    /// let d = Binomial::new(parameter(10.0), parameter(0.0))?.validated()?;
    /// assert!((d.mean().into_scalar::<f32>() - 5.0).abs() < 1e-5);
    /// # Ok::<(), kiln_dist::DistError>(())
    /// ```
    Binomial {
        /// Returns the number of trials n.
        total_count: COUNT,
        /// Returns the logits ln(p/(1 − p)).
        logits: FINITE,
    }
}

impl<const D: usize> Binomial<D> {
    /// Builds the distribution from probabilities inside (0, 1).
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes do not broadcast.
    pub fn from_probs(total_count: Tensor<D>, probs: Tensor<D>) -> Result<Self, DistError> {
        let [total_count, probs] = broadcast([("total_count", total_count), ("probs", probs)])?;
        Self::new(total_count, Bernoulli::from_probs(probs).logits())
    }

    /// Returns the probability p of success.
    pub fn probs(&self) -> Tensor<D> {
        sigmoid(self.logits.clone())
    }
}

impl<const D: usize> Distribution<D> for Binomial<D> {
    type Value = Tensor<D>;

    /// Returns −ln(n + 1) − ln B(x + 1, n − x + 1) + x·ln p + (n − x)·ln(1 − p).
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let n = self.total_count.clone();
        let inside = is_count(&value).bool_and(value.clone().lower_equal(n.clone()));
        on_support(value, inside, 0.0, f64::NEG_INFINITY, |x| {
            let rest = n.clone() - x.clone();
            let coefficient = -(n + 1.0).log() - ln_beta(x.clone() + 1.0, rest.clone() + 1.0);
            coefficient - x * softplus(-self.logits.clone()) - rest * softplus(self.logits.clone())
        })
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "numbers of trials"
        )]
        let draw = |(n, p): (f64, f64)| match rand_distr::Binomial::new(n as u64, p) {
            Ok(binomial) if n >= 0.0 => binomial.sample(stream.rng()) as f64,
            _ => f64::NAN,
        };
        let draws = host(&self.total_count).into_iter().zip(host(&self.probs())).map(draw).collect();
        noise_like(draws, &self.logits)
    }
}

impl<const D: usize> Moments<D> for Binomial<D> {
    /// Returns np.
    fn mean(&self) -> Tensor<D> {
        self.total_count.clone() * self.probs()
    }

    /// Returns np·(1 − p).
    fn variance(&self) -> Tensor<D> {
        self.mean() * sigmoid(-self.logits.clone())
    }
}

impl<const D: usize> Entropy<D> for Binomial<D> {
    /// Returns −Σ p·ln p, summed term by term on the host, with its derivative in the logit. The derivative in n is 0.
    fn entropy(&self) -> Tensor<D> {
        with_partials([self.total_count.clone(), self.logits.clone()], |[n, logit]| {
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            let mean = n * (-softplus(-logit)).exp();
            let ln_all = ln_gamma(n + 1.0);
            let (mut entropy, mut in_logit) = (0.0, 0.0);
            let whole = sum_around_the_mode(mean.min(n), |x| {
                if x > n {
                    return f64::NEG_INFINITY;
                }
                let ln_choose = ln_all - ln_gamma(x + 1.0) - ln_gamma(n - x + 1.0);
                let ln_p = ln_choose - x * softplus(-logit) - (n - x) * softplus(logit);
                entropy -= ln_p.exp() * ln_p;
                // d ln p/d logit = x − np.
                in_logit -= ln_p.exp() * (x - mean) * ln_p;
                ln_p
            });
            (if whole { entropy } else { f64::NAN }, [0.0, in_logit])
        })
    }
}

impl<const D: usize> Cdf<D> for Binomial<D> {
    /// Returns I(n − ⌊x⌋, ⌊x⌋ + 1) at 1 − p.
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        let n = self.total_count.clone();
        let all = value.clone().greater_equal(n.clone());
        let inside = value.clone().greater_equal_scalar(0.0);
        let cdf = on_support(value.mask_fill(all.clone(), 0.0), inside, 0.0, 0.0, |x| {
            let x = x.floor();
            // The clamp covers values ≥ n, which are filled below.
            beta_i((n - x.clone()).clamp_min(0.5), x + 1.0, sigmoid(-self.logits.clone()))
        });
        cdf.mask_fill(all, 1.0)
    }
}

impl<const D: usize> KlDivergence<D, Self> for Binomial<D> {
    /// Returns n·KL(p ‖ q) of one trial if both have n trials.
    ///
    /// If p has more trials it is ∞. If p has fewer trials there is no closed form, and it is NaN.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let one = |d: &Self| Bernoulli::from_logits(d.logits.clone());
        let kl = self.total_count.clone() * kl_divergence(&one(self), &one(q));
        let more = self.total_count.clone().greater(q.total_count.clone());
        let fewer = self.total_count.clone().lower(q.total_count.clone());
        kl.mask_fill(more, f64::INFINITY).mask_fill(fewer, f64::NAN)
    }
}
