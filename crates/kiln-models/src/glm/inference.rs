//! Estimates with standard errors, tests and intervals.

use kiln_tensor::{linalg::Symmetric, special::tails};
use serde::Serialize;

use super::{
    CovarianceEstimator, GlmLoss, InferenceOptions,
    measures::{FitMeasures, Null, count},
    parameters::Place,
};
use crate::regression::InferenceError;

/// A parameter with its standard error, test and confidence interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Which parameter it is. Names are in a [`GlmTable`](super::GlmTable).
    #[serde(skip)]
    pub place: Place,
    /// The estimate.
    #[serde(rename = "coef")]
    pub estimate: f64,
    /// The standard error.
    #[serde(rename = "std_err")]
    pub standard_error: f64,
    /// estimate / standard error.
    pub statistic: f64,
    /// The two-sided p-value of the hypothesis that the parameter is 0: by Student's t distribution for families with a dispersion,
    /// and by the normal distribution otherwise.
    pub p: f64,
    /// The confidence interval.
    pub interval: [f64; 2],
}

/// What a fit says: estimates with tests, and how well the model fits.
#[derive(Clone, Debug, Serialize)]
pub struct GlmInference {
    /// The parameters.
    pub estimates: Vec<Estimate>,
    /// Their covariance matrix.
    #[serde(skip)]
    pub covariance: Symmetric,
    /// The quantile by which standard errors are multiplied for an interval.
    pub quantile: f64,
    /// The dispersion φ: Pearson's χ² / residual degrees of freedom, or 1 for families without one. For `gaussian` it is σ².
    pub dispersion: f64,
    /// The measures of fit.
    #[serde(flatten)]
    pub fit: FitMeasures,
}

impl GlmLoss {
    /// Returns estimates with tests, and measures of fit, at the maximum `x` of the likelihood.
    ///
    /// # Errors
    /// Returns [`InferenceError::Singular`] if the information matrix is singular, [`InferenceError::Saturated`], and [`InferenceError::Unsupported`] if the family
    /// does not have the estimator of the covariance.
    pub fn inference(
        &self,
        x: &[f64],
        null: &Null<'_>,
        options: &InferenceOptions,
    ) -> Result<GlmInference, InferenceError> {
        let bread = self.bread(x, options.information)?;
        let residual = self.total - count(x.len());
        if self.family.has_dispersion() && residual <= 0.0 {
            return Err(InferenceError::Saturated { parameters: x.len(), observations: self.total });
        }
        let pearson = self.pearson(x);
        let dispersion = match pearson {
            Some(pearson) if self.family.has_dispersion() => pearson / residual,
            _ => 1.0,
        };
        let variance = self.variance(x, &bread, dispersion, options)?;
        let covariance = match &self.exact {
            Some(exact) if options.covariance == CovarianceEstimator::Nonrobust => {
                Symmetric::from_fn(x.len(), |i, j| exact.covariance[i * x.len() + j] * dispersion)
            }
            _ => self.covariance_in_own_units(x, &variance),
        };
        let by_t = self.family.has_dispersion();
        let probability = 0.5 + 0.5 * options.level;
        let quantile =
            if by_t { tails::student_t_quantile(probability, residual) } else { tails::normal_quantile(probability) };
        let estimates =
            self.coefficients_at_maximum(x).into_iter().zip(self.places()).enumerate().map(|(i, (estimate, place))| {
                let standard_error = covariance.at(i, i).sqrt();
                let statistic = estimate / standard_error;
                let p = if by_t {
                    tails::student_t_two_sided(statistic, residual)
                } else {
                    tails::normal_two_sided(statistic)
                };
                let half = quantile * standard_error;
                Estimate { place, estimate, standard_error, statistic, p, interval: [estimate - half, estimate + half] }
            });
        let estimates = estimates.collect();
        let fit = self.fit_measures(x, null, dispersion, pearson);
        Ok(GlmInference { estimates, covariance, quantile, dispersion, fit })
    }
}
