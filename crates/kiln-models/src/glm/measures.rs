//! How well a model fits: likelihoods, deviances and what follows from them.

use kiln_tensor::special::tails;
use serde::Serialize;

use super::{Family, GlmLoss, classes::class_probabilities, family::Fitted, link::sigmoid, rows::Predicted};

/// How well a model fits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FitMeasures {
    /// Sum of the weights: the number of rows if all weights are 1.
    pub observations: f64,
    /// The number of parameters that are not constants of the model.
    pub df_model: usize,
    /// Observations minus the number of parameters.
    pub df_residual: f64,
    /// Log-likelihood, in nats. For `gaussian` at the maximum likelihood estimate of σ²; for `gamma` and `inverse-gaussian` at φ.
    pub log_likelihood: f64,
    /// Log-likelihood of the model with constants only.
    pub null_log_likelihood: f64,
    /// Twice the log-likelihood that a model with a mean of its own for each row would gain, at dispersion 1. `None` for families with
    /// more than one linear predictor.
    pub deviance: Option<f64>,
    /// The deviance of the model with constants only.
    pub null_deviance: Option<f64>,
    /// Pearson's χ², the sum of squared Pearson residuals. `None` for families with more than one linear predictor.
    pub pearson_chi2: Option<f64>,
    /// McFadden's pseudo-R², 1 − log_likelihood / null_log_likelihood.
    pub pseudo_r2: f64,
    /// Cox and Snell's pseudo-R², 1 − exp(2·(null − log_likelihood)/n). For `gaussian` it is R².
    pub cox_snell_r2: f64,
    /// Akaike's information criterion. A dispersion is not counted as a parameter.
    pub aic: f64,
    /// Schwarz's information criterion. A dispersion is not counted as a parameter.
    pub bic: f64,
    /// Likelihood ratio statistic against the model with constants only.
    pub lr: f64,
    /// Its p-value, by χ² with `df_model` degrees of freedom.
    pub lr_p: f64,
}

/// The model with constants only, for comparison.
pub struct Null<'a> {
    /// Its loss, on the same responses.
    pub loss: &'a GlmLoss,
    /// The solver's vector at its maximum.
    pub x: &'a [f64],
}

impl GlmLoss {
    pub(super) fn fit_measures(
        &self,
        x: &[f64],
        null: &Null<'_>,
        dispersion: f64,
        pearson: Option<f64>,
    ) -> FitMeasures {
        let log_likelihood = self.log_likelihood(x, dispersion);
        let null_log_likelihood = null.loss.log_likelihood(null.x, dispersion);
        let (parameters, n) = (count(x.len()), self.total);
        let df_model = x.len().saturating_sub(null.x.len());
        let lr = 2.0 * (log_likelihood - null_log_likelihood);
        FitMeasures {
            observations: n,
            df_model,
            df_residual: n - parameters,
            log_likelihood,
            null_log_likelihood,
            deviance: self.deviance(x),
            null_deviance: null.loss.deviance_at(null.x, self.fixed_family(x)),
            pearson_chi2: pearson,
            pseudo_r2: 1.0 - log_likelihood / null_log_likelihood,
            cox_snell_r2: -(-lr / n).exp_m1(),
            aic: 2.0 * (parameters - log_likelihood),
            bic: parameters * n.ln() - 2.0 * log_likelihood,
            lr,
            lr_p: if df_model == 0 { 1.0 } else { tails::chi_squared_sf(lr, count(df_model)) },
        }
    }

    /// Returns the log-likelihood of all rows at `x`, in nats.
    ///
    /// A `gaussian` family is taken at the maximum likelihood estimate of its variance, and other families with a dispersion at
    /// `dispersion`.
    pub fn log_likelihood(&self, x: &[f64], dispersion: f64) -> f64 {
        match self.family {
            Family::Gaussian => self.normal_log_likelihood(self.deviance(x).unwrap_or(f64::NAN)),
            Family::Gamma | Family::InverseGaussian => {
                let (family, link) = (self.family, self.link);
                self.total_of(x, |y, eta| family.log_density(y, Fitted::at(link, eta), dispersion))
            }
            _ => self.value_at(x) + self.constant,
        }
    }

