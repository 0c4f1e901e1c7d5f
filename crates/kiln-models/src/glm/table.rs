//! The results of a generalised linear model as a table.

use std::fmt;

use super::{CovarianceEstimator, Estimate, Family, GlmInference, Link, Part, Term};
use crate::regression::table::{clipped, four, short, significant};

/// A [`GlmInference`] as a table for printing, laid out as the summaries of statsmodels.
#[derive(Clone, Debug)]
pub struct GlmTable<'a> {
    /// The results.
    pub inference: &'a GlmInference,
    /// The family.
    pub family: Family,
    /// The link.
    pub link: Link,
    /// The estimator of the covariance.
    pub covariance: &'a CovarianceEstimator,
    /// The level of the intervals.
    pub level: f64,
    /// The name of the response.
    pub response: &'a str,
    /// The names of the features.
    pub features: &'a [String],
    /// The names of the features of the inflation.
    pub inflation: &'a [String],
    /// The names of the classes, for families with classes.
    pub classes: &'a [String],
}

impl GlmTable<'_> {
    /// Returns the name of a parameter in its part.
    pub fn name(&self, estimate: &Estimate) -> String {
        let features = if estimate.place.part == Part::Inflation { self.inflation } else { self.features };
        let class = |index: usize| self.classes.get(index).map_or_else(|| index.to_string(), Clone::clone);
        match estimate.place.term {
            Term::Feature(index) => features.get(index).map_or_else(|| format!("x{index}"), Clone::clone),
            Term::Intercept => "(intercept)".to_owned(),
            Term::Threshold(index) => format!("{}|{}", class(index), class(index + 1)),
            Term::Theta => "theta".to_owned(),
        }
    }

    /// Returns the head of a part.
    pub fn head(&self, part: Part) -> String {
        match part {
            Part::Mean => self.response.to_owned(),
            Part::Class(index) => {
                format!("{}={}", self.response, self.classes.get(index).map_or_else(|| index.to_string(), Clone::clone))
            }
            other => other.to_string(),
        }
    }
}

impl fmt::Display for GlmTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (i, fit) = (self.inference, &self.inference.fit);
        let names: Vec<String> = i.estimates.iter().map(|estimate| self.name(estimate)).collect();
        let heads = i.estimates.iter().map(|estimate| self.head(estimate.place.part).chars().count() + 1);
        let of_names = names.iter().map(|name| name.chars().count() + 1).chain(heads).max().unwrap_or(0).clamp(12, 40);
        let rule = 66 + of_names;
        writeln!(f, "{:^rule$}", "Generalized Linear Model Regression Results")?;
        writeln!(f, "{:=<rule$}", "")?;
        let covariance = match self.covariance {
            CovarianceEstimator::Nonrobust => "nonrobust",
            CovarianceEstimator::Hc0 => "HC0",
            CovarianceEstimator::Hc1 => "HC1",
            CovarianceEstimator::Hc2 => "HC2",
            CovarianceEstimator::Hc3 => "HC3",
            CovarianceEstimator::Clustered(_) => "cluster",
        };
        let or_none = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
        for (left, a, right, b) in [
            ("Dep. Variable:", clipped(self.response, 20), "No. Observations:", fit.observations.to_string()),
            ("Family:", self.family.to_string(), "Df Residuals:", fit.df_residual.to_string()),
            ("Link:", self.link.to_string(), "Df Model:", fit.df_model.to_string()),
            ("Covariance Type:", covariance.to_owned(), "Dispersion:", short(i.dispersion)),
            ("Deviance:", or_none(fit.deviance), "Log-Likelihood:", short(fit.log_likelihood)),
            ("Null deviance:", or_none(fit.null_deviance), "LL-Null:", short(fit.null_log_likelihood)),
            ("Pearson chi2:", or_none(fit.pearson_chi2), "LLR p-value:", significant(fit.lr_p)),
            ("AIC:", short(fit.aic), "Pseudo R-squ.:", format!("{:.4}", fit.pseudo_r2)),
            ("BIC:", short(fit.bic), "R-squ. (CS):", format!("{:.4}", fit.cox_snell_r2)),
        ] {
            writeln!(f, "{left:<18}{a:>20}   {right:<18}{b:>width$}", width = rule - 59)?;
        }
        let statistic = if self.family.has_dispersion() { "t" } else { "z" };
        let tail = 0.5 * (1.0 - self.level);
        let (low, high) = (format!("[{}", rounded(tail)), format!("{}]", rounded(1.0 - tail)));
        let mut part = None;
        for (estimate, name) in i.estimates.iter().zip(&names) {
            if part != Some(estimate.place.part) {
                part = Some(estimate.place.part);
                writeln!(f, "{:=<rule$}", "")?;
                let head = clipped(&self.head(estimate.place.part), of_names);
                let p = format!("P>|{statistic}|");
                writeln!(
                    f,
                    "{head:<of_names$}{:>10} {:>10} {statistic:>10} {p:>10} {low:>11} {high:>10}",
                    "coef", "std err"
                )?;
                writeln!(f, "{:-<rule$}", "")?;
            }
            let name = clipped(name, of_names);
            let [low, high] = estimate.interval;
            writeln!(
                f,
                "{name:<of_names$}{:>10} {:>10} {:>10} {:>10} {:>11} {:>10}",
                four(estimate.estimate),
                short(estimate.standard_error),
                short(estimate.statistic),
                format!("{:.3}", estimate.p),
                short(low),
                short(high)
            )?;
        }
        writeln!(f, "{:=<rule$}", "")
    }
}

/// A level without the digits of its rounding error.
fn rounded(level: f64) -> f64 {
    (level * 1e6).round() / 1e6
}
