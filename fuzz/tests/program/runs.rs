//! The files of finished runs, and certificates.

use std::{
    fs,
    path::{Path, PathBuf},
};

use kiln_fuzz::{Random, mutate, program::copy_folder};

use crate::{
    words::WORDS,
    workshop::{Workshop, files},
};

/// A damaged copy of a file's content, by what kind of file it is.
fn damaged(random: &mut Random, path: &Path, content: &[u8]) -> Vec<u8> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => mutate::json(random, content, &WORDS),
        Some("safetensors") => mutate::safetensors(random, content),
        Some("toml") => mutate::toml(random, content, &WORDS),
        Some("csv") => mutate::csv(random, content, &WORDS),
        Some("jsonl") => mutate::bytes(random, content, &WORDS),
        _ => mutate::bytes(random, content, &[]),
    }
}

/// One file of a finished run is damaged or gone; then the run is used.
#[test]
fn files_of_a_run() {
    let Some(workshop) = Workshop::open("files_of_a_run") else { return };
    let mut workshop = workshop.with_runs();
    let runs = ["logistic", "minibatches", "vae", "gmm", "svm"];
    while workshop.goes_on() {
        let name = *workshop.random.pick(&runs);
        let _ = fs::remove_dir_all(workshop.path("run"));
        copy_folder(&workshop.path(name), &workshop.path("run")).expect("a copy of the run");
        let picture = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "png" || ending == "svg");
        let candidates: Vec<PathBuf> = files(&workshop.path(name)).into_iter().filter(|path| !picture(path)).collect();
        let relative = workshop.random.pick(&candidates).clone();
        let path = workshop.path("run").join(&relative);
        let content = fs::read(&path).expect("a file of the run");
        match workshop.random.below(24) {
            0 => fs::remove_file(&path).expect("it can be removed"),
            1 => {
                fs::remove_file(&path).expect("it can be removed");
                fs::create_dir(&path).expect("a folder in its place");
            }
            _ => {
                let content = damaged(&mut workshop.random, &relative, &content);
                fs::write(&path, content).expect("a damaged file");
            }
        }
        let commands: &[&[&str]] = match name {
            "vae" => &[
                &["eval", "run", "--samples", "3", "--images", "3", "--json"],
                &["sample", "run", "-n", "4", "--output", "out.png"],
                &["resume", "run", "--epochs", "2", "--json"],
            ],
            "minibatches" => &[
                &["eval", "run", "--json"],
                &["predict", "run", "--data", "d.csv", "--output", "out.csv"],
                &["resume", "run", "--epochs", "3", "--json"],
            ],
            _ => &[
                &["eval", "run", "--json"],
                &["predict", "run", "--data", "d.csv", "--output", "out.csv"],
                &["verify", "run"],
                &["resume", "run", "--max-iter", "50", "--json"],
            ],
        };
        let _ = fs::remove_file(workshop.path("out.csv"));
        let command = *workshop.random.pick(commands);
        workshop.check(command, &["run"]);
    }
    workshop.finish();
}

/// Certificates that stand alone.
#[test]
fn certificates() {
    let Some(workshop) = Workshop::open("certificates") else { return };
    let mut workshop = workshop.with_runs();
    let content = fs::read(workshop.path("hs71.json")).expect("the certificate");
    while workshop.goes_on() {
        let changed = mutate::json(&mut workshop.random, &content, &["hs71", "rosenbrock", "hs33", "problem"]);
        fs::write(workshop.path("certificate.json"), changed).expect("a file");
        workshop.check(&["verify", "certificate.json", "--json"], &["certificate.json"]);
    }
    workshop.finish();
}
