//! `kiln vi`: posteriors, and the estimator laboratory.

use kiln_testkit::{numbers, reference};

use crate::common::{Place, number};

#[test]
fn logistic_regression_comes_to_nuts_s_posterior() {
    let place = Place::new();
    place.ok("vi logistic --steps 2000 --draws 2000 --out run");
    let posterior = place.json("run/posterior.json");
    let nuts = reference("nuts");
    let parameters = posterior["parameters"].as_array().unwrap();
    let (mean, sd) = (numbers(&nuts["mean"]), numbers(&nuts["sd"]));
    assert_eq!(parameters.len(), 31);
    assert_eq!((&parameters[0]["name"], &parameters[30]["name"]), (&"mean_radius".into(), &"(intercept)".into()));
    for (i, parameter) in parameters.iter().enumerate() {
        // Means of 2000 draws have an error of 0.022 deviations, deviations one of 1.6%; four times that, and the guide's own 0.03 and 5%.
        assert!((number(&parameter["mean"]) - mean[i]).abs() < 0.12 * sd[i], "{parameter} beside {}", mean[i]);
        assert!((number(&parameter["sd"]) / sd[i] - 1.0).abs() < 0.12, "{parameter} beside {}", sd[i]);
        assert!(number(&parameter["q2_5"]) < number(&parameter["median"]), "{parameter}");
    }
    assert!(number(&posterior["psis_khat"]) < 0.9);
    let diagnostics = place.json("run/diagnostics.json");
    assert_eq!(diagnostics["elbo_trace"].as_array().unwrap().len(), 2000);
    assert_eq!(diagnostics["gradient"]["repeats"], 200);
    let draws = place.text("run/draws.csv");
    assert_eq!(draws.lines().count(), 2001);
    assert!(draws.starts_with("mean_radius,mean_texture,"));
}

#[test]
fn eight_schools_by_each_guide() {
    let place = Place::new();
    let bound = |guide: &str| -> f64 {
        let steps = if guide == "laplace" { "" } else { "--steps 1500 --lr 0.03" };
        let json = place.json_of(&format!("vi eight-schools --guide {guide} {steps} --json"));
        let mu = &json["parameters"][0];
        assert_eq!(mu["name"], "mu");
        assert!(guide == "laplace" || (number(&mu["mean"]) - 4.4).abs() < 0.5, "{mu}");
        number(&json["elbo"])
    };
    // The richer family has the higher bound; the curvature at the mode is a poor guide where τ is near 0.
    let (full, mean_field, laplace) = (bound("full-rank"), bound("mean-field"), bound("laplace"));
    assert!(full > mean_field - 0.05 && mean_field > laplace, "{full} {mean_field} {laplace}");
    let low_rank = bound("low-rank");
    assert!(low_rank > mean_field - 0.05 && low_rank < full + 0.05, "{low_rank}");
    let fixed = place.json_of("vi eight-schools --guide mean-field --fixed-draws 200 --json");
    assert_eq!(fixed["status"], "converged");
    assert!((number(&fixed["elbo"]) - mean_field).abs() < 0.15, "{fixed}");
    let mode = place.json_of("vi eight-schools --guide delta --fixed-draws 1 --json");
    assert!(mode["elbo"].is_null() && mode["parameters"][0].get("sd").is_none(), "{mode}");
    // SciPy's BFGS; in f32 the last digits of a sum of forty are lost.
    let scipy = &reference("bayes")["schools"];
    assert!((number(&mode["log_joint"]) - number(&scipy["mode_log_joint"])).abs() < 1e-4, "{mode}");
    let mu = &mode["parameters"][0]["mean"];
    assert!((number(mu) - number(&scipy["mode"][0])).abs() < 1e-2, "{mu}");
    // Without a baseline the score function's noise leaves it far behind, and that is told.
    let by_score = "vi eight-schools --guide mean-field --estimator rao-blackwellized --steps 200 --lr 0.03 --json";
    let behind = place.exits(3, by_score).stdout;
    assert!(behind.contains("\"status\": \"not-converged\"") && behind.contains("the mean of "), "{behind}");
    let auto = place.json_of("vi eight-schools --guide mean-field --lr auto --steps 4000 --json");
    assert!((number(&auto["elbo"]) - mean_field).abs() < 0.15, "{auto}");
    let text = place.ok("vi eight-schools --steps 1000").stdout;
    assert!(text.contains("theta_H") && text.contains("k̂ ="), "{text}");
    assert!(place.snapshot(".").is_empty(), "nothing is written without --out");
}

