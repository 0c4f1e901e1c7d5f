//! Families with one linear predictor: 47 fits with all their numbers.

use kiln::models::glm::{Family, Link};
use kiln_testkit::reference;
use serde_json::Value;

use super::fits::{close, config, estimators, fit, reference_name, texts};

/// The references are right to the last bit. What is allowed is rounding, magnified by the condition of the scaled features: 1e-16 times
/// less than 1e6, beyond which features count as nearly dependent and get an orthonormal basis.
const TOLERANCE: f64 = 1e-10;

fn family(row: &Value) -> (Family, Link) {
    let of = |name: &str| row[name].as_str().unwrap().replace('_', "-");
    (of("family").parse().unwrap(), of("link").parse().unwrap())
}

#[test]
fn coefficients_and_standard_errors_of_every_kind_agree() {
    for row in reference("glm")["fits"]["glm"].as_array().unwrap() {
        let (id, features) = (row["id"].as_str().unwrap(), texts(&row["features"]));
        let estimators = estimators(row);
        assert!(estimators.len() >= 8, "{id}: every kind of standard error");
        for (name, config) in estimators {
            let fit = fit(row, &config);
            for estimate in &fit.inference().unwrap().estimates {
                let parameter = reference_name(estimate, &features, &[]);
                close(estimate.estimate, &row["coef"][&parameter], TOLERANCE, &format!("{id}: {parameter}"));
                let expected = &row["se"][&name][&parameter];
                close(estimate.standard_error, expected, TOLERANCE, &format!("{id}: {name} of {parameter}"));
            }
        }
    }
}

#[test]
fn measures_of_fit_agree() {
    for row in reference("glm")["fits"]["glm"].as_array().unwrap() {
        let (id, (family, link)) = (row["id"].as_str().unwrap(), family(row));
        let fit = fit(row, &config(row, family, link));
        let inference = fit.inference().unwrap();
        let measures = inference.fit;
        for (name, got) in [
            ("llf", measures.log_likelihood),
            ("llf_null", measures.null_log_likelihood),
            ("deviance", measures.deviance.unwrap()),
            ("null_deviance", measures.null_deviance.unwrap()),
            ("pearson_chi2", measures.pearson_chi2.unwrap()),
            ("dispersion", inference.dispersion),
            ("df_resid", measures.df_residual),
            ("aic", measures.aic),
            ("bic", measures.bic),
            ("mcfadden_r2", measures.pseudo_r2),
            ("cox_snell_r2", measures.cox_snell_r2),
        ] {
            close(got, &row[name], TOLERANCE, &format!("{id}: {name}"));
        }
        let intervals = if family.has_dispersion() { "t_ci" } else { "wald_ci" };
        for estimate in &inference.estimates {
            let parameter = reference_name(estimate, &texts(&row["features"]), &[]);
            for (end, got) in estimate.interval.iter().enumerate() {
                // An end near zero is a difference of larger numbers.
                let size = estimate.estimate.abs().max(estimate.standard_error);
                let expected = row[intervals][&parameter][end].as_f64().unwrap();
                assert!((got - expected).abs() <= TOLERANCE * size, "{id}: {parameter}: {got} and {expected}");
            }
        }
    }
}

#[test]
fn residuals_and_influences_agree() {
    for row in reference("glm")["fits"]["glm"].as_array().unwrap() {
        let (id, (family, link)) = (row["id"].as_str().unwrap(), family(row));
        let fit = fit(row, &config(row, family, link).influence(true));
        assert!(fit.influence.len() >= 5, "{id}");
        let sizes = [1e-8; 5];
        for (i, influence) in fit.influence.iter().take(5).enumerate() {
            for (name, got) in [
                ("fitted", influence.fitted),
                ("linear_predictor", influence.linear_predictor),
                ("leverage", influence.leverage),
                ("resid_response", influence.residual),
                ("resid_pearson", influence.pearson),
                ("resid_deviance", influence.deviance),
                ("resid_std_deviance", influence.standardized),
                ("cooks", influence.cooks_distance),
            ] {
                // A residual is a difference of a response and a mean.
                close(got, &row["rows"][name][i], sizes[i], &format!("{id}: {name} of row {i}"));
            }
        }
    }
}

#[test]
fn predictions_have_the_references_intervals() {
    for row in reference("glm")["fits"]["glm"].as_array().unwrap() {
        let (id, (family, link)) = (row["id"].as_str().unwrap(), family(row));
        let fit = fit(row, &config(row, family, link));
        let table = super::fits::table(row);
        let rows = super::fits::rows(&table, &texts(&row["features"]));
        let offset = row["offset"].as_str().map(|name| super::fits::column(&table, name));
        let width = fit.model.features;
        for (i, expected) in row["predictions"].as_array().unwrap().iter().enumerate() {
            let offset = offset.as_ref().map_or(0.0, |offset| offset[i]);
            let predicted = fit.model.predict(&rows[i * width..(i + 1) * width], &[], offset);
            close(predicted.mean[0], &expected["mean"], TOLERANCE, &format!("{id}: mean of row {i}"));
            if family.has_dispersion() {
                continue;
            }
            let interval = predicted.interval.unwrap();
            for end in 0..2 {
                close(interval[end], &expected["mean_ci_z"][end], 1e-9, &format!("{id}: interval of row {i}"));
            }
        }
        if (family, link) == (Family::Gaussian, Link::Identity) {
            for (i, expected) in row["predictions"].as_array().unwrap().iter().enumerate() {
                let predicted = fit.model.predict(&rows[i * width..(i + 1) * width], &[], 0.0);
                for end in 0..2 {
                    let what = format!("{id}: interval of row {i}");
                    close(predicted.interval.unwrap()[end], &expected["mean_ci_t"][end], 1e-9, &what);
                    close(predicted.response_interval.unwrap()[end], &expected["pred_int_t"][end], 1e-9, &what);
                }
            }
        }
    }
}
