//! `kiln rates` and `kiln lr-find`: numbers beside the theory's, and what they write.

use serde_json::Value;

use crate::common::{Place, number};

fn findings(place: &Place, command: &str) -> Vec<Value> {
    let done: Value = serde_json::from_str(&place.ok(command).stdout).unwrap();
    done["findings"].as_array().unwrap().clone()
}

/// The theory's numbers, from the formulas in the books.
fn theory(name: &str) -> f64 {
    let (kappa, delta) = (100f64, 0.05);
    match name {
        "gd" => -2.0 * ((kappa - 1.0) / (kappa + 1.0)).ln(),
        "momentum" => -2.0 * ((kappa.sqrt() - 1.0) / (kappa.sqrt() + 1.0)).ln(),
        "nesterov" => -2.0 * (1.0 - 1.0 / kappa.sqrt()).ln(),
        "gd-convex" => 1.0 + delta,
        "nesterov-convex" => 2.0 * (1.0 + delta),
        "sgd-strongly-convex" | "sgd-averaged" => 1.0,
        "sgd-slow-decay" => 0.75,
        "sgd-convex" => 0.5 * (1.0 + delta),
        // The stationary variance of x ← (1 − εa)x − εσξ in each of ten curvatures from 0.1 to 1, times a/2.
        "sgd-constant" => {
            let curvatures = (0..10).map(|i| 10f64.powf(-f64::from(i) / 9.0));
            curvatures.map(|a| 0.5 * a * 0.1f64.powi(2) / (1.0 - (1.0 - 0.1 * a).powi(2))).sum()
        }
        "sgd-growing-batches" => 2f64.ln() / 20.0,
        other => panic!("the laboratory has an experiment that this test does not know: {other}"),
    }
}

#[test]
fn every_rate_is_within_a_tenth_of_the_theory() {
    let place = Place::new();
    let findings = findings(&place, "rates --json");
    assert_eq!(findings.len(), 11);
    for finding in findings {
        let name = finding["name"].as_str().unwrap();
        let [value, low, high] = ["value", "low", "high"].map(|key| number(&finding[key]));
        assert!((number(&finding["theory"]) - theory(name)).abs() < 1e-12, "{name}: {}", finding["theory"]);
        assert!((value / theory(name) - 1.0).abs() < 0.1, "{name}: {value}");
        assert!((number(&finding["deviation"]) - (value / theory(name) - 1.0)).abs() < 1e-12, "{name}");
        assert!(low <= value && value <= high && high - low < 0.1 * value, "{name}: {value} in [{low}, {high}]");
    }
}

/// Another draw of the noise: what holds is not one seed's luck.
#[test]
fn the_noise_is_the_seed_s() {
    let place = Place::new();
    let of = |seed: u64| findings(&place, &format!("rates sgd-constant sgd-growing-batches --json --seed {seed}"));
    let (first, again, other) = (of(1), of(1), of(2));
    assert_eq!(first, again);
    assert_ne!(first[0]["value"], other[0]["value"]);
    for finding in first.iter().chain(&other) {
        let theory = theory(finding["name"].as_str().unwrap());
        assert!((number(&finding["value"]) / theory - 1.0).abs() < 0.05, "{finding}");
    }
}

#[test]
fn rates_are_written_with_their_plot() {
    let place = Place::new();
    let done = place.ok("rates gd nesterov gd-convex --out lab");
    assert!(done.stdout.starts_with("NAME") && done.stdout.contains("−2 ln((κ − 1)/(κ + 1))"), "{}", done.stdout);
    assert_eq!(place.json("lab/rates.json")["findings"].as_array().unwrap().len(), 3);
    assert_eq!(place.picture_size("lab/rates.png"), (1600, 480));
    place.refused("rates gd adam", &["'adam'", "nesterov-convex"]);
}

#[test]
fn a_step_size_that_is_found_trains() {
    let place = Place::new();
    let model = "--hidden-dim 64 --latent-dim 5 --batch-size 64";
    let found: Value = serde_json::from_str(&place.ok(&format!("lr-find vae {model} --out lf --json")).stdout).unwrap();
    assert_eq!(found, place.json("lf/lr-find.json"));
    assert_eq!(place.picture_size("lf/lr-find.png"), (800, 480));
    let (suggestion, minimum) = (number(&found["suggestion"]), number(&found["minimum"]));
    assert!(suggestion < minimum && found["diverged"] == true, "{suggestion}, {minimum}");
    // Steps of the suggested size learn; steps a thousand times smaller hardly do.
    let elbo = |lr: f64, out: &str| {
        place.ok(&format!("train vae {model} --lr {lr} --epochs 2 --out {out}"));
        number(&place.json(&format!("{out}/result.json"))["test"]["elbo"])
    };
    assert!(elbo(suggestion, "good") > elbo(suggestion / 1000.0, "timid") + 0.5);
}

#[test]
fn a_sweep_that_finds_nothing_says_so() {
    let place = Place::new();
    let done = place.exits(3, "lr-find vae --hidden-dim 16 --latent-dim 2 --from 1 --to 100");
    assert!(done.stderr.contains("the loss did not fall"), "{}", done.stderr);
    for (flags, part) in [
        ("--from 0", "from a positive learning rate to a larger one, got 0 to 10"),
        ("--from 1 --to 0.1", "got 1 to 0.1"),
        ("--steps 79", "at least 80 steps, got 79"),
        ("--smoothing 0.99", "at least 400 steps, got 200"),
        ("--lr 0.1", "lr-find does not use"),
        ("--epochs 3", "lr-find does not use"),
        ("--smoothing 1", "the smoothing must be in [0, 1), got 1"),
    ] {
        place.refused(&format!("lr-find vae {flags} --out lf"), &[part]);
    }
    assert!(!place.exists("lf"), "nothing is written");
}
