//! `kiln train logistic` against SciPy's minima.

use kiln_testkit::{assert_close, numbers, reference};
use serde_json::Value;

use crate::common::{Place, number};

const BREAST_CANCER: &str = "train logistic --data breast-cancer --l2 0.01 --standardize --test-fraction 0";

/// The rows of `coef.csv`: class, name, coef, coef_raw.
fn coefficients(place: &Place, run: &str) -> Vec<(String, String, f64, f64)> {
    let text = place.text(&format!("{run}/coef.csv"));
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap(), vec!["class", "name", "coef", "coef_raw"]);
    reader.deserialize().map(Result::unwrap).collect()
}

/// SciPy's fit of the breast cancer data with this penalty.
fn fit(l2: f64) -> Value {
    let reference = reference("logistic");
    let fits = reference["fits"].as_array().unwrap();
    fits.iter().find(|fit| (number(&fit["lam"]) - l2).abs() < 1e-12).expect("the reference has the fit").clone()
}

#[test]
fn logistic_regression_reaches_the_reference_minimum() {
    let place = Place::new();
    let done = place.ok(&format!("{BREAST_CANCER} --out run"));
    assert!(done.stdout.starts_with("converged"), "{}", done.stdout);
    let (result, fit) = (place.json("run/result.json"), fit(0.01));
    assert_eq!(result["status"], "converged");
    assert_close(&[number(&result["fun"])], &[number(&fit["loss"])], 0.0, 1e-9, "loss");
    assert!(result["test"].is_null(), "all rows are for training");
    let (nit, nfev) = (result["nit"].as_u64().unwrap(), result["nfev"].as_u64().unwrap());
    assert!(nit > 0 && nfev > nit, "{result}");
    assert_eq!(result["steps"], nit);

    let rows = coefficients(&place, "run");
    assert_eq!(rows.len(), 31);
    assert_eq!((rows[0].1.as_str(), rows[30].1.as_str()), ("mean_radius", "(intercept)"));
    let found: Vec<f64> = rows.iter().map(|row| row.2).collect();
    let mut expected = numbers(&fit["weights"]);
    expected.push(number(&fit["bias"]));
    assert_close(&found, &expected, 0.0, 1e-5, "coef");
}

#[test]
fn a_converged_run_has_a_gradient_within_the_tolerance() {
    let place = Place::new();
    place.ok(&format!("{BREAST_CANCER} --out run"));
    let (result, config) = (place.json("run/result.json"), place.toml("run/config.toml"));
    let gtol = config["train"]["gtol"].as_float().unwrap();
    assert!(number(&result["grad_norm"]) <= gtol, "grad_norm {} is above gtol {gtol}", result["grad_norm"]);
}

#[test]
fn raw_coefficients_give_the_same_log_odds_on_the_data_as_it_came() {
    let place = Place::new();
    place.ok(&format!("{BREAST_CANCER} --out run"));
    let encoder = place.json("run/encoder.json");
    let columns = encoder["columns"].as_array().unwrap();
    let rows = coefficients(&place, "run");
    let at = |j: usize| scatter_between(j, 0.0, 100.0);
    let standardised = |j: usize| (at(j) - number(&columns[j]["mean"])) / number(&columns[j]["scale"]);
    let (mut scaled, mut raw) = (rows[30].2, rows[30].3);
    for (j, (_, _, coef, coef_raw)) in rows[..30].iter().enumerate() {
        scaled += coef * standardised(j);
        raw += coef_raw * at(j);
    }
    assert_close(&[raw], &[scaled], 1e-10, 1e-10, "log-odds");
}

fn scatter_between(i: usize, low: f64, high: f64) -> f64 {
    low + (high - low) * crate::common::scatter(i)
}

#[test]
fn softmax_regression_reaches_the_reference_minimum() {
    let place = Place::new();
    place.ok("train logistic --data digits --l2 0.01 --test-fraction 0 --out run");
    let (result, reference) = (place.json("run/result.json"), &reference("logistic")["softmax"]);
    assert_eq!(result["status"], "converged");
    assert_close(&[number(&result["fun"])], &[number(&reference["loss"])], 0.0, 1e-9, "loss");
    let rows = coefficients(&place, "run");
    assert_eq!(rows.len(), 10 * 65);
    let weights: Vec<f64> = rows.iter().filter(|row| row.1 != "(intercept)").map(|row| row.2).collect();
    let norm = weights.iter().map(|w| w * w).sum::<f64>().sqrt();
    assert_close(&[norm], &[number(&reference["weight_norm"])], 0.0, 1e-5, "weight norm");
}

#[test]
fn a_solver_that_stops_too_early_says_so_and_keeps_its_result() {
    let place = Place::new();
    let done = place.exits(3, "train logistic --standardize --epochs 3 --out run");
    assert!(done.stderr.lines().last().unwrap().contains("after 3 steps"), "{}", done.stderr);
    let result = place.json("run/result.json");
    assert_eq!((&result["status"], &result["nit"]), (&"not-converged".into(), &3.into()));
    for key in ["fun", "grad_norm", "nit", "nfev"] {
        assert!(result[key].is_number(), "{key}");
    }
    let (accuracy, nll) = (number(&result["test"]["accuracy"]), number(&result["test"]["nll"]));
    assert!((0.0..=1.0).contains(&accuracy) && nll > 0.0, "{result}");
    assert!(place.exists("run/model.safetensors") && place.exists("run/coef.csv"));
}

#[test]
fn minibatch_training_learns_and_completes() {
    let place = Place::new();
    place.ok("train logistic --optimizer adam --standardize --epochs 10 --out run");
    let result = place.json("run/result.json");
    assert_eq!(result["status"], "completed");
    assert!(number(&result["test"]["accuracy"]) > 0.9, "{result}");
}

#[test]
fn f32_converges_to_the_same_loss_within_its_precision() {
    let place = Place::new();
    place.ok(&format!("{BREAST_CANCER} --dtype f32 --out run"));
    let result = place.json("run/result.json");
    assert_close(&[number(&result["fun"])], &[number(&fit(0.01)["loss"])], 0.0, 1e-6, "loss");
}
