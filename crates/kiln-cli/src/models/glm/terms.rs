//! Tests of whole terms (`terms.csv`), average marginal effects (`margins.csv`) and profile intervals (`profile.csv`).

use kiln::{
    data::Shown,
    models::{
        GlmConfig, GlmFit,
        glm::{Family, GlmInference, Part, Term, Values},
    },
    tensor::special::tails,
};
use serde::Serialize;

use super::{encoder::TermRange, plan::GlmPlan, rows::GlmRows};
use crate::base::{Failure, Result, digits};

/// The test that a term has no effect.
#[derive(Clone, Debug, Serialize)]
pub(super) struct TermTest {
    pub(super) name: String,
    df: usize,
    wald_chi2: f64,
    wald_p: f64,
    /// Twice the log-likelihood that the term adds; for families with a dispersion, the deviance that it removes over φ.
    #[serde(skip_serializing_if = "Option::is_none")]
    lr: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lr_p: Option<f64>,
}

/// Tests every term of the linear predictor. With `lr_tests`, a fit without it is made.
pub(super) fn tests(plan: &GlmPlan, fit: &GlmFit, inference: &GlmInference) -> Result<Vec<TermTest>> {
    let family = fit.model.family;
    let mut tests = Vec::new();
    for term in plan.data.encoder.terms() {
        let is_tested = |part: Part, place: Term| {
            matches!(place, Term::Feature(index) if term.features.contains(&index)) && part != Part::Inflation
        };
        let Some(wald) = inference.wald(family, |place| is_tested(place.part, place.term)) else { continue };
        let lr = if plan.settings.inference.lr_tests { Some(without(plan, &term, inference)?) } else { None };
        tests.push(TermTest {
            name: term.name,
            df: wald.df,
            wald_chi2: wald.chi2,
            wald_p: wald.p,
            lr,
            lr_p: lr.map(|lr| significance(family, lr, wald.df, inference)),
        });
    }
    Ok(tests)
}

/// The p-value of a likelihood ratio, by χ²; by F for families whose dispersion is estimated.
fn significance(family: Family, lr: f64, df: usize, inference: &GlmInference) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a number of parameters")]
    let df = df as f64;
    match family.has_dispersion() {
        true => tails::f_sf(lr / df, df, inference.fit.df_residual),
        false => tails::chi_squared_sf(lr, df),
    }
}

/// The likelihood ratio statistic of a fit without a term.
fn without(plan: &GlmPlan, term: &TermRange, inference: &GlmInference) -> Result<f64> {
    let rows = &plan.data.train;
    let width = plan.data.encoder.feature_names().len();
    let left = width - term.features.len();
    let inputs: Vec<f64> = rows
        .inputs
        .to_cow()
        .iter()
        .enumerate()
        .filter(|(place, _)| !term.features.contains(&(place % width)))
        .map(|(_, value)| *value)
        .collect();
    let reduced = plan.config(left)?.fit(&inputs, &rows.response.to_cow());
    let reduced =
        reduced.map_err(|error| Failure::usage(format!("the fit without '{}' failed: {error}", Shown(&term.name))))?;
    let without = reduced.inference().map_err(Failure::usage)?.fit;
    Ok(match (inference.fit.deviance, without.deviance) {
        (Some(with), Some(without)) if plan.settings.family()?.has_dispersion() => {
            (without - with) / inference.dispersion
        }
        _ => 2.0 * (inference.fit.log_likelihood - without.log_likelihood),
    })
}

/// Returns `terms.csv`.
pub(super) fn table(tests: &[TermTest]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["term", "df", "wald_chi2", "wald_p", "lr", "lr_p"]).map_err(Failure::internal)?;
    let optional = |number: Option<f64>| number.map_or_else(String::new, digits);
    for test in tests {
        let record = [
            test.name.clone(),
            test.df.to_string(),
            digits(test.wald_chi2),
            digits(test.wald_p),
            optional(test.lr),
            optional(test.lr_p),
        ];
        writer.write_record(&record).map_err(Failure::internal)?;
    }
    writer.into_inner().map_err(Failure::internal)
}

/// Returns the tests as lines for people.
pub(super) fn text(tests: &[TermTest]) -> String {
    if tests.is_empty() {
        return String::new();
    }
    let width = tests.iter().map(|test| test.name.chars().count()).max().unwrap_or(0).clamp(12, 40) + 2;
    let with_lr = tests.iter().any(|test| test.lr.is_some());
    let lr = if with_lr { format!("{:>12} {:>10}", "LR", "P>LR") } else { String::new() };
    let mut text = format!("{:<width$}{:>4} {:>12} {:>10}{lr}\n", "Tests of terms", "df", "Wald chi2", "P>chi2");
    for test in tests {
        let name: String = test.name.chars().take(width - 2).collect();
        let lr = match (test.lr, test.lr_p) {
            (Some(lr), Some(p)) => format!("{lr:>12.3} {p:>10.4}"),
            _ => String::new(),
        };
        text += &format!("{name:<width$}{:>4} {:>12.3} {:>10.4}{lr}\n", test.df, test.wald_chi2, test.wald_p);
    }
    text
}

/// Returns `margins.csv`. There are none for families with more than one linear predictor.
pub(super) fn margins(fit: &GlmFit, rows: &GlmRows, names: &[String]) -> Result<Option<Vec<u8>>> {
    let margins = fit.model.margins(
        &rows.inputs.to_cow(),
        rows.offset.as_ref().map(Values::to_cow).as_deref(),
        rows.weights().as_deref(),
    );
    if margins.is_empty() {
        return Ok(None);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["name", "effect", "std_err", "z", "p"]).map_err(Failure::internal)?;
    for margin in margins {
        let numbers = [margin.effect, margin.standard_error, margin.z, margin.p];
        let record = std::iter::once(names[margin.feature].clone()).chain(numbers.map(digits));
        writer.write_record(record).map_err(Failure::internal)?;
    }
    writer.into_inner().map(Some).map_err(Failure::internal)
}

/// Returns `profile.csv`: the interval of each parameter of the mean by its profile likelihood.
pub(super) fn profiles(config: &GlmConfig, fit: &GlmFit, rows: &GlmRows) -> Result<Vec<u8>> {
    let (inputs, response) = (rows.inputs.to_cow(), rows.response.to_cow());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["name", "coef", "low", "high"]).map_err(Failure::internal)?;
    let named = fit.table(|table| {
        let estimates = table.inference.estimates.iter();
        estimates.map(|estimate| (estimate.place, table.name(estimate), estimate.estimate)).collect::<Vec<_>>()
    });
    for (place, name, estimate) in named.unwrap_or_default() {
        if place.part != Part::Mean {
            continue;
        }
        let interval = config.profile_interval(fit, &inputs, &response, place);
        let [low, high] = interval.map_err(|error| Failure::usage(format!("--profile: {error}")))?;
        let record = [name, digits(estimate), digits(low), digits(high)];
        writer.write_record(&record).map_err(Failure::internal)?;
    }
    writer.into_inner().map_err(Failure::internal)
}
