//! What the tests share: data, fits and comparisons.

use std::path::PathBuf;

use kiln::{
    data::Table,
    models::{
        GlmConfig, GlmFit,
        glm::{CovarianceEstimator, Estimate, Family, Information, Link, Part, Term},
    },
};
use serde_json::Value;

pub(crate) fn table(row: &Value) -> Table {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/glm");
    Table::read(&folder.join(row["csv"].as_str().unwrap())).unwrap()
}

pub(crate) fn column(table: &Table, name: &str) -> Vec<f64> {
    table.column(name).unwrap().numbers().unwrap().to_vec()
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Rows of some columns, in row-major order.
pub(crate) fn rows(table: &Table, names: &[String]) -> Vec<f64> {
    let columns: Vec<Vec<f64>> = names.iter().map(|name| column(table, name)).collect();
    (0..table.len()).flat_map(|row| columns.iter().map(move |column| column[row])).collect()
}

/// The settings of a reference fit, without the estimator of the covariance.
pub(crate) fn config(row: &Value, family: Family, link: Link) -> GlmConfig {
    let (table, features) = (table(row), texts(&row["features"]));
    let mut config = GlmConfig::new(family, features.len()).link(link);
    if let Some(name) = row["freq_weights"].as_str() {
        config = config.weights(column(&table, name));
    }
    if let Some(name) = row["offset"].as_str() {
        config = config.offset(column(&table, name));
    }
    if let Some(names) = row["inflation_features"].as_array()
        && !names.is_empty()
    {
        let names = texts(&row["inflation_features"]);
        config = config.inflation(rows(&table, &names), names.len());
    }
    config
}

pub(crate) fn fit(row: &Value, config: &GlmConfig) -> GlmFit {
    let table = table(row);
    let (x, y) = (rows(&table, &texts(&row["features"])), column(&table, row["response"].as_str().unwrap()));
    config.fit(&x, &y).unwrap_or_else(|error| panic!("{}: {error}", row["id"]))
}

/// The estimators of a reference fit that its standard errors are named after, with their settings.
pub(crate) fn estimators(row: &Value) -> Vec<(String, GlmConfig)> {
    let table = table(row);
    let names = row["se"].as_object().unwrap().keys();
    let of = |name: &String| {
        let family: Family = row["family"].as_str().unwrap_or("gaussian").replace('_', "-").parse().unwrap();
        let link: Link = row["link"].as_str().unwrap_or("identity").replace('_', "-").parse().unwrap();
        let observed = name.ends_with("_oim");
        let covariance = match name.trim_end_matches("_oim") {
            "nonrobust" => CovarianceEstimator::Nonrobust,
            "HC0" => CovarianceEstimator::Hc0,
            "HC1" => CovarianceEstimator::Hc1,
            "HC2" => CovarianceEstimator::Hc2,
            "HC3" => CovarianceEstimator::Hc3,
            "cluster" => CovarianceEstimator::Clustered(clusters(&table, row["cluster"].as_str().unwrap())),
            _ => return None,
        };
        let information = if observed { Information::Observed } else { Information::Expected };
        Some((name.clone(), config(row, family, link).covariance(covariance).information(information)))
    };
    names.filter_map(of).collect()
}

pub(crate) fn clusters(table: &Table, name: &str) -> Vec<usize> {
    column(table, name).into_iter().map(|value| value as usize).collect()
}

/// The name that the reference gives to a parameter.
pub(crate) fn reference_name(estimate: &Estimate, features: &[String], inflation: &[String]) -> String {
    match (estimate.place.part, estimate.place.term) {
        (Part::Class(class), Term::Feature(index)) => format!("y={class}:{}", features[index]),
        (Part::Class(class), _) => format!("y={class}:const"),
        (Part::Inflation, Term::Feature(index)) => format!("inflate_{}", inflation[index]),
        (Part::Inflation, _) => "inflate_const".to_owned(),
        (Part::Thresholds, Term::Threshold(index)) => format!("cut{}", index + 1),
        (_, Term::Feature(index)) => features[index].clone(),
        (_, Term::Theta) => "theta".to_owned(),
        _ => "const".to_owned(),
    }
}

/// Asserts that two numbers differ by at most `tolerance` of the second, or by 1e-13: some references are 0 but for rounding.
pub(crate) fn close(got: f64, expected: &Value, tolerance: f64, what: &str) {
    let expected = expected.as_f64().unwrap_or_else(|| panic!("{what}: no reference"));
    let error = (got - expected).abs() / expected.abs().max(1e-300);
    assert!(
        error <= tolerance || (got - expected).abs() < 1e-13,
        "{what}: got {got:e}, expected {expected:e}, off by {error:.1e}"
    );
}
