//! Standard errors, tests and measures of fit of a generalised linear model.

use kiln_tensor::{linalg::Symmetric, special::tails};
use serde::{Deserialize, Serialize};

use super::{
    Family, GlmLoss,
    classes::class_probabilities,
    family::Fitted,
    link::sigmoid,
    parameters::Place,
    row::Second,
    sums::{Evaluated, Want},
};
use crate::regression::InferenceError;

/// The estimator of the parameters' covariance.
///
/// # Example
/// ```
/// use kiln_models::glm::CovarianceEstimator;
///
/// let by_school = CovarianceEstimator::Clustered(vec![0, 0, 1, 1, 2]);
/// assert_ne!(by_school, CovarianceEstimator::default());
/// ```
///
/// # References
/// MacKinnon and White (1985) for HC1 to HC3; Zeileis (2006) for generalised linear models; Liang and Zeger (1986) for clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CovarianceEstimator {
    /// The inverse information, times the dispersion. The default.
    #[default]
    Nonrobust,
    /// The sandwich estimator, valid where the variance is not that of the family.
    Hc0,
    /// HC0 times n/(n − p).
    Hc1,
    /// Squared residuals divided by 1 − h, with the leverage h of their row. For families with one linear predictor.
    Hc2,
    /// Squared residuals divided by (1 − h)². For families with one linear predictor.
    Hc3,
    /// The sandwich estimator for rows in clusters, given by an index per row, with the correction G/(G − 1)·(n − 1)/(n − p).
    Clustered(Vec<usize>),
}

/// The information matrix whose inverse is the covariance.
///
/// They are equal for a family with its default link.
///
/// # Example
/// ```
/// use kiln_models::glm::{Information, InferenceOptions};
///
/// // As statsmodels' `Probit`, and as R's `glm` with `binomial(link = "probit")`.
/// let [observed, expected] = [Information::Observed, Information::Expected];
/// let options = InferenceOptions { information: Some(observed), ..InferenceOptions::default() };
/// assert_ne!(options.information, Some(expected));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Information {
    /// The expected (Fisher) information, as R's `glm` has it. The default for families with one linear predictor.
    Expected,
    /// The observed information, the Hessian. The default for the other families.
    Observed,
}

/// How the covariance of the parameters is estimated, and the level of the intervals. The default has the family's information, no
/// robustness, and 95% intervals.
///
/// # Example
/// ```
/// use kiln_models::glm::{CovarianceEstimator, InferenceOptions};
///
/// let robust = InferenceOptions { covariance: CovarianceEstimator::Hc3, level: 0.9, ..InferenceOptions::default() };
/// assert!(robust.information.is_none());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct InferenceOptions {
    /// The estimator of the covariance.
    pub covariance: CovarianceEstimator,
    /// The information. Default: that of the family.
    pub information: Option<Information>,
    /// The level of confidence intervals, in (0, 1). Default 0.95.
    pub level: f64,
}

