//! A normal distribution whose mean and precision are unknown.

use std::f64::consts::PI;

use kiln_tensor::special::host::{digamma, ln_gamma};
use serde::{Deserialize, Serialize};

use super::{CaviError, CoordinateAscent, divergence};

/// μ | τ ~ N(loc, 1/(kappa·τ)) and τ ~ Gamma(shape, rate): the conjugate prior of a normal distribution's mean μ and precision τ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormalGamma {
    /// μ's mean.
    pub loc: f64,
    /// How many observations what is known of μ is worth, > 0.
    pub kappa: f64,
    /// > 0.
    pub shape: f64,
    /// > 0.
    pub rate: f64,
}

/// x₁, …, xₙ ~ N(μ, 1/τ) with a [`NormalGamma`] prior. The posterior is one again; the mean field q(μ)·q(τ) comes near it (Bishop, 2006,
/// section 10.1.3).
#[derive(Clone, Debug)]
pub struct NormalSample {
    prior: NormalGamma,
    n: f64,
    mean: f64,
    /// Σ (x − x̄)².
    scatter: f64,
}

/// q(μ)·q(τ) = N(loc, 1/precision)·Gamma(shape, rate).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormalPosterior {
    /// E μ.
    pub loc: f64,
    /// 1/Var μ.
    pub precision: f64,
    /// Of τ.
    pub shape: f64,
    /// Of τ.
    pub rate: f64,
}

impl NormalSample {
    /// # Errors
    /// [`CaviError`] for no numbers, numbers that are not finite, and a prior out of its range.
    pub fn new(x: &[f64], prior: NormalGamma) -> Result<Self, CaviError> {
        if x.is_empty() || x.iter().any(|x| !x.is_finite()) {
            return Err(CaviError::Data("the sample"));
        }
        let positive = [("kappa", prior.kappa), ("shape", prior.shape), ("rate", prior.rate)];
        if let Some((name, _)) = positive.into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0)) {
            return Err(CaviError::Setting { name, expected: "positive and finite" });
        }
        if !prior.loc.is_finite() {
            return Err(CaviError::Setting { name: "loc", expected: "finite" });
        }
        #[allow(clippy::cast_precision_loss, reason = "a number of observations")]
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let scatter = x.iter().map(|x| (x - mean).powi(2)).sum();
        Ok(Self { prior, n, mean, scatter })
    }

    /// The posterior itself.
    pub fn posterior(&self) -> NormalGamma {
        let NormalGamma { loc, kappa, shape, rate } = self.prior;
        let total = kappa + self.n;
        NormalGamma {
            loc: (kappa * loc + self.n * self.mean) / total,
            kappa: total,
            shape: shape + 0.5 * self.n,
            rate: rate + 0.5 * (self.scatter + kappa * self.n * (self.mean - loc).powi(2) / total),
        }
    }

    /// ln p(x), in nats.
    pub fn log_evidence(&self) -> f64 {
        let normaliser = |p: &NormalGamma| ln_gamma(p.shape) - p.shape * p.rate.ln() - 0.5 * p.kappa.ln();
        normaliser(&self.posterior()) - normaliser(&self.prior) - 0.5 * self.n * (2.0 * PI).ln()
    }

    /// E_q Σ (x − μ)² + kappa·(μ − loc)².
    fn squares(&self, q: &NormalPosterior) -> f64 {
        let about = |centre: f64| (q.loc - centre).powi(2) + q.precision.recip();
        self.scatter + self.n * about(self.mean) + self.prior.kappa * about(self.prior.loc)
    }
}

impl CoordinateAscent for NormalSample {
    type Posterior = NormalPosterior;

    fn start(&self) -> Result<NormalPosterior, CaviError> {
        let NormalGamma { loc, kappa, shape, rate } = self.prior;
        Ok(NormalPosterior { loc, precision: kappa * shape / rate, shape, rate })
    }

    fn sweep(&self, q: &NormalPosterior) -> Result<NormalPosterior, CaviError> {
        let exact = self.posterior();
        let mut next = NormalPosterior { loc: exact.loc, precision: exact.kappa * q.shape / q.rate, ..*q };
        next.shape = self.prior.shape + 0.5 * (self.n + 1.0);
        next.rate = self.prior.rate + 0.5 * self.squares(&next);
        Ok(next)
    }

    fn elbo(&self, q: &NormalPosterior) -> f64 {
        let (tau, ln_tau) = (q.shape / q.rate, digamma(q.shape) - q.rate.ln());
        let of_model =
            0.5 * ((self.n + 1.0) * (ln_tau - (2.0 * PI).ln()) + self.prior.kappa.ln() - tau * self.squares(q));
        let entropy_of_mean = 0.5 * (1.0 + (2.0 * PI).ln() - q.precision.ln());
        of_model + entropy_of_mean - divergence::gamma([q.shape, q.rate], [self.prior.shape, self.prior.rate])
    }
}
