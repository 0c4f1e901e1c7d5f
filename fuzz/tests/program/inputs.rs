//! Tables and settings.

use std::fs;

use kiln_fuzz::{mutate, session::home};

use crate::{
    words::WORDS,
    workshop::{Workshop, files},
};

/// Tables to train on, to evaluate on and to predict.
#[test]
fn data_files() {
    let Some(workshop) = Workshop::open("data_files") else { return };
    let mut workshop = workshop.with_runs();
    let corpus = home().join("corpus/table");
    let mut seeds: Vec<Vec<u8>> =
        files(&corpus).iter().map(|name| fs::read(corpus.join(name)).expect("a file")).collect();
    seeds.extend(std::iter::repeat_n(fs::read(workshop.path("d.csv")).expect("the data"), 40));
    while workshop.goes_on() {
        let seed = workshop.random.pick(&seeds).clone();
        let words = ["NA", "1e308", "-1.7e308", "1e16", "p", "q", ","];
        let changed = mutate::csv(&mut workshop.random, &seed, &words);
        let header = String::from_utf8_lossy(&changed).lines().next().unwrap_or_default().to_owned();
        // An argument of a program holds no zero byte.
        let target = header.rsplit(',').next().unwrap_or_default().trim().replace('\0', "");
        fs::write(workshop.path("m.csv"), changed).expect("a file");
        let _ = fs::remove_dir_all(workshop.path("o"));
        let _ = fs::remove_file(workshop.path("out.csv"));
        let (data, target) = (["--data", "m.csv"], ["--target", target.as_str()]);
        let out = ["--out", "o", "--json"];
        let command: Vec<&str> = match workshop.random.below(9) {
            0 => [&["train", "logistic"][..], &data, &target, &["--l2", "0.1"], &out].concat(),
            1 => [&["train", "logistic"][..], &data, &target, &["--optimizer", "sgd", "--epochs", "1"], &out].concat(),
            2 => [&["train", "gmm"][..], &data, &["--components", "2"], &out].concat(),
            3 => [&["train", "svm"][..], &data, &target, &out].concat(),
            4 => [&["eval", "logistic", "--json"][..], &data].concat(),
            5 => [&["predict", "logistic", "--output", "out.csv"][..], &data].concat(),
            6 => [&["predict", "svm", "--output", "out.csv"][..], &data].concat(),
            7 => [&["predict", "gmm", "--output", "out.csv"][..], &data].concat(),
            _ => [&["eval", "gmm", "--json"][..], &data].concat(),
        };
        workshop.check(&command, &["m.csv"]);
    }
    workshop.finish();
}

/// `config.toml`, given to `train --config`.
#[test]
fn settings() {
    let Some(workshop) = Workshop::open("settings") else { return };
    let mut workshop = workshop.with_runs();
    let models =
        [("logistic", "logistic"), ("logistic", "minibatches"), ("vae", "vae"), ("gmm", "gmm"), ("svm", "svm")];
    while workshop.goes_on() {
        let (model, run) = *workshop.random.pick(&models);
        let content = fs::read(workshop.path(run).join("config.toml")).expect("the settings");
        let changed = mutate::toml(&mut workshop.random, &content, &WORDS);
        fs::write(workshop.path("m.toml"), changed).expect("a file");
        let _ = fs::remove_dir_all(workshop.path("o"));
        workshop.check(&["train", model, "--config", "m.toml", "--out", "o", "--json"], &["m.toml"]);
    }
    workshop.finish();
}
