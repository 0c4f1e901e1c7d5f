//! A fitted logistic regression.

use std::fmt::Write;

use kiln_models::{Dependence, Inference, InferenceError, InferenceTable, RegressionLoss};
use kiln_optim::solver::Outcome;

use super::{LogisticConfig, LogisticError, kept::Kept};

/// A fitted logistic or softmax regression. Made by [`LogisticConfig::fit`].
///
/// Coefficients and intercepts are in the units of the data.
#[derive(Debug)]
pub struct LogisticFit {
    /// The weight of each feature, one row per class. Two classes have one row: the log-odds of class 1.
    pub coefficients: Vec<Vec<f64>>,
    /// The intercept of each row of `coefficients`.
    pub intercepts: Vec<f64>,
    /// Standard errors, z, p, confidence intervals and information criteria; or the reason why there are none.
    ///
    /// They exist for a converged fit without penalty, bounds and class weights, with a nonsingular Hessian.
    pub inference: Result<Inference, InferenceError>,
    /// Columns that a fit without penalty and bounds left out, because they depend linearly on others. Their coefficients are 0.
    pub dropped: Vec<Dependence>,
    /// How the solver ended.
    pub outcome: Outcome,
    kept: Kept,
    /// Features per row.
    features: usize,
    target: String,
    feature_names: Vec<String>,
    class_names: Vec<String>,
}

impl LogisticFit {
    pub(super) fn new(
        config: &LogisticConfig,
        classes: usize,
        (loss, outcome): (&RegressionLoss, Outcome),
        inference: Result<Inference, InferenceError>,
        (kept, dropped): (Kept, Vec<Dependence>),
    ) -> Self {
        let (d, k) = (config.features, if classes == 2 { 1 } else { classes });
        let mut weights: Vec<f64> =
            loss.parameters(&outcome.x).into_data().try_into_vec_as().expect("a float tensor converts to f64");
        let intercepts = weights.split_off(kept.len() * k);
        let weights = kept.with_zeros(&weights, k);
        let or = |names: &[String], count: usize, prefix: &str| {
            if names.is_empty() { (0..count).map(|i| format!("{prefix}{i}")).collect() } else { names.to_vec() }
        };
        Self {
            coefficients: (0..k).map(|class| (0..d).map(|f| weights[f * k + class]).collect()).collect(),
            intercepts,
            inference,
            dropped,
            outcome,
            kept,
            features: d,
            target: config.names.target.clone(),
            feature_names: or(&config.names.features, d, "x"),
            class_names: or(&config.names.classes, classes, ""),
        }
    }

    /// Returns the number of classes.
    pub fn classes(&self) -> usize {
        self.class_names.len()
    }

    /// Returns the probability of each class for each row of `x`, as `[n, classes]` in row-major order.
    ///
    /// # Errors
    /// Returns [`LogisticError::Shape`] if `x` is not a whole number of rows, and [`LogisticError::NotFinite`].
    pub fn predict_proba(&self, x: &[f64]) -> Result<Vec<f64>, LogisticError> {
        check_rows(x, self.features, None)?;
        let probabilities = |row: &[f64]| {
            let score = |(weights, intercept): (&Vec<f64>, &f64)| {
                intercept + weights.iter().zip(row).map(|(w, x)| w * x).sum::<f64>()
            };
            let scores: Vec<f64> = self.coefficients.iter().zip(&self.intercepts).map(score).collect();
            if let [z] = scores[..] {
                // Each from its own tail, so that small probabilities keep their digits.
                return vec![1.0 / (1.0 + z.exp()), 1.0 / (1.0 + (-z).exp())];
            }
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = scores.iter().map(|z| (z - largest).exp()).collect();
            let sum: f64 = powers.iter().sum();
            powers.into_iter().map(|power| power / sum).collect()
        };
        Ok(x.chunks_exact(self.features).flat_map(probabilities).collect())
    }

    /// Returns the most probable class of each row of `x`.
    ///
    /// # Errors
    /// As [`predict_proba`](Self::predict_proba).
    pub fn predict(&self, x: &[f64]) -> Result<Vec<usize>, LogisticError> {
        let best = |row: &[f64]| {
            // The first of equal ones.
            (0..row.len()).fold(0, |best, class| if row[class] > row[best] { class } else { best })
        };
        Ok(self.predict_proba(x)?.chunks_exact(self.classes()).map(best).collect())
    }

    /// Returns the accuracy, the share of rows whose most probable class equals `y`. No rows give NaN.
    ///
    /// # Errors
    /// Returns [`LogisticError::Shape`] if the lengths do not fit, and [`LogisticError::NotFinite`].
    pub fn score(&self, x: &[f64], y: &[usize]) -> Result<f64, LogisticError> {
        check_rows(x, self.features, Some(y.len()))?;
        let right = self.predict(x)?.iter().zip(y).filter(|(predicted, class)| predicted == class).count();
        #[allow(clippy::cast_precision_loss, reason = "numbers of rows")]
        let share = right as f64 / y.len() as f64;
        Ok(share)
    }

    /// Returns a table of the results, laid out as the summary of statsmodels.
    ///
    /// Without standard errors it lists the coefficients and says why.
    pub fn summary(&self) -> String {
        match &self.inference {
            Ok(inference) => {
                let table = InferenceTable {
                    inference,
                    target: &self.target,
                    features: &self.kept.of(&self.feature_names),
                    classes: &self.class_names,
                    converged: true,
                };
                let dropped =
                    self.dropped.iter().map(|dropped| format!("dropped {}\n", dropped.named(&self.feature_names)));
                format!("{table}{}", dropped.collect::<String>())
            }
            Err(reason) => self.coefficient_table(reason),
        }
    }

    fn coefficient_table(&self, reason: &InferenceError) -> String {
        let width = self.feature_names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(12);
        // With two classes, the only row of weights belongs to the second class.
        let first = self.classes() - self.intercepts.len();
        let mut text = String::new();
        for ((class, weights), intercept) in
            self.class_names[first..].iter().zip(&self.coefficients).zip(&self.intercepts)
        {
            let head = format!("{}={class}", self.target);
            let _ = writeln!(text, "{head:<width$} {:>14}", "coef");
            let names = self.feature_names.iter().map(String::as_str).chain(["(intercept)"]);
            for (name, value) in names.zip(weights.iter().chain([intercept])) {
                let _ = writeln!(text, "{name:<width$} {value:>14.6}");
            }
        }
        let _ = writeln!(text, "No standard errors: {reason}.");
        text
    }
}

/// Checks that `x` holds whole rows of finite numbers, `rows` of them if that is known.
pub(super) fn check_rows(x: &[f64], features: usize, rows: Option<usize>) -> Result<(), LogisticError> {
    let rows = rows.unwrap_or(x.len().checked_div(features).unwrap_or(0));
    if rows.checked_mul(features) != Some(x.len()) {
        return Err(LogisticError::Shape { values: x.len(), rows, features });
    }
    match x.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(LogisticError::NotFinite { row: at / features, column: at % features, value: x[at] }),
        None => Ok(()),
    }
}
