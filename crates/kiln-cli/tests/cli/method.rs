//! The method of a run: what its flags do, as `metrics.jsonl` and the weights show it.

use serde_json::Value;

use crate::common::{Place, SMALL, number};

/// The single steps of a run, in order.
fn steps(place: &Place, run: &str) -> Vec<Value> {
    place.metrics(run).into_iter().filter(|line| line["split"] == "train").collect()
}

fn column(steps: &[Value], key: &str) -> Vec<f64> {
    steps.iter().map(|line| number(&line[key])).collect()
}

#[track_caller]
fn are_close(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    for (k, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= 1e-12 * b.abs(), "step {k}: {a}, expected {b}");
    }
}

#[test]
fn the_step_size_follows_its_schedule_and_the_file_repeats_it() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --log-every 1 --lr 0.01 --schedule cosine:last=0.1 --out run"));
    let cosine = |k: i32| 0.001 + 0.5 * 0.009 * (1.0 + (std::f64::consts::PI * f64::from(k) / 24.0).cos());
    are_close(&column(&steps(&place, "run"), "lr"), &(0..24).map(cosine).collect::<Vec<_>>());
    // The horizon that was left open is that of the run, and is written down.
    let config = place.toml("run/config.toml");
    assert_eq!(config["method"]["schedule"].as_str(), Some("cosine:last=0.1,steps=24"));
    place.ok("train vae --config run/config.toml --epochs 2 --out again");
    assert_eq!(place.weights("run"), place.weights("again"));
}

#[test]
fn the_momentum_follows_its_schedule() {
    let place = Place::new();
    let flags = "--optimizer nesterov --lr 0.001 --momentum 0.99 --momentum-schedule sutskever --batch-size 4";
    place.ok(&format!("train vae --hidden-dim 4 --latent-dim 2 {flags} --epochs 3 --log-every 1 --out run"));
    let momentum = |k: usize| (1.0 - 2f64.powf(-1.0 - ((k / 250 + 1) as f64).log2())).min(0.99);
    let steps = steps(&place, "run");
    assert_eq!(steps.len(), 3 * 360);
    are_close(&column(&steps, "momentum"), &(0..steps.len()).map(momentum).collect::<Vec<_>>());
}

#[test]
fn batches_grow_and_an_epoch_has_fewer_steps() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --log-every 1 --batch-schedule step:factor=2,every=3 --out run"));
    let steps = steps(&place, "run");
    // 3·128 + 3·256 + 286 of 1438 rows; then 512s, and 1024s from step 9 on.
    let expected: [f64; 10] = [128.0, 128.0, 128.0, 256.0, 256.0, 256.0, 512.0, 512.0, 512.0, 1024.0];
    assert_eq!(column(&steps, "batch_size"), expected);
    let first = steps.iter().filter(|line| line["epoch"] == 1).count();
    assert_eq!((first, &place.json("run/result.json")["steps"]), (7, &10.into()));
}

/// The rows of an epoch in one step: as one batch, or as the mean of equal parts.
#[test]
fn accumulated_gradients_are_those_of_the_larger_batch() {
    let place = Place::new();
    // 569 rows, 25 of them held out: 544 = 17·32.
    let train = "train logistic --standardize --test-fraction 0.044 --optimizer sgd --lr 0.5 --epochs 5 --log-every 1";
    place.exits(3, &format!("{train} --batch-size 544 --out whole"));
    place.ok(&format!("{train} --batch-size 32 --accumulate 17 --out parts"));
    assert_eq!(place.json("whole/run.json")["data"]["n_train"], 544);
    let (whole, parts) = (steps(&place, "whole"), steps(&place, "parts"));
    assert_eq!((whole.len(), parts.len()), (5, 5));
    // The same sum in another order, in f64.
    are_close(&column(&parts, "loss"), &column(&whole, "loss"));
    assert!(
        (number(&place.json("whole/result.json")["fun"]) - number(&place.json("parts/result.json")["fun"])).abs()
            < 1e-13
    );
}

#[test]
fn a_clipped_step_is_no_longer_than_it_may_be() {
    let place = Place::new();
    let train = "train logistic --standardize --optimizer sgd --lr 1 --epochs 1 --test-fraction 0 --batch-size 569";
    place.exits(3, &format!("{train} --clip-norm 0.25 --out run"));
    let coef = place.text("run/coef.csv");
    let length: f64 =
        coef.lines().skip(1).map(|row| row.split(',').nth(2).unwrap().parse::<f64>().unwrap().powi(2)).sum();
    assert!((length.sqrt() - 0.25).abs() < 1e-12, "{}", length.sqrt());
    assert!(
        number(&steps_or_epochs(&place)["grad_norm"]) > 0.25,
        "the norm in the log is that of the gradient as it came"
    );
}

