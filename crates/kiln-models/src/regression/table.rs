//! The results of a regression as a table.

use std::fmt;

use super::{Covariance, Inference};

/// An [`Inference`] as a table for printing, laid out as the summary of statsmodels.
#[derive(Clone, Debug)]
pub struct InferenceTable<'a> {
    /// The results.
    pub inference: &'a Inference,
    /// The name of the target.
    pub target: &'a str,
    /// The names of the features.
    pub features: &'a [String],
    /// The names of the classes.
    pub classes: &'a [String],
    /// Whether the solver converged.
    pub converged: bool,
}

impl fmt::Display for InferenceTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inference { features, covariance, .. } = *self.inference;
        let i = self.inference;
        let name = if self.classes.len() > 2 { "MNLogit" } else { "Logit" };
        // With more than two classes, a head with the class's name stands above each block.
        let heads = if self.classes.len() > 2 { self.classes.get(1..).unwrap_or_default() } else { &[] };
        let heads = heads.iter().map(|class| self.target.chars().count() + 2 + class.chars().count());
        let names = self.features.iter().map(|name| name.chars().count());
        let of_names = names.chain(heads).max().unwrap_or(0).clamp(12, 28);
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
        // Each class but the first has log-odds against the first.
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

pub(crate) fn clipped(name: &str, width: usize) -> String {
    let all: Vec<char> = name.chars().collect();
    if all.len() < width {
        return name.to_owned();
    }
    // Keep the end too, because names often differ there.
    let (start, end) = (width / 2, width - width / 2 - 2);
    all[..start].iter().chain(&['…']).chain(&all[all.len() - end..]).collect()
}

/// Formats with three decimals, or in scientific notation if they do not suffice.
pub(crate) fn short(x: f64) -> String {
    if x != 0.0 && (x.abs() < 1e-2 || x.abs() >= 1e6) { format!("{x:.3e}") } else { format!("{x:.3}") }
}

pub(crate) fn four(x: f64) -> String {
    if x != 0.0 && (x.abs() < 1e-3 || x.abs() >= 1e5) { format!("{x:.3e}") } else { format!("{x:.4}") }
}

pub(crate) fn significant(p: f64) -> String {
    if p < 1e-3 { format!("{p:.3e}") } else { format!("{p:.6}") }
}
