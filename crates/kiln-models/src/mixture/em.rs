//! Expectation and maximisation (Dempster, Laird and Rubin, 1977).

use burn::tensor::{DType, Tensor};
use kiln_tensor::special::log_sum_exp;
use serde::Serialize;

use super::{CovarianceType, GaussianMixture, GmmError, kmeans::nearest_shares, moments::Moments};

/// How a [`GaussianMixture`] is fitted.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::GmmConfig;
///
/// let x = Tensor::<2>::from_data([[0.0], [0.2], [0.1], [5.0], [5.3], [4.9]], &Device::default());
/// let fit = GmmConfig::new(2).fit(x)?;
/// assert!(fit.converged && fit.degenerate.is_empty());
/// assert!((fit.mixture.weights()[0] - 0.5).abs() < 1e-3);
/// # Ok::<(), kiln_models::GmmError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GmmConfig {
    components: usize,
    covariance: CovarianceType,
    reg_covar: f64,
    tol: f64,
    max_iter: usize,
    seed: u64,
    start: Option<GaussianMixture>,
}

/// A component that is hardly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Degenerate {
    /// From 0.
    pub component: usize,
    /// What it is like.
    pub reason: &'static str,
}

/// A fitted mixture, and how it was found.
#[derive(Clone, Debug)]
pub struct GmmFit {
    /// The mixture.
    pub mixture: GaussianMixture,
    /// The mean log-likelihood of a row, in nats, at the fitted parameters.
    pub log_likelihood: f64,
    /// That of the start, and after each sweep: it never falls but by rounding, and by what `reg_covar` costs.
    pub history: Vec<f64>,
    /// Sweeps.
    pub iterations: usize,
    /// Whether the last sweep gained no more than `tol`.
    pub converged: bool,
    /// Components that have all but no row, or no extent in some direction.
    pub degenerate: Vec<Degenerate>,
    /// Bayes' information criterion (Schwarz, 1978), of all rows; less is better.
    pub bic: f64,
    /// Akaike's (1974).
    pub aic: f64,
}

impl GmmConfig {
    /// Of so many components; full covariances, to which 1e-6 is added along the diagonal; until a sweep gains less than 1e-6 nats a row, for
    /// 1000 sweeps at the most; from k-means with seed 0.
    pub fn new(components: usize) -> Self {
        Self {
            components,
            covariance: CovarianceType::default(),
            reg_covar: 1e-6,
            tol: 1e-6,
            max_iter: 1000,
            seed: 0,
            start: None,
        }
    }

    /// What the covariances have in common. Default full.
    #[must_use]
    pub fn covariance(self, covariance: CovarianceType) -> Self {
        Self { covariance, ..self }
    }

    /// What is added along the diagonals, ≥ 0, so that a component cannot collapse onto a row. Default 1e-6.
    #[must_use]
    pub fn reg_covar(self, reg_covar: f64) -> Self {
        Self { reg_covar, ..self }
    }

    /// Converged when a sweep gains no more, in nats a row, ≥ 0. Default 1e-6.
    #[must_use]
    pub fn tol(self, tol: f64) -> Self {
        Self { tol, ..self }
    }

    /// Sweeps at the most, ≥ 1. Default 1000.
    #[must_use]
    pub fn max_iter(self, max_iter: usize) -> Self {
        Self { max_iter, ..self }
    }

    /// Decides where k-means starts. Default 0.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// A mixture to start from, in place of k-means.
    #[must_use]
    pub fn start(self, start: GaussianMixture) -> Self {
        Self { start: Some(start), ..self }
    }

    fn validate(&self, x: &Tensor<2>) -> Result<(), GmmError> {
        let ([rows, columns], components) = (x.dims(), self.components);
        if components == 0 || rows < components || columns == 0 {
            return Err(GmmError::TooFew { components, rows, columns });
        }
        for (name, value) in [("reg_covar", self.reg_covar), ("tol", self.tol)] {
            if !value.is_finite() || value < 0.0 {
                return Err(GmmError::Setting { name, expected: "finite, and not negative" });
            }
        }
        if self.max_iter == 0 {
            return Err(GmmError::Setting { name: "max_iter", expected: "at least 1" });
        }
        match &self.start {
            Some(start) if start.means.dims() != [components, columns] => Err(GmmError::Start { components, columns }),
            _ => Ok(()),
        }
    }

