//! `kiln cv` beside scikit-learn's and statsmodels' scores on the same folds.

use std::path::Path;

use kiln_testkit::{assert_close, numbers, reference};
use serde_json::Value;

use crate::common::{Place, TABLE, number};

fn data(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/glm").join(name).display().to_string()
}

/// A number of the scores of each fold.
fn of_folds(candidate: &Value, name: &str) -> Vec<f64> {
    candidate["scores"].as_array().unwrap().iter().map(|score| number(&score[name])).collect()
}

/// Both solvers stop at a small gradient, not at 0, so that scores agree to 1e-8 and not to the last bit.
#[test]
fn scores_are_those_of_scikit_learn_on_the_same_folds() {
    let (place, expected) = (Place::new(), reference("cv"));
    let features: Vec<&str> = expected["features"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    for (name, flags) in [
        ("stratified", format!("--folds 5 --in-order --features {}", features.join(","))),
        ("grouped_by_age", format!("--folds 4 --group age --features {}", features[1..].join(","))),
    ] {
        for model in ["logistic", "glm --family binomial --levels 0,1"] {
            let line = format!(
                "cv {model} --data {} --target low --standardize --penalty l2 --grid 0.1,0.01,0.001 {flags} --json",
                data("birthwt.csv")
            );
            let found = place.json_of(&line);
            let candidates = found["candidates"].as_array().unwrap();
            assert_eq!(candidates.len(), 3, "{model}");
            for (candidate, expected) in candidates.iter().zip(expected[name].as_array().unwrap()) {
                assert_eq!(candidate["penalty"], expected["l2"]);
                for measure in ["nll", "accuracy"] {
                    let what = format!("{model} {name}: {measure}");
                    assert_close(&of_folds(candidate, measure), &numbers(&expected[measure]), 1e-8, 0.0, &what);
                }
            }
        }
    }
}

#[test]
fn a_generalized_linear_model_is_scored_too() {
    let (place, expected) = (Place::new(), reference("cv")["poisson"].clone());
    let features: Vec<&str> = expected["features"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    let line = format!("cv glm --data {} --family poisson --formula", data("quine.csv"));
    let formula = format!("days~{}", features.join("+"));
    let found = place.json_of(&format!("{line} {formula} --in-order --json"));
    assert_close(&of_folds(&found["candidates"][0], "nll"), &numbers(&expected["nll"]), 1e-9, 0.0, "nll");
    let said = place.ok(&format!("{line} {formula}")).stdout;
    assert!(said.contains("mean nll") && said.contains("5 folds"), "{said}");
}

/// A penalised fit of numbers has a dispersion, so that its test rows have a likelihood.
#[test]
fn numbers_are_scored_with_a_penalty() {
    let place = Place::new();
    let line = format!("cv glm --data {} --target lwt --standardize --penalty l1 --json", data("birthwt.csv"));
    let found = place.json_of(&line);
    let candidates = found["candidates"].as_array().unwrap();
    let mean = |place: usize| number(&candidates[place]["mean"]);
    assert_eq!(candidates.len(), 20);
    // The normal distribution of mean 130 and standard deviation 30 has 4.8 nats.
    assert!((0..20).all(|place| (4.0..5.5).contains(&mean(place))), "{found}");
    assert!(mean(0) > number(&candidates.iter().find(|c| c["penalty"] == found["best"]).unwrap()["mean"]));
}

/// The rule of one standard error takes the largest penalty whose mean is near the best.
#[test]
fn a_penalty_is_chosen() {
    let place = Place::new();
    let line = format!("cv logistic --data {} --target low --standardize --penalty l1 --seed 3", data("birthwt.csv"));
    let found = place.json_of(&format!("{line} --json"));
    let candidates = found["candidates"].as_array().unwrap();
    assert_eq!(candidates.len(), 20);
    let best = candidates.iter().min_by(|a, b| number(&a["mean"]).total_cmp(&number(&b["mean"]))).unwrap();
    assert_eq!(found["best"], best["penalty"]);
    let limit = number(&best["mean"]) + number(&best["standard_error"]);
    let simple = number(&found["one_standard_error"]);
    assert!(simple >= number(&found["best"]));
    for candidate in candidates.iter().filter(|candidate| number(&candidate["penalty"]) > simple) {
        assert!(number(&candidate["mean"]) > limit);
    }
    place.ok(&format!("{line} --out report"));
    assert_eq!(place.json("report/cv.json"), found);
    assert!(place.exists("report/cv.png"));
    place.refused(&format!("{line} --out report"), &["cv.json", "--force"]);
}

#[test]
fn folds_may_come_from_a_column() {
    let place = Place::new();
    let rows: Vec<&str> = TABLE.lines().collect();
    let table: String = rows[1..].iter().enumerate().map(|(i, row)| format!("{row},part{}\n", i % 3)).collect();
    place.write("t.csv", format!("x,y,fold\n{table}"));
    let found = place.json_of("cv logistic --data t.csv --target y --fold-column fold --l2 0.1 --json");
    assert_eq!(found["folds"], 3);
    assert_eq!(found["candidates"][0]["scores"].as_array().unwrap().len(), 3);
}

#[test]
fn what_cannot_be_done_is_refused() {
    let place = Place::new();
    place.write("t.csv", TABLE);
    for (flags, words) in [
        ("--folds 1", vec!["--folds must be at least 2"]),
        ("--folds 9", vec!["9"]),
        ("--group z", vec!["'z'"]),
        ("--grid 1,2", vec!["--grid needs --penalty"]),
        ("--penalty l2 --grid -1", vec!["--grid"]),
        ("--sample-weight x", vec!["--sample-weight"]),
        ("--optimizer adam", vec!["kiln cv does not use --optimizer"]),
        ("--test-fraction 0.5", vec!["kiln cv does not use --test-fraction"]),
    ] {
        place.refused(&format!("cv logistic --data t.csv --target y {flags}"), &words);
    }
}

#[test]
fn a_fit_that_does_not_converge_names_flags_that_help() {
    let place = Place::new();
    place.write("t.csv", TABLE);
    for model in ["logistic --penalty l2 --grid 0.1", "glm --family binomial --l2 0.1"] {
        let line = format!("cv {model} --data t.csv --target y --folds 2");
        let failed = place.exits(3, &format!("{line} --max-iter 1"));
        assert!(failed.stderr.contains("--max-iter or --gtol"), "{}", failed.stderr);
        place.ok(&format!("{line} --max-iter 100 --gtol 1e-6"));
    }
}
