//! The program `kiln` with damaged files and senseless flags. Whatever it reads, it must end with exit code 0, 2, 3 or 4: never
//! with 1 (an internal error), 101 (a panic), 134 (an abort) or by a signal, and `eval`, `predict` and `verify` within 20 seconds
//! and 1 GiB.
//!
//! `KILN_BIN` names the program; `KILN_FUZZ_SECONDS` and `KILN_FUZZ_SEED` are as for the libraries. With `KILN_FUZZ_STRICT=1`,
//! `train` and `resume` that reach a limit are failures too; a flag may well ask for a long run.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use kiln_fuzz::{
    Random, mutate,
    program::{Ended, Limits, copy_folder, kiln, run},
    session::{home, number_from_env, scratch},
};
use serde_json::Value;
use tempfile::TempDir;

/// Words of the program's files and flags.
const WORDS: [&str; 62] = [
    "logistic",
    "vae",
    "gmm",
    "svm",
    "digits",
    "breast-cancer",
    "d.csv",
    "missing.csv",
    ".",
    "/dev/null",
    "y",
    "a",
    "c",
    "none",
    "balanced",
    "hc0",
    "l-bfgs",
    "l-bfgs-b",
    "owl-qn",
    "newton",
    "newton-cg",
    "trust-ncg",
    "bfgs",
    "nonlinear-cg",
    "gd",
    "sgd",
    "momentum",
    "nesterov",
    "torch-sgd",
    "adam",
    "adamw",
    "constant",
    "linear",
    "cosine:warm-up=2",
    "step:factor=0,every=1",
    "plateau",
    "sutskever",
    "uniform",
    "ema:decay=0.9",
    "auto",
    "cpu",
    "gpu",
    "flex",
    "wgpu:0",
    "f32",
    "f64",
    "true",
    "false",
    "bernoulli",
    "gaussian",
    "categorical",
    "elbo",
    "iwae",
    "full",
    "diag",
    "rbf",
    "mean-field",
    "full-rank",
    "laplace",
    "sticking-the-landing",
    "eight-schools",
    "[train]",
];

const NUMBERS: [&str; 22] = [
    "0",
    "1",
    "2",
    "3",
    "8",
    "100",
    "-1",
    "0.5",
    "1e-300",
    "1e308",
    "-1e308",
    "1e309",
    "nan",
    "inf",
    "-inf",
    "65536",
    "4294967296",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "",
    "x",
];

/// A folder with data and finished runs, and a place for damaged copies.
struct Workshop {
    kiln: PathBuf,
    folder: TempDir,
    random: Random,
    begun: Instant,
    tried: usize,
    long: usize,
    codes: BTreeMap<String, usize>,
    failures: BTreeMap<String, String>,
    name: &'static str,
}

impl Workshop {
    /// None, with a message, where there is no program to test.
    fn open(name: &'static str) -> Option<Self> {
        let kiln = kiln()?;
        let folder = scratch();
        let mut rows = Random::new(7);
        let mut csv = "a,b,c,y\n".to_owned();
        for _ in 0..60 {
            let (a, b) = (rows.unit() * 4.0 - 2.0, rows.unit() * 4.0 - 2.0);
            let class = if a + b + rows.unit() * 2.0 > 1.0 { "p" } else { "q" };
            let _ = writeln!(csv, "{a:.3},{b:.3},{},{class}", rows.pick(&["u", "v", "w"]));
        }
        fs::write(folder.path().join("d.csv"), csv).expect("a file");
        let _ = fs::remove_dir_all(home().join("failures").join(name));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a seed")]
        let random = Random::new(number_from_env("KILN_FUZZ_SEED", 0.0) as u64);
        let (codes, failures) = (BTreeMap::new(), BTreeMap::new());
        Some(Self { kiln, folder, random, begun: Instant::now(), tried: 0, long: 0, codes, failures, name })
    }