/// The only step of a run that logs it.
fn steps_or_epochs(place: &Place) -> Value {
    let train = "train logistic --standardize --optimizer sgd --lr 1 --epochs 1 --test-fraction 0 --batch-size 569";
    place.exits(3, &format!("{train} --clip-norm 0.25 --log-every 1 --out logged"));
    steps(place, "logged").remove(0)
}

#[test]
fn the_average_is_what_is_evaluated_and_saved() {
    let place = Place::new();
    // A problem with a minimum near by, and steps so long that their noise keeps them from it.
    let train = "train logistic --standardize --l2 0.1 --optimizer sgd --lr 0.5 --batch-size 4 --epochs 10";
    place.ok(&format!("{train} --out last"));
    place.ok(&format!("{train} --average uniform:from=200 --out mean"));
    assert_ne!(place.weights("last"), place.weights("mean"));
    let result = place.json("mean/result.json");
    let logged = place.metrics("mean").into_iter().rfind(|line| line["split"] == "test").unwrap();
    assert!((number(&logged["loss"]) - number(&result["test"]["nll"])).abs() < 1e-12, "{logged} {result}");
    // Averaging takes out the noise of the steps: the objective over all rows is nearer to its minimum.
    assert!(number(&result["fun"]) < number(&place.json("last/result.json")["fun"]), "{result}");
}

#[test]
fn a_plateau_lowers_the_step_size() {
    let place = Place::new();
    let plateau = "plateau:patience=0,threshold=0.9,factor=0.5";
    place.ok(&format!("{SMALL} --epochs 4 --log-every 12 --lr 0.004 --schedule {plateau} --out run"));
    // The first evaluation is the best so far, and none after it is a tenth of it.
    are_close(&column(&steps(&place, "run"), "lr"), &[0.004, 0.004, 0.002, 0.001]);
}

#[test]
fn gradients_that_are_not_finite_are_skipped_and_counted() {
    let place = Place::new();
    // One row of twenty is infinite in f32.
    let row = |i: i32| {
        format!("{},{}\n", if i == 7 { 1e39 } else { f64::from(i) / 20.0 }, if i % 3 == 0 { "a" } else { "b" })
    };
    place.write("data.csv", format!("x,y\n{}", (0..20).map(row).collect::<String>()));
    let train =
        "train logistic --data data.csv --target y --test-fraction 0 --dtype f32 --optimizer sgd --batch-size 1";
    let done = place.exits(4, &format!("{train} --epochs 2 --out stopped"));
    assert!(done.stderr.contains("not finite at step"), "{}", done.stderr);
    place.ok(&format!("{train} --epochs 2 --skip-non-finite 1 --out run"));
    let result = place.json("run/result.json");
    assert_eq!((&result["skipped"], &result["steps"], &result["nfev"]), (&2.into(), &38.into(), &40.into()));
}

#[test]
fn pytorch_s_form_is_the_classical_one_without_momentum() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --optimizer sgd --lr 0.01 --out a"));
    place.ok(&format!("{SMALL} --epochs 1 --optimizer torch-sgd --lr 0.01 --out b"));
    place.ok(&format!("{SMALL} --epochs 1 --optimizer torch-sgd --momentum 0.9 --lr 0.01 --out c"));
    assert_eq!(place.weights("a"), place.weights("b"));
    assert_ne!(place.weights("b"), place.weights("c"));
}

#[test]
fn adams_own_settings_are_adams_alone() {
    let place = Place::new();
    place.refused_to_start("train vae --optimizer sgd --beta1 0.9", &["--beta1", "adam"]);
    place.refused_to_start("train vae --beta1 1", &["beta_1", "[0, 1)"]);
    place.refused_to_start("train vae --epsilon 0", &["epsilon"]);
    let train = "train vae --hidden-dim 4 --latent-dim 2 --epochs 1";
    place.ok(&format!("{train} --out usual"));
    place.ok(&format!("{train} --beta1 0.9 --beta2 0.999 --epsilon 1e-8 --out same"));
    place.ok(&format!("{train} --beta1 0.99 --epsilon 1e-4 --out other"));
    assert_eq!(place.weights("usual"), place.weights("same"));
    place.ok(&format!("{train} --initial-second-moment 1 --out slow"));
    assert_ne!(place.weights("usual"), place.weights("other"));
    assert_ne!(place.weights("usual"), place.weights("slow"));
    place.refused_to_start(
        "train vae --optimizer adamw --initial-second-moment 1",
        &["--initial-second-moment", "adam"],
    );
    place.refused_to_start("train vae --initial-second-moment -1", &["initial_second_moment"]);
}
