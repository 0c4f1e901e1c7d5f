//! `result.json`, `coef.csv` and `summary.txt` of a generalised linear model.

use kiln::models::{
    GlmFit,
    glm::{Estimate, Family, FitMeasures, GlmInference, GlmTable, Link},
};
use serde::Serialize;

use super::{fitted::Score, terms::TermTest};
use crate::{
    base::{Failure, Result, digits},
    context::Classification,
};

/// `result.json`, with SciPy's names.
#[derive(Debug, Serialize)]
pub(crate) struct GlmReport {
    pub(super) status: &'static str,
    pub(super) message: String,
    pub(super) family: String,
    pub(super) link: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) formula: Option<String>,
    /// The mean negative log-likelihood; for families with a dispersion, half the deviance in units of that of a constant.
    pub(super) fun: f64,
    /// The largest absolute entry of its gradient, in scaled columns.
    pub(super) grad_norm: f64,
    pub(super) nit: usize,
    pub(super) nfev: usize,
    pub(super) njev: usize,
    pub(super) nhev: usize,
    pub(super) wall_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inference: Option<Inference>,
    /// Tests of whole terms.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) terms: Vec<TermTest>,
    pub(super) train: Score,
    pub(super) test: Option<Score>,
    /// For classes: of the test rows, or of the training rows if none were held out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) classification: Option<Classification>,
    /// The coefficients that an ℓ1 penalty did not set to 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) selected: Option<Selected>,
    /// Features that depend linearly on others. The fit leaves them out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dropped: Vec<Dropped>,
}

/// What the fit says of its parameters.
#[derive(Debug, Serialize)]
pub(super) struct Inference {
    coefficients: Vec<Coefficient>,
    dispersion: f64,
    #[serde(flatten)]
    fit: FitMeasures,
}

/// A parameter with its name.
#[derive(Debug, Serialize)]
struct Coefficient {
    part: String,
    name: String,
    #[serde(flatten)]
    estimate: Estimate,
}

impl Inference {
    pub(super) fn of(table: &GlmTable<'_>) -> Self {
        let named = |estimate: &Estimate| Coefficient {
            part: table.head(estimate.place.part),
            name: table.name(estimate),
            estimate: estimate.clone(),
        };
        let GlmInference { estimates, dispersion, fit, .. } = table.inference;
        Self { coefficients: estimates.iter().map(named).collect(), dispersion: *dispersion, fit: *fit }
    }
}

/// How many coefficients are not 0.
#[derive(Debug, Serialize)]
pub(super) struct Selected {
    pub(super) nonzero: usize,
    pub(super) of: usize,
}

/// A feature that the fit left out.
#[derive(Debug, Serialize)]
pub(super) struct Dropped {
    pub(super) name: String,
    /// Such as `weekend = sat + sun`.
    pub(super) equation: String,
}

/// The features that a fit left out.
pub(super) fn dropped(fit: &GlmFit, names: &[String]) -> Vec<Dropped> {
    let of = |dependence: &kiln::models::Dependence| Dropped {
        name: names[dependence.column].clone(),
        equation: dependence.named(names).to_string(),
    };
    fit.dropped.iter().map(of).collect()
}

/// Returns `coef.csv`: a row per parameter, in the order of the model. A feature that was dropped has `NA`.
pub(super) fn coefficient_table(table: &GlmTable<'_>, dropped: &[Dropped]) -> Result<Vec<u8>> {
    let statistic = if table.family.has_dispersion() { "t" } else { "z" };
    let ratio = has_ratios(table.family, table.link);
    let mut header = vec!["part", "name", "coef", "std_err", statistic, "p", "low", "high"];
    if ratio {
        header.extend(["exp_coef", "exp_low", "exp_high"]);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&header).map_err(Failure::internal)?;
    for estimate in &table.inference.estimates {
        let [low, high] = estimate.interval;
        let numbers = [estimate.estimate, estimate.standard_error, estimate.statistic, estimate.p, low, high];
        let mut record = vec![table.head(estimate.place.part), table.name(estimate)];
        record.extend(numbers.map(digits));
        if ratio {
            record.extend([estimate.estimate, low, high].map(|number| digits(number.exp())));
        }
        writer.write_record(&record).map_err(Failure::internal)?;
    }
    for dropped in dropped {
        let mut record = vec![table.response.to_owned(), dropped.name.clone()];
        record.resize(header.len(), "NA".to_owned());
        writer.write_record(&record).map_err(Failure::internal)?;
    }
    writer.into_inner().map_err(Failure::internal)
}

/// Returns `coef.csv` of a fit without standard errors.
pub(super) fn plain_coefficient_table(fit: &GlmFit, dropped: &[Dropped]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["part", "name", "coef"]).map_err(Failure::internal)?;
    let mut first = String::new();
    for (part, name, value) in fit.named_parameters() {
        writer.write_record([&part, &name, &digits(value)]).map_err(Failure::internal)?;
        if first.is_empty() {
            first = part;
        }
    }
    for dropped in dropped {
        writer.write_record([first.as_str(), &dropped.name, "NA"]).map_err(Failure::internal)?;
    }
    writer.into_inner().map_err(Failure::internal)
}

/// Whether exp(coefficient) is a ratio of odds, rates or means.
fn has_ratios(family: Family, link: Link) -> bool {
    matches!(link, Link::Log | Link::Logit) || (family == Family::Binomial && link == Link::Cloglog)
}