    /// A run of each model, called `logistic`, `minibatches`, `vae`, `gmm` and `svm`, and the certificate `hs71.json`.
    fn with_runs(mut self) -> Self {
        for command in [
            "train logistic --data d.csv --target y --l2 0.1 --out logistic",
            "train logistic --data d.csv --target y --optimizer sgd --epochs 2 --out minibatches",
            "train vae --hidden-dim 2 --latent-dim 1 --batch-size 500 --epochs 1 --out vae",
            "train gmm --data d.csv --target y --components 2 --out gmm",
            "train svm --data d.csv --target y --out svm",
            "solve hs71 --certificate hs71.json",
        ] {
            let ended = self.kiln(&command.split(' ').collect::<Vec<_>>(), Limits::default());
            // A model may do without one of the flags.
            let ended = match ended.code {
                Some(2) => {
                    let fewer = command.replace(" --target y", "");
                    self.kiln(&fewer.split(' ').collect::<Vec<_>>(), Limits::default())
                }
                _ => ended,
            };
            assert!(matches!(ended.code, Some(0 | 3)), "kiln {command}: {:?} {}", ended.code, ended.stderr);
        }
        self.begun = Instant::now();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn kiln(&self, arguments: &[&str], limits: Limits) -> Ended {
        run(Command::new(&self.kiln).args(arguments).arg("-q").current_dir(&self.folder), self.folder.path(), limits)
    }

    fn goes_on(&self) -> bool {
        self.begun.elapsed() < Duration::from_secs_f64(number_from_env("KILN_FUZZ_SECONDS", 1.0))
    }

    /// Runs a command on damaged input and looks at how it ends. `kept` is a file or folder that repeats a failure.
    fn check(&mut self, arguments: &[&str], kept: &[&str]) {
        let command = arguments[0];
        let reads = matches!(command, "eval" | "predict" | "verify");
        let limits = if reads { Limits::default() } else { Limits { time: Duration::from_secs(3), memory: 3 << 30 } };
        let ended = self.kiln(arguments, limits);
        self.tried += 1;
        let code = ended.code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
        *self.codes.entry(code).or_default() += 1;
        let strict = reads || env::var_os("KILN_FUZZ_STRICT").is_some();
        let fault = match ended.fault() {
            Some(_) if ended.over.is_some() && !strict => {
                self.long += 1;
                None
            }
            None => self.nonsense(&ended, arguments),
            fault => fault,
        };
        let Some(fault) = fault else { return };
        let fault = format!("{command}: {fault}");
        let kind: String = fault.chars().filter(|c| c.is_ascii_alphabetic()).take(70).collect();
        if self.failures.contains_key(&kind) {
            return;
        }
        let place = home().join("failures").join(self.name).join(self.failures.len().to_string());
        let saved = self
            .save(&place, arguments, kept)
            .map_or_else(|e| format!("not saved: {e}"), |()| place.display().to_string());
        self.failures.insert(kind, format!("{fault}\n  kiln {}\n  in {saved}", arguments.join(" ")));
    }

    fn save(&self, place: &Path, arguments: &[&str], kept: &[&str]) -> io::Result<()> {
        fs::create_dir_all(place)?;
        fs::write(place.join("command"), format!("kiln {arguments:?}\n"))?;
        fs::copy(self.path("d.csv"), place.join("d.csv"))?;
        for name in kept {
            let (from, to) = (self.path(name), place.join(name));
            if from.is_dir() {
                copy_folder(&from, &to)?;
            } else {
                fs::copy(from, to)?;
            }
        }
        Ok(())
    }

    /// What is wrong with the answer of a command that ended with 0.
    fn nonsense(&self, ended: &Ended, arguments: &[&str]) -> Option<String> {
        if ended.code != Some(0) {
            return None;
        }
        if arguments.contains(&"--json") {
            let Ok(answer) = serde_json::from_str::<Value>(&ended.stdout) else {
                return Some("--json printed no JSON".to_owned());
            };
            let missing = null_metric(&answer);
            if let Some(name) = missing {
                return Some(format!("exit code 0, but '{name}' is null"));
            }
        }
        if arguments[0] == "predict" {
            let output = fs::read_to_string(self.path("out.csv")).unwrap_or_default();
            let bad = |cell: &str| ["nan", "inf", "-inf"].iter().any(|word| cell.eq_ignore_ascii_case(word));
            if output.lines().any(|line| line.split(',').any(bad)) {
                return Some("exit code 0, but a prediction is not finite".to_owned());
            }
        }
        None
    }

    fn finish(self) {
        let Self { tried, long, codes, begun, failures, name, .. } = self;
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{name}: {tried} runs in {seconds:.1} s, exit codes {codes:?}, {long} ended by a limit, {} failures",
            failures.len()
        );
        let report: Vec<&str> = failures.values().map(String::as_str).collect();
        assert!(failures.is_empty(), "{name} failed:\n- {}", report.join("\n- "));
    }
}

/// The name of a metric without a value.
fn null_metric(value: &Value) -> Option<String> {
    const METRICS: [&str; 8] = ["loss", "nll", "fun", "accuracy", "elbo", "log_likelihood", "grad_norm", "bic"];
    match value {
        Value::Object(fields) => fields.iter().find_map(|(name, value)| match value {
            Value::Null if METRICS.contains(&name.as_str()) => Some(name.clone()),
            _ => null_metric(value),
        }),
        Value::Array(items) => items.iter().find_map(null_metric),
        _ => None,
    }
}