    /// Returns the mean of −ln p over the rows, in nats.
    pub fn mean_negative_log_likelihood(&self, x: &[f64], dispersion: f64) -> f64 {
        -self.log_likelihood(x, dispersion) / self.total
    }

    /// Returns the dispersion for parameters that need not be those of maximum likelihood: Pearson's χ² divided by the rows less the
    /// parameters that are not 0. It is 1 for families without a dispersion.
    pub fn dispersion_at(&self, x: &[f64]) -> f64 {
        if !self.family.has_dispersion() {
            return 1.0;
        }
        let rest = self.total - count(x.iter().filter(|x| **x != 0.0).count());
        self.pearson(x).unwrap_or(f64::NAN) / if rest > 0.0 { rest } else { self.total }
    }

    /// The log-likelihood of a normal response with the best variance, from the sum of squared residuals.
    fn normal_log_likelihood(&self, squares: f64) -> f64 {
        -0.5 * self.total * ((std::f64::consts::TAU * squares / self.total).ln() + 1.0)
    }

    /// Returns the deviance at `x`, for families with one linear predictor, and for the negative binomial at its θ.
    pub fn deviance(&self, x: &[f64]) -> Option<f64> {
        self.deviance_at(x, self.fixed_family(x))
    }

    fn deviance_at(&self, x: &[f64], family: Family) -> Option<f64> {
        let link = self.link;
        family.is_one_predictor().then(|| self.total_of(x, |y, eta| family.deviance(y, Fitted::at(link, eta))))
    }

    /// Pearson's χ² at `x`.
    pub(super) fn pearson(&self, x: &[f64]) -> Option<f64> {
        let (family, link) = (self.fixed_family(x), self.link);
        family.is_one_predictor().then(|| {
            self.total_of(x, |y, eta| {
                let fitted = Fitted::at(link, eta);
                fitted.residual(family, y).powi(2) / family.variance_at(fitted)
            })
        })
    }

    /// Σ w·f(y, η) with the first linear predictor.
    fn total_of(&self, x: &[f64], of: impl Fn(f64, f64) -> f64 + Sync) -> f64 {
        let add = |terms: &mut Vec<f64>, row: &Predicted<'_>| {
            terms.push(if row.weight > 0.0 { row.weight * of(row.response, row.eta[0]) } else { 0.0 });
        };
        // The terms of all rows would not fit into memory.
        self.ranks.total(pairwise(&self.map_blocks(x, add, |terms| pairwise(&terms))))
    }

    /// Returns the fitted mean of each row of this rank at `x`; for families with classes the probability of each class, `[n, classes]`.
    pub fn fitted(&self, x: &[f64]) -> Vec<f64> {
        let (family, link, classes) = (self.family, self.link, self.classes);
        let add = |means: &mut Vec<f64>, row: &Predicted<'_>| match family {
            _ if family.has_classes() => means.extend(class_probabilities(family, link, classes, row.eta)),
            Family::ZeroInflatedPoisson => means.push(row.eta[0].exp() * sigmoid(-row.eta[1])),
            _ => means.push(link.mean(row.eta[0])),
        };
        self.map_blocks(x, add, |means| means).concat()
    }

    /// The family with its θ at `x` fixed.
    pub(super) fn fixed_family(&self, x: &[f64]) -> Family {
        match self.family {
            Family::NegativeBinomial { theta: None } => {
                Family::NegativeBinomial { theta: x.last().map(|ln_theta| ln_theta.exp()) }
            }
            family => family,
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a number of parameters or rows")]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}

/// The sum of numbers, by halves, so that rounding errors grow with the logarithm of their number.
pub(super) fn pairwise(values: &[f64]) -> f64 {
    if values.len() <= 64 {
        return values.iter().sum();
    }
    let (left, right) = values.split_at(values.len() / 2);
    pairwise(left) + pairwise(right)
}
