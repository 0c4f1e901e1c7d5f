//! `kiln eval`, `sample` and `reconstruct`.

use serde_json::Value;

use crate::common::{Place, SMALL, number, write_idx};

/// `kiln eval` must give the numbers that `result.json` has, to the last digit.
#[track_caller]
fn is_reproduced(train: &str) {
    let place = Place::new();
    place.ok(&format!("{train} --out run"));
    let done = place.ok("eval run --json");
    let evaluated: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(evaluated["test"], place.json("run/result.json")["test"]);
}

#[test]
fn eval_gives_the_numbers_of_the_result() {
    is_reproduced(&format!("{SMALL} --epochs 2"));
}

#[test]
fn eval_gives_the_numbers_of_the_result_of_binarised_images() {
    is_reproduced(&format!("{SMALL} --epochs 2 --binarize dynamic"));
    is_reproduced(&format!("{SMALL} --epochs 2 --binarize fixed --optimizer nesterov --dtype f64"));
}

#[test]
fn eval_gives_the_numbers_of_the_result_of_a_weighted_kl() {
    is_reproduced(&format!("{SMALL} --epochs 2 --beta 0.5"));
}

#[test]
fn eval_gives_the_numbers_of_the_result_of_regressions() {
    is_reproduced("train logistic --standardize --l2 0.01");
    is_reproduced("train logistic --data digits --optimizer adam --epochs 3 --dtype f32");
}

#[test]
fn eval_takes_other_data() {
    let place = Place::new();
    write_idx(&place, "a", 40, 10);
    write_idx(&place, "b", 40, 7);
    place.ok("train vae --data a --hidden-dim 8 --latent-dim 2 --epochs 1 --out run");
    let done = place.ok("eval run --data b --json");
    assert_eq!(serde_json::from_str::<Value>(&done.stdout).unwrap()["n"], 7);
    place.refused("eval run --data digits", &["pixels"]);
    place.refused("eval run --data absent", &["absent"]);
}

#[test]
fn eval_without_test_data_asks_for_some() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --test-fraction 0 --out vae"));
    place.ok("train logistic --standardize --l2 0.1 --test-fraction 0 --out logistic");
    for run in ["vae", "logistic"] {
        place.refused(&format!("eval {run}"), &["no test data", "--data"]);
    }
}

#[test]
fn eval_and_sample_leave_the_run_as_it_is() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    let before = place.snapshot("run");
    place.ok("eval run");
    place.ok("sample run -n 4 --output s.png");
    place.ok("reconstruct run -n 4 --output r.png");
    // By default they draw the pictures that training drew.
    place.ok("sample run");
    place.ok("reconstruct run");
    assert!(place.snapshot("run") == before, "the run was changed");
}

#[test]
fn samples_fill_a_square_as_far_as_they_go() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    // Cells of 50 pixels: images of 8×8 six times enlarged, two pixels apart.
    for (n, columns, rows) in [(1, 1, 1), (9, 3, 3), (10, 4, 3)] {
        let done = place.ok(&format!("sample run -n {n} --output s.png --force --json"));
        let result: Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!((&result["images"], &result["output"]), (&n.into(), &"s.png".into()));
        assert_eq!(place.picture_size("s.png"), (columns * 50 + 2, rows * 50 + 2), "{n} samples");
    }
    place.ok("sample run -n 9 --output a.png");
    place.ok("sample run -n 9 --output b.png");
    place.ok("sample run -n 9 --seed 1 --output c.png");
    assert_eq!(place.read("a.png"), place.read("b.png"));
    assert_ne!(place.read("a.png"), place.read("c.png"));
    place.refused("sample run -n 0", &["-n"]);
}

#[test]
fn reconstructions_lie_below_their_images() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    for (n, columns, rows) in [(1, 1, 2), (5, 5, 2), (17, 16, 4)] {
        place.ok(&format!("reconstruct run -n {n} --output r.png --force"));
        assert_eq!(place.picture_size("r.png"), (columns * 50 + 2, rows * 50 + 2), "{n} reconstructions");
    }
    place.refused("reconstruct run -n 0", &["-n"]);
}

#[test]
fn a_picture_that_cannot_be_written_is_not_a_panic() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --out run"));
    let done = place.run("sample run -n 1 --output absent/s.png");
    assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
    assert!(done.stderr.starts_with("kiln: cannot write absent/s.png"), "{}", done.stderr);
    assert_eq!(done.stderr.lines().count(), 1);
}

/// The importance-weighted objectives, two hidden layers of tanh, and what eval says beside the ELBO.
#[test]
fn a_vae_of_two_layers_is_trained_by_importance_weights_and_looked_at_closely() {
    let place = Place::new();
    let train = "train vae --binarize dynamic --hidden-dim 24,16 --activation tanh --latent-dim 4 --batch-size 64 --epochs 2 --seed 3";
    for objective in ["iwae", "dreg"] {
        place.ok(&format!("{train} --objective {objective} --k 3 --out {objective}"));
        let test = &place.json(&format!("{objective}/result.json"))["test"];
        assert!(
            number(&test["iwae"]) > number(&test["elbo"]),
            "the bound of three samples is above that of one: {test}"
        );
        assert_eq!(place.toml(&format!("{objective}/config.toml"))["train"]["k"].as_integer(), Some(3));
    }
    let config = place.toml("iwae/config.toml");
    let sizes: Vec<i64> =
        config["model"]["hidden-dim"].as_array().unwrap().iter().filter_map(|s| s.as_integer()).collect();
    assert_eq!(sizes, [24, 16]);
    let done = place.ok("eval iwae --samples 200 --images 50 --json");
    let result: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    let marginal = &result["marginal"];
    assert_eq!((&marginal["examples"], &marginal["samples"]), (&50.into(), &200.into()));
    let bounds: Vec<f64> = marginal["bounds"].as_array().unwrap().iter().map(|b| number(&b["bound"])).collect();
    assert!(bounds.len() == 3 && bounds.is_sorted() && -number(&marginal["nll"]) >= bounds[2], "{marginal}");
    assert!(number(&marginal["standard_error"]) > 0.0 && marginal["latent_dim"] == 4);
    assert_eq!(result["binarize"], "dynamic");
    let text = place.ok("eval iwae --samples 60 --images 20").stdout;
    for part in ["binarize dynamic", "NLL", "k=50", "of 4 units"] {
        assert!(text.contains(part), "{text}");
    }
    let done = place.ok("eval iwae --samples 0 --json");
    assert!(serde_json::from_str::<serde_json::Value>(&done.stdout).unwrap()["marginal"].is_null());
    place.ok("sample iwae -n 4");
    place.refused_to_start("train vae --objective iwae --particles 2", &["--particles", "--k"]);
    place.refused_to_start("train vae --k 2", &["--k", "iwae"]);
    place.refused_to_start("train vae --objective dreg --k 0", &["--k"]);
    place.refused_to_start("train vae --hidden-dim 8,0", &["hidden_dim"]);
    place.ok("train logistic --l2 0.1 --standardize --out regression");
    place.refused("eval regression --samples 5", &["--samples", "VAE"]);
}