#[test]
fn a_fit_without_a_number_of_steps_goes_on_to_the_maximum() {
    let place = Place::new();
    // Too few steps are told; without a number of steps the same fit goes on.
    let few = place.exits(3, "vi eight-schools --guide mean-field --lr 0.001 --steps 3000");
    assert!(few.stderr.contains("increase --steps (now 3000)"), "{few:?}");
    let on = place.ok("vi eight-schools --guide mean-field --lr 0.001");
    assert!(on.stderr.contains("not at the maximum of the ELBO after 3000 steps: 6000 more"), "{on:?}");
    for seed in 0..4 {
        let json = place.json_of(&format!("vi eight-schools --seed {seed} --json"));
        assert_eq!(json["status"], "completed", "{json}");
    }
}

#[test]
fn estimators_are_compared_with_the_exact_gradient() {
    let place = Place::new();
    let done = place.ok("vi --compare-estimators --draws 20000 --out lab");
    assert!(done.stdout.starts_with("PROBLEM"), "{}", done.stdout);
    let findings = place.json("lab/estimators.json")["findings"].as_array().unwrap().clone();
    assert_eq!(findings.len(), 2 * 6 * 3);
    for finding in &findings {
        assert!(number(&finding["worst_bias"]) < 4.0, "{finding}");
        let (low, high) = (number(&finding["variance_95"][0]), number(&finding["variance_95"][1]));
        assert!(low < number(&finding["variance"]) && number(&finding["variance"]) < high);
    }
    let variance = |problem: &str, estimator: &str| {
        let own =
            findings.iter().find(|f| f["problem"] == problem && f["estimator"] == estimator && f["particles"] == 10);
        number(&own.unwrap()["variance"])
    };
    for problem in ["normal", "log-rate"] {
        let of = ["sticking-the-landing", "reparameterized", "leave-one-out", "score-function"];
        assert!(of.map(|estimator| variance(problem, estimator)).is_sorted(), "{problem}");
        assert!(variance(problem, "control-variate") < 0.2 * variance(problem, "score-function"), "{problem}");
    }
    assert_eq!(place.picture_size("lab/estimators.png"), (1600, 480));
}

#[test]
fn what_cannot_be_inferred_is_refused() {
    let place = Place::new();
    place.refused("vi", &["<MODEL>"]);
    place.refused("vi logistic --data digits", &["10 classes"]);
    place.refused("vi eight-schools --target y", &["--target"]);
    place.refused("vi eight-schools --prior-scale 2", &["--prior-scale"]);
    place.refused("vi eight-schools --guide laplace --steps 10", &["--steps"]);
    place.refused("vi eight-schools --fixed-draws 50 --lr 0.1", &["--lr", "L-BFGS"]);
    place.refused("vi eight-schools --fixed-draws 5", &["11", "not 5"]);
    place.refused("vi eight-schools --rank 2", &["--rank", "low-rank"]);
    place.refused("vi eight-schools --guide low-rank --rank 11", &["--rank", "from 1 to 10"]);
    place.refused("vi eight-schools --estimator rao-blackwellized", &["rao-blackwellized"]);
    place.refused("vi eight-schools --lr big", &["--lr", "auto"]);
    place.refused("vi --compare-estimators --steps 10", &["--steps", "--compare-estimators"]);
    place.refused("vi eight-schools --particles 1 --estimator leave-one-out", &["particles", "at least 2"]);
    place.refused("vi logistic --prior-scale 0", &["--prior-scale", "positive"]);
    place.refused("vi logistic --draws 5", &["--draws", "100"]);
    // A guide far away has no tail of weights either, and that is not said to be near.
    let far = place.exits(3, "vi logistic --standardize=false --guide mean-field --steps 1 --draws 200");
    assert!(far.stdout.contains("far from the posterior") || far.stdout.contains("above 0.7"), "{far:?}");
    assert!(far.stderr.contains("from the maximum of the ELBO"), "{far:?}");
    let failed = place.exits(4, "vi logistic --guide mean-field --lr 1e6 --steps 50 --out run");
    assert!(failed.stderr.contains("reduce --lr"), "{}", failed.stderr);
    assert!(!place.exists("run"), "nothing half-written");
}
