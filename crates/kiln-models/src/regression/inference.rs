//! Standard errors, tests and confidence intervals of a maximum likelihood fit.

use burn::tensor::Tensor;
use kiln_tensor::{
    derivative::{EvaluationError, Hessian, Objective},
    linalg::Symmetric,
    special::host::gamma_q,
};
use serde::{Deserialize, Serialize};

use super::loss::{RegressionLoss, Scaling};

/// The estimator of the coefficients' covariance matrix.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::{Covariance, RegressionLoss};
///
/// // Without features, the one coefficient is the intercept: ln 2 for two thirds of ones.
/// let device = Device::default();
/// let loss = RegressionLoss::new(Tensor::ones([3, 0], &device), &[0, 1, 1], 2)?;
/// let logit = Tensor::<1>::from_data([2f64.ln()], (&device, burn::tensor::DType::F32));
/// let (model, robust) = (loss.inference(&logit, Covariance::Nonrobust)?, loss.inference(&logit, Covariance::Hc0)?);
/// // Both are 1/√(n·p·(1 − p)) here.
/// assert!((model.coefficients[0].standard_error - 1.5f64.sqrt()).abs() < 1e-3);
/// assert!((robust.coefficients[0].standard_error - 1.5f64.sqrt()).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Covariance {
    /// The inverse Hessian of the negative log-likelihood, valid if the model is correct. The default.
    #[default]
    Nonrobust,
    /// The sandwich estimator H⁻¹·(Σ gᵢ·gᵢᵀ)·H⁻¹ with the gradient gᵢ of each example.
    ///
    /// It is valid for a misspecified model too (Huber, 1967; White, 1980). It has no correction for small samples.
    Hc0,
}

/// Why a fit has no standard errors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// The fit has a penalty, so it is biased and its Hessian is not the Hessian of the likelihood.
    #[error("a penalised fit has no standard errors; set the penalty to 0")]
    Penalised,
    /// The fit has bounds.
    #[error("a bounded fit has no standard errors; remove the bounds")]
    Bounded,
    /// The fit has class weights, so it does not maximise the likelihood of the data.
    #[error("a fit with class weights has no standard errors; use equal class weights")]
    ClassWeights,
    /// The fit did not converge.
    #[error("the fit did not converge, so it has no standard errors")]
    NotConverged,
    /// The Hessian would be too large.
    #[error("the model has {parameters} parameters, more than the {largest} for which the Hessian is computed")]
    TooManyParameters {
        /// Parameters of the model.
        parameters: usize,
        /// The largest number of parameters.
        largest: usize,
    },
    /// The Hessian is singular: columns are linearly dependent, or the classes are separable.
    #[error("the Hessian is singular: columns are linearly dependent, or the classes are separable")]
    Singular,
    /// There are as many parameters as rows, so that nothing is left to estimate a dispersion from.
    #[error(
        "the model has {parameters} parameters for {observations} rows: no residuals are left to estimate the dispersion"
    )]
    Saturated {
        /// Parameters of the model.
        parameters: usize,
        /// Sum of the weights.
        observations: f64,
    },
    /// The model does not have the estimator.
    #[error("the model does not have {what}; use {instead}")]
    Unsupported {
        /// What it does not have.
        what: &'static str,
        /// What it has.
        instead: &'static str,
    },
    /// The number of clusters' indices differs from the number of rows.
    #[error("there are {rows} rows but {got} indices of clusters; give one for each row")]
    Clusters {
        /// The number of rows.
        rows: usize,
        /// The number of indices.
        got: usize,
    },
    /// The loss could not be evaluated.
    #[error("the loss could not be evaluated: {0}")]
    Evaluation(#[from] EvaluationError),
}