/// All files of a folder, relative to it, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(folder, &mut found);
    found.sort();
    found.iter().map(|path| path.strip_prefix(folder).expect("it is within").to_owned()).collect()
}

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

/// A flag in a command's help.
#[derive(Clone)]
struct Flag {
    name: String,
    takes: Takes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Number,
    Word,
}

/// The flags in a command's help.
fn flags(help: &str) -> Vec<Flag> {
    // These say where files are written, or which are read.
    const FIXED: [&str; 9] =
        ["--out", "--output", "--certificate", "--force", "--config", "--data-dir", "--help", "--version", "--json"];
    let flag = |line: &str| {
        let at = line.find("--").filter(|at| line[..*at].trim().trim_end_matches(',').len() <= 2)?;
        let word = line[at..].split(' ').next()?;
        let name: String = word.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let value = line[at + name.len()..].trim_start().strip_prefix('<');
        let takes = match value.and_then(|value| value.split('>').next()) {
            None => Takes::Nothing,
            Some(value)
                if ["NAME", "TYPE", "HOW", "SCHEDULE", "AVERAGE", "DEVICE", "FILE", "COLUMN"]
                    .iter()
                    .any(|word| value.contains(word)) =>
            {
                Takes::Word
            }
            Some(_) => Takes::Number,
        };
        Some(Flag { name, takes })
    };
    help.lines().filter_map(flag).filter(|flag| !FIXED.contains(&flag.name.as_str())).collect()
}

/// Flags with numbers and words that make no sense.
#[test]
fn flags_of_commands() {
    let Some(mut workshop) = Workshop::open("flags_of_commands") else { return };
    let commands: [&[&str]; 9] = [
        &["train", "logistic", "--data", "d.csv", "--target", "y", "--out", "o"],
        &[
            "train",
            "logistic",
            "--data",
            "d.csv",
            "--target",
            "y",
            "--out",
            "o",
            "--optimizer",
            "nesterov",
            "--epochs",
            "1",
        ],
        &[
            "train",
            "vae",
            "--hidden-dim",
            "2",
            "--latent-dim",
            "1",
            "--batch-size",
            "500",
            "--epochs",
            "1",
            "--out",
            "o",
        ],
        &["train", "gmm", "--data", "d.csv", "--out", "o"],
        &["train", "svm", "--data", "d.csv", "--target", "y", "--out", "o"],
        &["solve", "rosenbrock"],
        &["solve", "hs71"],
        &["vi", "eight-schools", "--steps", "5"],
        &["lr-find", "logistic", "--data", "d.csv", "--target", "y", "--out", "o"],
    ];
    let mut known: BTreeMap<String, Vec<Flag>> = BTreeMap::new();
    for command in commands {
        let name: Vec<&str> = command.iter().take_while(|word| !word.starts_with("--")).copied().collect();
        let path: Vec<&str> = if matches!(name[0], "solve" | "vi") { vec![name[0]] } else { name };
        let ended = workshop.kiln(&[&path[..], &["--help"]].concat(), Limits::default());
        let found = flags(&ended.stdout);
        assert!(found.len() > 5, "no flags in the help of {path:?}: {}", ended.stdout);
        known.insert(command.join(" "), found);
    }
    workshop.begun = Instant::now();
    while workshop.goes_on() {
        let command = *workshop.random.pick(&commands);
        let of_command = &known[&command.join(" ")];
        let mut arguments: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        for _ in 0..=workshop.random.below(2) {
            let Flag { name, takes } = workshop.random.pick(of_command).clone();
            let usual = !workshop.random.one_in(8);
            let value = match usual == (takes == Takes::Word) {
                true => *workshop.random.pick::<&str>(&WORDS),
                false => *workshop.random.pick::<&str>(&NUMBERS),
            };
            // A second time is an error of the parser: replace the value that is there.
            let at = arguments.iter().position(|word| *word == name);
            match (takes, at) {
                (Takes::Nothing, None) => arguments.push(name),
                (Takes::Nothing, Some(_)) => {}
                (_, Some(at)) => value.clone_into(&mut arguments[at + 1]),
                (_, None) => arguments.push(format!("{name}={value}")),
            }
        }
        let _ = fs::remove_dir_all(workshop.path("o"));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        workshop.check(&arguments, &[]);
    }
    workshop.finish();
}
