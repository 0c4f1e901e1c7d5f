//! What a maximum likelihood fit says of its coefficients: their covariance, tests and intervals.

use std::fmt;

use burn::tensor::Tensor;
use kiln_tensor::{
    derivative::{EvaluationError, Hessian, Objective},
    linalg::Symmetric,
    special::host::gamma_q,
};
use serde::{Deserialize, Serialize};

use super::loss::{RegressionLoss, Scaling};

/// How the coefficients' covariance is estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Covariance {
    /// The inverse of the Hessian of the negative log-likelihood, right where the model is. The default.
    #[default]
    Nonrobust,
    /// H⁻¹·(Σ gᵢ·gᵢᵀ)·H⁻¹ with the examples' gradients gᵢ, the sandwich (Huber, 1967; White, 1980, without a correction for
    /// small samples): right for the best fit of a wrong model too.
    Hc0,
}

/// Why there are no standard errors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InferenceError {
    /// A penalty: the estimate is biased on purpose, and its Hessian not the likelihood's.
    #[error("standard errors are those of maximum likelihood: fit with an l2 of 0")]
    Penalised,
    /// The Hessian is not positive definite: columns that depend on one another, or classes that are separated.
    #[error("the Hessian is singular: some columns depend on others, or the classes can be separated")]
    Singular,
    /// The loss could not be evaluated.
    #[error("the loss could not be evaluated: {0}")]
    Evaluation(#[from] EvaluationError),
}

/// One coefficient.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coefficient {
    /// The estimate. With more than two classes, relative to the first class's.
    #[serde(rename = "coef")]
    pub estimate: f64,
    /// Its standard error.
    #[serde(rename = "std_err")]
    pub standard_error: f64,
    /// Their quotient, normally distributed for many examples where the coefficient is 0 (Wald, 1943).
    pub z: f64,
    /// How likely so large a |z| is then.
    pub p: f64,
    /// The estimate ∓ 1.96 standard errors.
    pub interval: [f64; 2],
}

/// The summary of a maximum likelihood fit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inference {
    /// By class, and for each of them by feature, the intercept last. Of two classes the second has coefficients, of more all
    /// but the first.
    pub coefficients: Vec<Coefficient>,
    /// Features, without the intercept.
    pub features: usize,
    /// How the covariance was estimated.
    pub covariance: Covariance,
    /// Σ of the weights; the rows, where all weigh 1.
    pub observations: f64,
    /// Coefficients other than intercepts.
    pub df_model: usize,
    /// Observations less coefficients.
    pub df_residual: f64,
    /// In nats, of all examples together.
    pub log_likelihood: f64,
    /// The same of the model with intercepts alone.
    pub null_log_likelihood: f64,
    /// 1 − the quotient of the two (McFadden, 1974).
    pub pseudo_r2: f64,
    /// 2·k − 2·ln L with k coefficients (Akaike, 1974).
    pub aic: f64,
    /// k·ln n − 2·ln L (Schwarz, 1978).
    pub bic: f64,
    /// Twice the difference of the two log-likelihoods.
    pub lr: f64,
    /// How likely so large a difference is when no feature matters: χ² with `df_model` degrees of freedom (Wilks, 1938).
    pub lr_p: f64,
}

/// The 97.5% point of the normal distribution.
const NORMAL_975: f64 = 1.959_963_984_540_054;

