//! Families with more than one linear predictor.

use kiln::models::glm::{CovarianceEstimator, Family, Link, Part, Term};
use kiln_testkit::reference;
use serde_json::Value;

use super::fits::{close, clusters, config, fit, reference_name, table, texts};

/// As in `families.rs`. Thresholds, θ and inflation add predictors whose curvatures differ by more.
const TOLERANCE: f64 = 1e-9;

/// Compares a fit's parameters, standard errors and measures.
fn check(row: &Value, family: Family, link: Link) {
    let id = row["id"].as_str().unwrap();
    let inflation = if row["inflation_features"].is_array() { texts(&row["inflation_features"]) } else { Vec::new() };
    for name in ["nonrobust", "HC0", "HC1", "cluster"] {
        if !row["se"][name].is_object() {
            continue;
        }
        let covariance = match name {
            "nonrobust" => CovarianceEstimator::Nonrobust,
            "HC0" => CovarianceEstimator::Hc0,
            "HC1" => CovarianceEstimator::Hc1,
            _ => CovarianceEstimator::Clustered(clusters(&table(row), row["cluster"].as_str().unwrap())),
        };
        let fit = fit(row, &config(row, family, link).covariance(covariance));
        let inference = fit.inference().unwrap();
        for estimate in &inference.estimates {
            let parameter = reference_name(estimate, &texts(&row["features"]), &inflation);
            let what = format!("{id}: {name} of {parameter}");
            if parameter == "theta" {
                close(estimate.estimate, &row["theta"], TOLERANCE, &what);
                if name == "nonrobust" {
                    close(estimate.standard_error, &row["se_theta_joint_delta"], TOLERANCE, &what);
                }
                continue;
            }
            close(estimate.estimate, &row["params"][&parameter], TOLERANCE, &what);
            close(estimate.standard_error, &row["se"][name][&parameter], TOLERANCE, &what);
        }
        let measures = inference.fit;
        for (name, got) in [
            ("llf", measures.log_likelihood),
            ("llf_null", measures.null_log_likelihood),
            ("aic", measures.aic),
            ("bic", measures.bic),
            ("df_resid", measures.df_residual),
        ] {
            close(got, &row[name], TOLERANCE, &format!("{id}: {name}"));
        }
        if let Some(probabilities) = row["fitted_probs"].as_array() {
            let features = texts(&row["features"]);
            let rows = super::fits::rows(&table(row), &features);
            for (i, expected) in probabilities.iter().enumerate() {
                let predicted = fit.model.predict(&rows[i * features.len()..(i + 1) * features.len()], &[], 0.0);
                for (class, got) in predicted.mean.iter().enumerate() {
                    close(*got, &expected[class], 1e-8, &format!("{id}: probability of class {class} of row {i}"));
                }
            }
        }
    }
}

#[test]
fn negative_binomial_regressions_agree() {
    for row in reference("glm")["fits"]["negbin"].as_array().unwrap() {
        check(row, Family::NegativeBinomial { theta: None }, Link::Log);
        let fit = fit(row, &config(row, Family::NegativeBinomial { theta: None }, Link::Log));
        let measures = fit.inference().unwrap().fit;
        close(measures.deviance.unwrap(), &row["deviance_fixed_alpha"], 1e-8, "deviance at θ");
        close(measures.pearson_chi2.unwrap(), &row["pearson_chi2"], 1e-8, "Pearson's χ²");
        assert!((fit.parameter(Part::Theta, Term::Theta).unwrap() - row["theta"].as_f64().unwrap()).abs() < 1e-8);
    }
}

#[test]
fn multinomial_regressions_agree() {
    for row in reference("glm")["fits"]["mnlogit"].as_array().unwrap() {
        check(row, Family::Multinomial, Link::Logit);
    }
}

#[test]
fn ordinal_regressions_agree() {
    for row in reference("glm")["fits"]["ordinal"].as_array().unwrap() {
        check(row, Family::Ordinal, row["link"].as_str().unwrap().parse().unwrap());
    }
}

#[test]
fn zero_inflated_poisson_regressions_agree() {
    for row in reference("glm")["fits"]["zip"].as_array().unwrap() {
        check(row, Family::ZeroInflatedPoisson, Link::Log);
    }
}
