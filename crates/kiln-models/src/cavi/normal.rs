//! A normal sample with unknown mean and precision.

use std::f64::consts::PI;

use kiln_tensor::special::host::{digamma, ln_gamma};
use serde::{Deserialize, Serialize};

use super::{CaviError, CoordinateAscent, divergence};

/// The normal-gamma distribution: μ | τ ~ N(loc, 1/(kappa·τ)) and τ ~ Gamma(shape, rate).
///
/// It is the conjugate prior of a normal distribution's mean μ and precision τ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormalGamma {
    /// The mean of μ.
    pub loc: f64,
    /// The number of observations that `loc` is worth, positive.
    pub kappa: f64,
    /// The shape of τ, positive.
    pub shape: f64,
    /// The rate of τ, positive.
    pub rate: f64,
}

/// A normal sample x₁, …, xₙ ~ N(μ, 1/τ) with a [`NormalGamma`] prior.
///
/// The exact posterior is normal-gamma too. The mean field q(μ)·q(τ) approximates it.
///
/// # Example
/// ```
/// use kiln_models::cavi::{NormalGamma, NormalSample, Sweeps, ascend};
///
/// let prior = NormalGamma { loc: 0.0, kappa: 1.0, shape: 1.0, rate: 1.0 };
/// let model = NormalSample::new(&[1.2, 0.8, 1.1, 0.9], prior)?;
/// let fit = ascend(&model, &Sweeps::default())?;
/// assert!(fit.elbo < model.log_evidence());
/// assert!((fit.posterior.loc - model.posterior().loc).abs() < 1e-12);
/// # Ok::<(), kiln_models::cavi::CaviError>(())
/// ```
///
/// # References
/// Bishop, *Pattern Recognition and Machine Learning* (2006), section 10.1.3.
#[derive(Clone, Debug)]
pub struct NormalSample {
    prior: NormalGamma,
    n: f64,
    mean: f64,
    /// Σ (x − x̄)².
    scatter: f64,
}

/// The approximate posterior of a [`NormalSample`], q(μ)·q(τ) = N(loc, 1/precision)·Gamma(shape, rate).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NormalPosterior {
    /// The mean of μ.
    pub loc: f64,
    /// The precision of μ, 1/Var μ.
    pub precision: f64,
    /// The shape of τ.
    pub shape: f64,
    /// The rate of τ.
    pub rate: f64,
}

impl NormalSample {
    /// Builds the model from a sample and a prior.
    ///
    /// # Errors
    /// Returns [`CaviError`] if the sample is empty or not finite, or if the prior is out of its range.
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

    /// Returns the exact posterior.
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

    /// Returns the exact ln p(x), in nats.
    pub fn log_evidence(&self) -> f64 {
        let normaliser = |p: &NormalGamma| ln_gamma(p.shape) - p.shape * p.rate.ln() - 0.5 * p.kappa.ln();
        normaliser(&self.posterior()) - normaliser(&self.prior) - 0.5 * self.n * (2.0 * PI).ln()
    }

    /// Returns E_q [Σ (x − μ)² + kappa·(μ − loc)²].
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
