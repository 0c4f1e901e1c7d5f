//! `--help`, and the lists.

use serde_json::Value;

use crate::common::{Place, write_idx};

#[test]
fn every_command_explains_itself_and_its_defaults() {
    let place = Place::new();
    for command in ["", "train", "devices", "schedules"] {
        let done = place.ok(&format!("{command} --help"));
        assert!(done.stdout.contains("Usage: kiln") && done.stderr.is_empty(), "{command}: {done:?}");
    }
    for command in [
        "train vae",
        "train logistic",
        "lr-find vae",
        "lr-find logistic",
        "warm-up vae",
        "rates",
        "vi",
        "eval",
        "predict",
        "sample",
        "reconstruct",
        "resume",
        "datasets",
    ] {
        let done = place.ok(&format!("{command} --help"));
        assert!(done.stdout.contains(&format!("Usage: kiln {command}")) && done.stderr.is_empty(), "{done:?}");
        assert!(done.stdout.contains("[default: "), "{command} does not say what holds without its flags");
    }
}

#[test]
fn every_flag_of_training_says_what_holds_without_it() {
    let place = Place::new();
    // Those that are off, or have no value, unless given.
    let exempt = [
        "--help",
        "--json",
        "--quiet",
        "--force",
        "--config",
        "--target",
        "--standardize",
        "--drop",
        "--features",
        "--id",
        "--categorical",
        "--reference",
        "--sample-weight",
        "--recipe",
        "--fit-prior",
        "--no-fused",
        "--scale-per-channel",
        "--layer-norm",
        "--tensorboard",
        "--augment-flip",
        "--skip-bad",
    ];
    for model in ["vae", "logistic", "gmm", "svm"] {
        let help = place.ok(&format!("train {model} --help")).stdout;
        let mut flags: Vec<String> = Vec::new();
        for line in help.lines().map(str::trim_start) {
            match line.starts_with('-') {
                true => flags.push(line.to_owned()),
                false => flags.iter_mut().last().into_iter().for_each(|flag| *flag += &format!(" {line}")),
            }
        }
        assert!(flags.len() > 15, "{help}");
        for flag in flags {
            let default = flag.contains("[default: ") || exempt.iter().any(|name| flag.contains(name));
            assert!(default, "train {model}: {flag}");
        }
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(Place::new().ok("--version").stdout.trim(), concat!("kiln ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_command_at_all_is_answered_with_help() {
    let done = Place::new().exits(2, "");
    assert!(done.stderr.contains("Usage: kiln"), "{done:?}");
}

#[test]
fn devices_are_listed() {
    let place = Place::new();
    assert!(place.ok("devices").stdout.starts_with("NAME"));
    let devices: Value = serde_json::from_str(&place.ok("devices --json").stdout).unwrap();
    let devices = devices.as_array().unwrap();
    assert!(!devices.is_empty());
    for device in devices {
        assert!(["cpu", "gpu"].contains(&device["kind"].as_str().unwrap()), "{device}");
        assert!(device["dtypes"].as_array().unwrap().contains(&"f32".into()), "{device}");
    }
}

#[test]
fn every_schedule_that_is_listed_can_be_used() {
    let place = Place::new();
    let list: Value = serde_json::from_str(&place.ok("schedules --json").stdout).unwrap();
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    let unknown = place.exits(2, "train vae --schedule no-such-schedule").stderr;
    for name in names.iter().filter(|name| **name != "plateau") {
        assert!(unknown.contains(name), "{name} is listed and not known: {unknown}");
        // Known by its name, whatever its keys ask for.
        let done = place.run(&format!("train vae --schedule {name}:no-such-key=1"));
        assert!(!done.stderr.contains("unknown name"), "{}", done.stderr);
    }
    let known = unknown.split("expected one of ").nth(1).unwrap().lines().next().unwrap().split(", ").count();
    assert_eq!(known + 1, names.len(), "{unknown}");
    assert!(place.ok("schedules").stdout.contains("KEYS AND DEFAULTS"));
}

#[test]
fn datasets_are_listed_with_where_they_are() {
    let place = Place::new();
    write_idx(&place, "d/mnist", 12, 3);
    let wheres = |command: &str| -> Vec<(String, String)> {
        let list: Value = serde_json::from_str(&place.ok(command).stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(|d| (text(&d["name"]), text(&d["where"]))).collect()
    };
    let find = |list: &[(String, String)], name: &str| list.iter().find(|d| d.0 == name).unwrap().1.clone();
    let plain = wheres("datasets --json");
    assert_eq!(find(&plain, "digits"), "built in");
    assert_eq!(find(&plain, "breast-cancer"), "built in");
    assert!(find(&plain, "mnist").contains("downloaded"), "{plain:?}");
    assert!(find(&wheres("datasets --data-dir d --json"), "mnist").contains("mnist"));
    assert!(place.ok("datasets").stdout.starts_with("NAME"));
}