/// A coefficient with its standard error and test. A row of [`Inference::coefficients`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coefficient {
    /// The estimate. With more than two classes it is the difference to the first class.
    #[serde(rename = "coef")]
    pub estimate: f64,
    /// The standard error of the estimate.
    #[serde(rename = "std_err")]
    pub standard_error: f64,
    /// The Wald statistic, estimate / standard error. Asymptotically N(0, 1) if the coefficient is 0.
    pub z: f64,
    /// The two-sided p-value of the hypothesis that the coefficient is 0.
    pub p: f64,
    /// The 95% confidence interval, estimate ∓ 1.96 standard errors.
    pub interval: [f64; 2],
}

/// Standard errors, tests and information criteria of a maximum likelihood fit. Made by [`RegressionLoss::inference`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inference {
    /// The coefficients, class by class; within a class by feature, the intercept last.
    ///
    /// The first class is the reference and has none.
    pub coefficients: Vec<Coefficient>,
    /// Number of features, without the intercept.
    pub features: usize,
    /// The estimator of the covariance.
    pub covariance: Covariance,
    /// Sum of the sample weights: the number of rows if all weights are 1.
    pub observations: f64,
    /// Number of coefficients without intercepts.
    pub df_model: usize,
    /// Observations minus the number of coefficients with intercepts.
    pub df_residual: f64,
    /// Log-likelihood of all examples together, in nats.
    pub log_likelihood: f64,
    /// Log-likelihood of the model with intercepts only, in nats.
    pub null_log_likelihood: f64,
    /// McFadden's pseudo-R², 1 − log_likelihood / null_log_likelihood.
    pub pseudo_r2: f64,
    /// Akaike's information criterion, 2·k − 2·ln L with k coefficients.
    pub aic: f64,
    /// Schwarz's Bayesian information criterion, k·ln n − 2·ln L.
    pub bic: f64,
    /// Likelihood ratio statistic, twice the difference of the two log-likelihoods.
    pub lr: f64,
    /// p-value of the likelihood ratio test that no feature matters: χ² with `df_model` degrees of freedom (Wilks, 1938).
    pub lr_p: f64,
}

/// The 97.5% quantile of the standard normal distribution.
const NORMAL_975: f64 = 1.959_963_984_540_054;

