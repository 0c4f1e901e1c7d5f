//! Tests of terms, average marginal effects, variance inflation and profile intervals.

use kiln::models::{
    GlmConfig, GlmError,
    glm::{Family, Information, Link, Part, Place, Term, variance_inflation},
};
use kiln::optim::solver::Status;
use kiln_testkit::reference;
use serde_json::Value;

use super::fits::{close, column, config, fit, reference_name, rows, table, texts};

fn kind(row: &Value) -> (Family, Link) {
    let of = |name: &str| row[name].as_str().unwrap().replace('_', "-");
    (of("family").parse().unwrap(), of("link").parse().unwrap())
}

#[test]
fn average_marginal_effects_agree() {
    let mut compared = 0;
    for row in reference("glm")["fits"]["glm"].as_array().unwrap().iter().filter(|row| row["ame"].is_object()) {
        let (id, (family, link), features) = (row["id"].as_str().unwrap(), kind(row), texts(&row["features"]));
        let table = table(row);
        let offset = row["offset"].as_str().map(|name| column(&table, name));
        for (information, name) in [(Information::Observed, "se_oim"), (Information::Expected, "se_eim")] {
            let fit = fit(row, &config(row, family, link).information(information));
            for margin in fit.model.margins(&rows(&table, &features), offset.as_deref(), None) {
                let feature = &features[margin.feature];
                close(margin.effect, &row["ame"][feature]["dydx"], 1e-9, &format!("{id}: effect of {feature}"));
                close(margin.standard_error, &row["ame"][feature][name], 1e-9, &format!("{id}: {name} of {feature}"));
                compared += 1;
            }
        }
    }
    assert!(compared > 50, "{compared} effects were compared");
}

#[test]
fn tests_of_terms_agree() {
    let mut compared = 0;
    for row in reference("glm")["fits"]["glm"].as_array().unwrap().iter().filter(|row| row["drop_tests"].is_object()) {
        let (id, (family, link), features) = (row["id"].as_str().unwrap(), kind(row), texts(&row["features"]));
        let fit = fit(row, &config(row, family, link));
        let inference = fit.inference().unwrap();
        for (term, expected) in row["drop_tests"].as_object().unwrap() {
            let Some(index) = features.iter().position(|feature| feature == term) else { continue };
            let test = inference.wald(family, |place| place.term == Term::Feature(index)).unwrap();
            close(test.chi2, &expected["wald_chi2"], 1e-9, &format!("{id}: Wald test of {term}"));
            let p = if family.has_dispersion() { "f_p" } else { "wald_p" };
            // SciPy's tails are good to 1e-13, and a small p-value magnifies an error of χ².
            close(test.p, &expected[p], 1e-8, &format!("{id}: p-value of {term}"));
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared} tests were compared");
}

#[test]
fn variance_inflation_agrees() {
    for row in reference("glm")["fits"]["glm"].as_array().unwrap().iter().filter(|row| row["vif"].is_object()) {
        let features = texts(&row["features"]);
        let factors = variance_inflation(&rows(&table(row), &features), features.len());
        for (feature, factor) in features.iter().zip(factors) {
            close(factor, &row["vif"][feature], 1e-11, &format!("{}: {feature}", row["id"]));
        }
    }
}

#[test]
fn profile_intervals_agree() {
    let mut compared = 0;
    for row in reference("glm")["fits"]["glm"].as_array().unwrap().iter().filter(|row| row["profile_ci"].is_object()) {
        let (id, (family, link), features) = (row["id"].as_str().unwrap(), kind(row), texts(&row["features"]));
        let table = table(row);
        if table.len() > 300 {
            continue;
        }
        let (x, y) = (rows(&table, &features), column(&table, row["response"].as_str().unwrap()));
        let config: GlmConfig = config(row, family, link);
        let fit = config.fit(&x, &y).unwrap();
        for (name, expected) in row["profile_ci"].as_object().unwrap() {
            let term = match features.iter().position(|feature| feature == name) {
                Some(index) => Term::Feature(index),
                None => Term::Intercept,
            };
            let interval = config.profile_interval(&fit, &x, &y, Place { part: Part::Mean, term }).unwrap();
            for end in 0..2 {
                // A root of 1e-12 in a function with slope 1 per standard error, relative to an end that may be near 0.
                close(interval[end], &expected[end], 1e-8, &format!("{id}: {name}, end {end}"));
            }
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared} intervals were compared");
}

/// Firth's penalised fits, one of them of separable classes.
#[test]
fn firths_estimates_agree() {
    for row in reference("glm")["fits"]["firth"].as_array().unwrap() {
        let (id, features) = (row["id"].as_str().unwrap(), texts(&row["features"]));
        let table = table(row);
        let (x, y) = (rows(&table, &features), column(&table, row["response"].as_str().unwrap()));
        let config = GlmConfig::new(Family::Binomial, features.len());
        if row["separated"].as_bool().unwrap() {
            assert!(matches!(config.fit(&x, &y), Err(GlmError::Separable { .. })), "{id}");
        }
        let fit = config.firth(true).fit(&x, &y).unwrap();
        for estimate in &fit.inference().unwrap().estimates {
            let name = reference_name(estimate, &features, &[]);
            close(estimate.estimate, &row["coef"][&name], 1e-8, &format!("{id}: {name}"));
            close(estimate.standard_error, &row["se"][&name], 1e-8, &format!("{id}: standard error of {name}"));
        }
    }
    let no_firth = GlmConfig::new(Family::Poisson, 1).firth(true).fit(&[1.0, 2.0], &[1.0, 2.0]);
    assert!(matches!(no_firth, Err(GlmError::Setting { name: "firth", .. })));
}

/// All counts of a group are 0, so that its coefficient has no finite estimate.
#[test]
fn estimates_that_do_not_exist_are_not_converged() {
    let group: Vec<f64> = (0..20).map(|i| f64::from(i % 2)).collect();
    let counts: Vec<f64> = (0..20).map(|i| if i % 2 == 1 { 0.0 } else { f64::from(1 + i % 3) }).collect();
    let Err(GlmError::NotConverged { fit, .. }) = GlmConfig::new(Family::Poisson, 1).fit(&group, &counts) else {
        panic!("a mean of 0 has no logarithm");
    };
    assert_eq!(fit.outcome.status, Status::Unbounded);
    assert!(fit.outcome.message.starts_with("a coefficient grows without limit"), "{}", fit.outcome.message);
}
