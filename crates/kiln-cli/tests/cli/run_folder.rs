//! Settings files, and where a run goes.

use std::fs;

use crate::common::{Place, SMALL};

#[test]
fn the_settings_of_a_run_reproduce_it() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --optimizer momentum --schedule linear --binarize fixed --seed 3 --out a"));
    place.ok("train vae --config a/config.toml --out b");
    assert_eq!(place.weights("a"), place.weights("b"));
    assert_eq!(place.text("a/config.toml"), place.text("b/config.toml"));

    place.ok("train logistic --standardize --l2 0.01 --seed 3 --out l");
    place.ok("train logistic --config l/config.toml --out m");
    assert_eq!(place.weights("l"), place.weights("m"));
    assert_eq!(place.text("l/config.toml"), place.text("m/config.toml"));
}

#[test]
fn flags_win_over_the_settings_file() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 2 --out a"));
    place.ok("train vae --config a/config.toml --seed 1 --epochs 1 --out b");
    place.ok(&format!("{SMALL} --epochs 1 --seed 1 --out c"));
    assert_eq!(place.weights("b"), place.weights("c"));
    let config = place.toml("b/config.toml");
    assert_eq!((config["run"]["seed"].as_integer(), config["train"]["epochs"].as_integer()), (Some(1), Some(1)));
}

#[test]
fn a_flag_can_switch_off_what_the_settings_file_switched_on() {
    let place = Place::new();
    place.ok("train logistic --standardize --l2 0.1 --out a");
    place.exits(3, "train logistic --config a/config.toml --standardize=false --max-iter 2 --out b");
    assert_eq!(place.toml("b/config.toml")["data"]["standardize"].as_bool(), Some(false));
}

#[test]
fn force_replaces_a_run_wholly() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 3 --out run"));
    place.ok(&format!("{SMALL} --epochs 1 --seed 1 --force --out run"));
    place.ok(&format!("{SMALL} --epochs 1 --seed 1 --out fresh"));
    assert_eq!(place.weights("run"), place.weights("fresh"));
    let names = |run: &str| -> Vec<_> {
        let strip = |path: &std::path::PathBuf| path.strip_prefix(place.path(run)).unwrap().to_owned();
        place.snapshot(run).keys().map(strip).collect()
    };
    assert_eq!(names("run"), names("fresh"));
}

#[test]
fn an_empty_folder_and_a_deep_one_may_be_used() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).unwrap();
    place.ok(&format!("{SMALL} --epochs 1 --out empty"));
    place.ok(&format!("{SMALL} --epochs 1 --out a/b/c"));
    assert!(place.exists("empty/result.json") && place.exists("a/b/c/result.json"));
}

#[test]
fn without_out_a_run_is_named_after_model_data_and_time() {
    let place = Place::new();
    let done = place.ok(&format!("{SMALL} --epochs 1"));
    let runs: Vec<_> = fs::read_dir(place.path("runs")).unwrap().map(|e| e.unwrap().file_name()).collect();
    let [run] = &runs[..] else { panic!("one run is expected: {runs:?}") };
    let run = run.to_string_lossy();
    assert!(run.starts_with("vae-digits-"), "{run}");
    assert!(done.stdout.contains(&format!("runs/{run}")), "{}", done.stdout);
}

#[test]
fn what_was_run_where_is_on_record() {
    let place = Place::new();
    place.ok(&format!("{SMALL} --epochs 1 --threads 1 --seed 7 --out run"));
    let record = place.json("run/run.json");
    assert_eq!((&record["threads"], &record["seed"]), (&1.into(), &7.into()));
    assert_eq!(record["dtype"], "f32");
    assert_eq!(record["data"]["sha256"].as_str().unwrap().len(), 64);
    assert!(record["command"].as_str().unwrap().ends_with("--threads 1 --seed 7 --out run"), "{}", record["command"]);
    assert!(record["wall_s"].is_number() && record["started"].as_str().unwrap().ends_with('Z'));
}