    /// Fits rows `[n, d]`.
    ///
    /// # Errors
    /// [`GmmError`].
    pub fn fit(&self, x: Tensor<2>) -> Result<GmmFit, GmmError> {
        let x = x.without_autodiff();
        self.validate(&x)?;
        let numbers: Vec<f64> = x.to_data().try_into_vec_as().expect("floats");
        let [n, d] = x.dims();
        if let Some(at) = numbers.iter().position(|x| !x.is_finite()) {
            return Err(GmmError::NotFinite(at / d));
        }
        let mut mixture = match &self.start {
            Some(start) => start.clone(),
            None => {
                let shares = nearest_shares(&x, self.components, self.seed);
                self.maximise(&x, &shares)?
            }
        };
        let mut expected = expect(&mixture, &x);
        let mut history = vec![expected.0];
        let mut converged = false;
        while !converged && history.len() <= self.max_iter {
            let last = std::mem::replace(&mut mixture, self.maximise(&x, &expected.1)?);
            expected = expect(&mixture, &x);
            let (before, after) = (history[history.len() - 1], expected.0);
            let rounding = if x.dtype() == DType::F64 { 1e-9 } else { 1e-3 };
            let allowed = rounding * before.abs().max(1.0) + self.given_up(&last, &mixture);
            // A start may have covariances that this kind does not, and be the more likely for it.
            let is_owed = history.len() > 1 || self.start.is_none();
            if is_owed && (after.is_nan() || after < before - allowed) {
                return Err(GmmError::Decreased { sweep: history.len(), before, after });
            }
            history.push(after);
            converged = (after - before).abs() <= self.tol;
        }
        #[allow(clippy::cast_precision_loss, reason = "numbers of rows and parameters")]
        let (rows, parameters) = (n as f64, mixture.parameters(self.covariance) as f64);
        let log_likelihood = expected.0;
        Ok(GmmFit {
            degenerate: self.degenerate(&mixture, rows),
            mixture,
            log_likelihood,
            iterations: history.len() - 1,
            history,
            converged,
            bic: parameters * rows.ln() - 2.0 * rows * log_likelihood,
            aic: 2.0 * parameters - 2.0 * rows * log_likelihood,
        })
    }

    /// The most likely mixture when row i belongs to component k by the part `shares[i, k]`.
    fn maximise(&self, x: &Tensor<2>, shares: &Tensor<2>) -> Result<GaussianMixture, GmmError> {
        let d = x.dims()[1];
        let Moments { counts, means, mut scatters } = Moments::of(x, shares);
        let total: f64 = counts.iter().sum();
        let diagonal = |i: usize| i / d == i % d;
        match self.covariance {
            CovarianceType::Tied => {
                let sum: Vec<f64> = (0..d * d).map(|i| scatters.iter().map(|s| s[i]).sum::<f64>() / total).collect();
                scatters = vec![sum; self.components];
            }
            other => {
                for (scatter, count) in scatters.iter_mut().zip(&counts) {
                    scatter.iter_mut().for_each(|entry| *entry /= count);
                    #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
                    let mean = (0..d).map(|i| scatter[i * d + i]).sum::<f64>() / d as f64;
                    for (i, entry) in scatter.iter_mut().enumerate() {
                        *entry = match other {
                            CovarianceType::Diag if !diagonal(i) => 0.0,
                            CovarianceType::Spherical => {
                                if diagonal(i) {
                                    mean
                                } else {
                                    0.0
                                }
                            }
                            _ => *entry,
                        };
                    }
                }
            }
        }
        for scatter in &mut scatters {
            (0..d).for_each(|i| scatter[i * d + i] += self.reg_covar);
        }
        let weights = counts.iter().map(|count| count / total).collect();
        GaussianMixture::of(weights, means, scatters)
    }

    /// By how much a sweep may lower the log-likelihood for the sake of `reg_covar`: with r added, it maximises the expected log-likelihood less
    /// ½·r·Σ πₖ·tr Σₖ⁻¹, so that what that penalty falls by, the likelihood may.
    fn given_up(&self, before: &GaussianMixture, after: &GaussianMixture) -> f64 {
        let penalty = |mixture: &GaussianMixture| {
            let each = mixture.precisions.iter().zip(&after.weights);
            0.5 * self.reg_covar * each.map(|(precision, weight)| weight * precision.trace()).sum::<f64>()
        };
        (penalty(before) - penalty(after)).max(0.0)
    }

    fn degenerate(&self, mixture: &GaussianMixture, rows: f64) -> Vec<Degenerate> {
        let reason = |component: usize| {
            if mixture.weights[component] * rows < 1.0 {
                return Some("it has less than one row");
            }
            let flat = mixture.precisions[component].smallest() <= 10.0 * self.reg_covar;
            flat.then_some("it has no more extent in some direction than reg_covar gives it")
        };
        (0..self.components).filter_map(|c| reason(c).map(|reason| Degenerate { component: c, reason })).collect()
    }
}

/// The mean log-likelihood, and the parts by which rows belong to components.
fn expect(mixture: &GaussianMixture, x: &Tensor<2>) -> (f64, Tensor<2>) {
    let log_probs = mixture.component_log_probs(x);
    let all = log_sum_exp(log_probs.clone(), 1);
    let mean = all.clone().mean().into_scalar::<f64>();
    (mean, (log_probs - all).exp())
}