impl Default for InferenceOptions {
    fn default() -> Self {
        Self { covariance: CovarianceEstimator::default(), information: None, level: 0.95 }
    }
}

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
    /// Returns the covariance matrix of the solver's vector at the maximum `x`, for a dispersion of 1, and its inverse.
    fn bread(&self, x: &[f64], information: Option<Information>) -> Result<Symmetric, InferenceError> {
        let default = if self.family.is_one_predictor() { Information::Expected } else { Information::Observed };
        let second = match information.unwrap_or(default) {
            Information::Expected if self.family.is_one_predictor() => Second::Expected,
            _ => Second::Observed,
        };
        let information = self.information(x, second);
        let inverse = information.cholesky().ok_or(InferenceError::Singular)?.inverse();
        // Rounding can give a singular matrix a Cholesky factor.
        let scale = |i: usize| (information.at(i, i) * inverse.at(i, i)).sqrt();
        if (0..information.rows()).any(|i| scale(i).is_nan() || scale(i) > 1e7) {
            return Err(InferenceError::Singular);
        }
        Ok(inverse)
    }

    /// Returns the largest standard error of a scaled coefficient at `x`, for families without a dispersion; infinite for a singular
    /// information matrix. A large one means that the likelihood is flat in a direction: an estimate grows without limit.
    pub fn largest_scaled_error(&self, x: &[f64]) -> Option<f64> {
        if self.family.has_dispersion() || x.is_empty() {
            return None;
        }
        let second = if self.family.is_one_predictor() { Second::Expected } else { Second::Observed };
        let information = self.information(x, second);
        let largest = information.cholesky().map_or(f64::INFINITY, |factor| {
            let inverse = factor.inverse();
            (0..x.len()).map(|i| inverse.at(i, i).sqrt()).fold(0.0, f64::max)
        });
        Some(largest)
    }

    /// Returns estimates with tests, and measures of fit, at the maximum `x` of the likelihood.
    ///
    /// # Errors
    /// Returns [`InferenceError::Singular`] if the information matrix is singular, and [`InferenceError::Unsupported`] if the family
    /// does not have the estimator of the covariance.
    pub fn inference(
        &self,
        x: &[f64],
        null: &Null<'_>,
        options: &InferenceOptions,
    ) -> Result<GlmInference, InferenceError> {
        let bread = self.bread(x, options.information)?;
        let residual = self.total - count(x.len());
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

    fn fit_measures(&self, x: &[f64], null: &Null<'_>, dispersion: f64, pearson: Option<f64>) -> FitMeasures {
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
            _ if self.parameter_count() <= Self::CHEAP_HESSIAN => self.with_all(x, |sums| sums.value) + self.constant,
            _ => self.sum(x, Want::Value).value + self.constant,
        }
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
    fn pearson(&self, x: &[f64]) -> Option<f64> {
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
        let terms = self.map(x, Second::Expected, |row: &Evaluated<'_>, _| {
            if row.weight > 0.0 { row.weight * of(self.response[row.row], row.eta[0]) } else { 0.0 }
        });
        pairwise(&terms)
    }

    /// Returns the fitted mean of each row at `x`; for families with classes the probability of each class, `[n, classes]`.
    pub fn fitted(&self, x: &[f64]) -> Vec<f64> {
        let (family, link, classes) = (self.family, self.link, self.classes);
        let of = |row: &Evaluated<'_>, _: &[f64]| class_probabilities(family, link, classes, row.eta);
        if family.has_classes() {
            return self.map(x, Second::Expected, of).into_iter().flatten().collect();
        }
        self.map(x, Second::Expected, |row: &Evaluated<'_>, _| match family {
            Family::ZeroInflatedPoisson => row.eta[0].exp() * sigmoid(-row.eta[1]),
            _ => link.mean(row.eta[0]),
        })
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

    /// The covariance of the solver's vector.
    fn variance(
        &self,
        x: &[f64],
        bread: &Symmetric,
        dispersion: f64,
        options: &InferenceOptions,
    ) -> Result<Symmetric, InferenceError> {
        let (n, p) = (self.total, count(x.len()));
        let leveraged = |power: i32| -> Result<Symmetric, InferenceError> {
            let leverages = self
                .leverages(x, bread, options.information)
                .ok_or(InferenceError::Unsupported { what: "HC2 and HC3", instead: "hc1" })?;
            Ok(sandwich(bread, &self.meat(x, |row| (1.0 - leverages[row]).powi(power).recip()), 1.0))
        };
        Ok(match &options.covariance {
            CovarianceEstimator::Nonrobust => Symmetric::from_fn(x.len(), |i, j| bread.at(i, j) * dispersion),
            CovarianceEstimator::Hc0 => sandwich(bread, &self.meat(x, |_| 1.0), 1.0),
            CovarianceEstimator::Hc1 => sandwich(bread, &self.meat(x, |_| 1.0), n / (n - p)),
            CovarianceEstimator::Hc2 => leveraged(1)?,
            CovarianceEstimator::Hc3 => leveraged(2)?,
            CovarianceEstimator::Clustered(clusters) => {
                let (meat, groups) = self.clustered_meat(x, clusters)?;
                sandwich(bread, &meat, groups / (groups - 1.0) * (n - 1.0) / (n - p))
            }
        })
    }

    /// Σ w·c·s·sᵀ with the score s of each row.
    fn meat(&self, x: &[f64], factor: impl Fn(usize) -> f64 + Sync) -> Symmetric {
        let sums = self.sum_with(x, Want::Matrix(Second::Observed), |row, weights| {
            let c = factor(row.row);
            let mut packed = weights.iter_mut();
            for (a, first) in row.gradient.iter().enumerate() {
                for second in &row.gradient[..=a] {
                    *packed.next().expect("it has m(m + 1)/2 entries") = c * first * second;
                }
            }
        });
        sums.matrix.expect("asked for")
    }

    /// Σ s·sᵀ with the sum s of the scores of each cluster, and the number of clusters.
    fn clustered_meat(&self, x: &[f64], clusters: &[usize]) -> Result<(Symmetric, f64), InferenceError> {
        let rows = self.response.len();
        if clusters.len() != rows {
            return Err(InferenceError::Clusters { rows, got: clusters.len() });
        }
        let names: std::collections::BTreeMap<usize, usize> =
            clusters.iter().collect::<std::collections::BTreeSet<_>>().into_iter().copied().zip(0..).collect();
        if names.len() < 2 {
            return Err(InferenceError::Unsupported {
                what: "clustered errors with fewer than 2 clusters",
                instead: "hc1",
            });
        }
        let scores = self.map(x, Second::Observed, |row: &Evaluated<'_>, columns: &[f64]| {
            let weight = row.weight;
            let of = |(predictor, gradient): (&super::sums::Predictor, &f64)| {
                let factor = if weight > 0.0 { weight * gradient } else { 0.0 };
                columns[predictor.columns.clone()].iter().map(move |x| factor * x).collect::<Vec<_>>()
            };
            self.predictors.iter().zip(row.gradient).flat_map(of).collect::<Vec<f64>>()
        });
        let mut sums = vec![vec![0.0; x.len()]; names.len()];
        for (cluster, score) in clusters.iter().zip(&scores) {
            sums[names[cluster]].iter_mut().zip(score).for_each(|(sum, s)| *sum += s);
        }
        let meat = Symmetric::from_fn(x.len(), |i, j| sums.iter().map(|sum| sum[i] * sum[j]).sum());
        Ok((meat, count(names.len())))
    }

    /// The leverage of one copy of each row: its weight in the information times xᵀ·V·x.
    pub(super) fn leverages(&self, x: &[f64], bread: &Symmetric, information: Option<Information>) -> Option<Vec<f64>> {
        if !self.family.is_one_predictor() {
            return None;
        }
        let second = if information == Some(Information::Observed) { Second::Observed } else { Second::Expected };
        let (range, p) = (self.predictors[0].columns.clone(), bread.rows());
        let entries: Vec<f64> = (0..p * p).map(|k| bread.at(k / p, k % p)).collect();
        Some(self.map(x, second, |row: &Evaluated<'_>, columns: &[f64]| {
            let own = &columns[range.clone()];
            let row_of = |i: usize| own.iter().zip(&entries[i * own.len()..]).map(|(x, v)| x * v).sum::<f64>();
            let product: f64 = own.iter().enumerate().map(|(i, x)| x * row_of(i)).sum();
            -row.hessian[0] * product
        }))
    }

    /// The covariance of the solver's vector at dispersion 1, and the leverages, for [`influence`](Self::influence).
    pub(super) fn bread_and_leverages(&self, x: &[f64]) -> Result<(Symmetric, Option<Vec<f64>>), InferenceError> {
        let bread = self.bread(x, None)?;
        let leverages = self.leverages(x, &bread, None);
        Ok((bread, leverages))
    }
}

#[allow(clippy::cast_precision_loss, reason = "a number of parameters or rows")]
pub(super) fn count(n: usize) -> f64 {
    n as f64
}

/// B·M·B times a factor.
fn sandwich(bread: &Symmetric, meat: &Symmetric, factor: f64) -> Symmetric {
    let n = bread.rows();
    let as_matrix = kiln_tensor::linalg::Matrix::from_fn(n, n, |i, j| bread.at(i, j));
    let product = meat.restricted(&as_matrix);
    Symmetric::from_fn(n, |i, j| product.at(i, j) * factor)
}

/// The sum of numbers, by halves, so that rounding errors grow with the logarithm of their number.
pub(super) fn pairwise(values: &[f64]) -> f64 {
    if values.len() <= 64 {
        return values.iter().sum();
    }
    let (left, right) = values.split_at(values.len() / 2);
    pairwise(left) + pairwise(right)
}