impl RegressionLoss {
    /// Returns standard errors, tests and intervals at `x`, the maximum of the likelihood.
    ///
    /// A sample weight of 2 counts as two equal rows.
    ///
    /// # Errors
    /// Returns [`InferenceError::Penalised`] if there is an ℓ2 penalty, and [`InferenceError::Singular`] if the Hessian is singular.
    pub fn inference(&self, x: &Tensor<1>, covariance: Covariance) -> Result<Inference, InferenceError> {
        if self.l2 > 0.0 {
            return Err(InferenceError::Penalised);
        }
        let (d, k) = (self.inputs.dims()[1], self.columns());
        // With more than two classes the first is the reference, and the others' parameters are differences to it.
        let kept: Vec<usize> = (if k == 1 { 0 } else { 1 }..k).collect();
        let place = |feature: usize, class: usize| if feature < d { feature * k + class } else { d * k + class };
        let places: Vec<usize> = kept.iter().flat_map(|&class| (0..=d).map(move |f| place(f, class))).collect();
        let size = places.len();

        let hessian = self.hessian(x)?;
        let information = Symmetric::from_fn(size, |i, j| hessian.at(places[i], places[j]) * self.total);
        let inverse = information.cholesky().ok_or(InferenceError::Singular)?.inverse();
        // Rounding can give a singular matrix a Cholesky factor.
        let scale = |i: usize| (information.at(i, i) * inverse.at(i, i)).sqrt();
        if (0..size).any(|i| scale(i).is_nan() || scale(i) > 1e7) {
            return Err(InferenceError::Singular);
        }
        let variance = match covariance {
            Covariance::Nonrobust => inverse,
            Covariance::Hc0 => {
                let outer = self.outer_products(x);
                let meat = Symmetric::from_fn(size, |i, j| outer.at(places[i], places[j]) * self.total);
                let half: Vec<Vec<f64>> = (0..size)
                    .map(|i| meat.multiply(&(0..size).map(|j| inverse.at(i, j)).collect::<Vec<_>>()))
                    .collect();
                Symmetric::from_fn(size, |i, j| (0..size).map(|l| half[i][l] * inverse.at(l, j)).sum())
            }
        };
        let log_likelihood = -self.total * self.value(x)?.into_scalar::<f64>();
        let null_log_likelihood = self.null_log_likelihood();
        let variance = self.unscaled(&variance, kept.len());
        let x: Vec<f64> = self.parameters(x).into_data().try_into_vec_as().expect("a float tensor converts to f64");
        let coefficients = places.iter().enumerate().map(|(i, &place)| {
            // The reference class's coefficient of the same feature.
            let reference = if k == 1 { 0.0 } else { x[place - kept[i / (d + 1)]] };
            let (estimate, standard_error) = (x[place] - reference, variance.at(i, i).sqrt());
            let z = estimate / standard_error;
            let half = NORMAL_975 * standard_error;
            let p = gamma_q(0.5, 0.5 * z * z).0;
            Coefficient { estimate, standard_error, z, p, interval: [estimate - half, estimate + half] }
        });
        let coefficients: Vec<Coefficient> = coefficients.collect();

        let df_model = size - kept.len();
        let lr = 2.0 * (log_likelihood - null_log_likelihood);
        #[allow(clippy::cast_precision_loss, reason = "numbers of coefficients")]
        let (parameters, degrees) = (size as f64, df_model as f64);
        Ok(Inference {
            coefficients,
            features: d,
            covariance,
            observations: self.total,
            df_model,
            df_residual: self.total - parameters,
            log_likelihood,
            null_log_likelihood,
            pseudo_r2: 1.0 - log_likelihood / null_log_likelihood,
            aic: 2.0 * parameters - 2.0 * log_likelihood,
            bic: parameters * self.total.ln() - 2.0 * log_likelihood,
            lr,
            lr_p: if df_model == 0 { 1.0 } else { gamma_q(degrees / 2.0, lr.max(0.0) / 2.0).0 },
        })
    }

    /// Returns T·V·Tᵀ, the covariance of the model's parameters, where T maps the rescaled parameters to them class by class.
    fn unscaled(&self, variance: &Symmetric, classes: usize) -> Symmetric {
        let Some(Scaling { mean, scale }) = &self.scaling else { return variance.clone() };
        let read = |row: &Tensor<2>| row.to_data().try_into_vec_as::<f64>().expect("a float tensor converts to f64");
        let (mean, scale) = (read(mean), read(scale));
        let size = mean.len() + 1;
        // Row i of T: a weight is divided by its column's scale, and the intercept loses the means' part.
        let row = |i: usize| -> Vec<(usize, f64)> {
            let (class, f) = (i / size, i % size);
            if f + 1 < size {
                return vec![(i, 1.0 / scale[f])];
            }
            let weights =
                mean.iter().zip(&scale).enumerate().map(|(f, (mean, scale))| (class * size + f, -mean / scale));
            weights.chain(std::iter::once((i, 1.0))).collect()
        };
        let rows: Vec<_> = (0..classes * size).map(row).collect();
        Symmetric::from_fn(classes * size, |i, j| {
            rows[i].iter().map(|&(a, x)| rows[j].iter().map(|&(b, y)| x * y * variance.at(a, b)).sum::<f64>()).sum()
        })
    }

    /// Returns the log-likelihood of the classes' shares, Σ s·Σ_c π_c·ln π_c.
    fn null_log_likelihood(&self) -> f64 {
        let shares = (self.targets.clone() * self.shares.clone()).sum_dim(0);
        let mut shares: Vec<f64> = shares.into_data().try_into_vec_as().expect("a float tensor converts to f64");
        if shares.len() == 1 {
            shares.push(1.0 - shares[0]);
        }
        self.total * shares.iter().filter(|share| **share > 0.0).map(|share| share * share.ln()).sum::<f64>()
    }
}