impl RegressionLoss {
    /// Standard errors, tests and intervals at `x`, the maximum of the likelihood. Weights count as so many equal rows.
    ///
    /// # Errors
    /// [`InferenceError`].
    pub fn inference(&self, x: &Tensor<1>, covariance: Covariance) -> Result<Inference, InferenceError> {
        if self.l2 > 0.0 {
            return Err(InferenceError::Penalised);
        }
        let (d, k) = (self.inputs.dims()[1], self.columns());
        // Of more than two classes the first is the reference: the others' parameters are differences to its own.
        let kept: Vec<usize> = (if k == 1 { 0 } else { 1 }..k).collect();
        let place = |feature: usize, class: usize| if feature < d { feature * k + class } else { d * k + class };
        let places: Vec<usize> = kept.iter().flat_map(|&class| (0..=d).map(move |f| place(f, class))).collect();
        let size = places.len();

        let hessian = self.hessian(x)?;
        let information = Symmetric::from_fn(size, |i, j| hessian.at(places[i], places[j]) * self.total);
        let inverse = information.cholesky().ok_or(InferenceError::Singular)?.inverse();
        // A matrix that is singular but for rounding has a factor too.
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
        let x: Vec<f64> = self.parameters(x).into_data().try_into_vec_as().expect("floats");
        let coefficients = places.iter().enumerate().map(|(i, &place)| {
            // The first class's coefficient of the same feature, where it has one.
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
    /// T·V·Tᵀ, the covariance of the model's parameters from that of the vector's, which T turns into them class by class.
    fn unscaled(&self, variance: &Symmetric, classes: usize) -> Symmetric {
        let Some(Scaling { mean, scale }) = &self.scaling else { return variance.clone() };
        let read = |row: &Tensor<2>| row.to_data().try_into_vec_as::<f64>().expect("floats");
        let (mean, scale) = (read(mean), read(scale));
        let size = mean.len() + 1;
        // Row i of T: a weight is divided by its scale, and the intercept gives up the means.
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

    /// That of the classes' shares: Σ s·Σ_c π_c·ln π_c.
    fn null_log_likelihood(&self) -> f64 {
        let shares = (self.targets.clone() * self.shares.clone()).sum_dim(0);
        let mut shares: Vec<f64> = shares.into_data().try_into_vec_as().expect("floats");
        if shares.len() == 1 {
            shares.push(1.0 - shares[0]);
        }
        self.total * shares.iter().filter(|share| **share > 0.0).map(|share| share * share.ln()).sum::<f64>()
    }
}

/// An [`Inference`] as a table for people, laid out as that of statsmodels.
#[derive(Clone, Debug)]
pub struct InferenceTable<'a> {
    /// What is told.
    pub inference: &'a Inference,
    /// The name of what was predicted.
    pub target: &'a str,
    /// The features' names.
    pub features: &'a [String],
    /// The classes' names.
    pub classes: &'a [String],
    /// Whether the fit converged.
    pub converged: bool,
}

impl fmt::Display for InferenceTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inference { features, covariance, .. } = *self.inference;
        let i = self.inference;
        let name = if self.classes.len() > 2 { "MNLogit" } else { "Logit" };
        let of_names = self.features.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(12, 28);
        let rule = 66 + of_names;
        writeln!(f, "{:^rule$}", format!("{name} Regression Results"))?;
        writeln!(f, "{:=<rule$}", "")?;
        let covariance = match covariance {
            Covariance::Nonrobust => "nonrobust",
            Covariance::Hc0 => "HC0",
        };
        let converged = if self.converged { "True" } else { "False" };
        for (left, a, right, b) in [
            ("Dep. Variable:", self.target.to_owned(), "No. Observations:", i.observations.to_string()),
            ("Model:", name.to_owned(), "Df Residuals:", i.df_residual.to_string()),
            ("Method:", "MLE".to_owned(), "Df Model:", i.df_model.to_string()),
            ("converged:", converged.to_owned(), "Pseudo R-squ.:", format!("{:.4}", i.pseudo_r2)),
            ("Covariance Type:", covariance.to_owned(), "Log-Likelihood:", short(i.log_likelihood)),
            ("AIC:", short(i.aic), "LL-Null:", short(i.null_log_likelihood)),
            ("BIC:", short(i.bic), "LLR p-value:", significant(i.lr_p)),
        ] {
            writeln!(f, "{left:<18}{a:>20}   {right:<18}{b:>width$}", width = rule - 59)?;
        }
        let names = self.features.iter().map(String::as_str).chain(std::iter::once("(intercept)"));
        let names: Vec<&str> = names.collect();
        // The log-odds of each class against the first.
        let classes = self.classes.get(1..).unwrap_or_default();
        for (class, rows) in classes.iter().zip(i.coefficients.chunks(features + 1)) {
            writeln!(f, "{:=<rule$}", "")?;
            let head = clipped(&format!("{}={class}", self.target), of_names);
            writeln!(
                f,
                "{head:<of_names$}{:>10} {:>10} {:>10} {:>10} {:>11} {:>10}",
                "coef", "std err", "z", "P>|z|", "[0.025", "0.975]"
            )?;
            writeln!(f, "{:-<rule$}", "")?;
            for (name, row) in names.iter().zip(rows) {
                let [low, high] = row.interval;
                let name = clipped(name, of_names);
                writeln!(
                    f,
                    "{name:<of_names$}{:>10} {:>10} {:>10} {:>10} {:>11} {:>10}",
                    four(row.estimate),
                    short(row.standard_error),
                    short(row.z),
                    format!("{:.3}", row.p),
                    short(low),
                    short(high)
                )?;
            }
        }
        writeln!(f, "{:=<rule$}", "")?;
        let reference = self.classes.first().map_or("", String::as_str);
        writeln!(f, "Log-odds against {}={reference}.", self.target)
    }
}

fn clipped(name: &str, width: usize) -> String {
    let all: Vec<char> = name.chars().collect();
    if all.len() < width {
        return name.to_owned();
    }
    // Names often differ at their ends.
    let (start, end) = (width / 2, width - width / 2 - 2);
    all[..start].iter().chain(&['…']).chain(&all[all.len() - end..]).collect()
}

/// Three decimals where they fit.
fn short(x: f64) -> String {
    if x != 0.0 && (x.abs() < 1e-2 || x.abs() >= 1e6) { format!("{x:.3e}") } else { format!("{x:.3}") }
}

fn four(x: f64) -> String {
    if x != 0.0 && (x.abs() < 1e-3 || x.abs() >= 1e5) { format!("{x:.3e}") } else { format!("{x:.4}") }
}

fn significant(p: f64) -> String {
    if p < 1e-3 { format!("{p:.3e}") } else { format!("{p:.6}") }
}
