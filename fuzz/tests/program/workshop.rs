//! Where the program is tried, and what counts as a failure.

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
    Random,
    program::{Ended, Limits, copy_folder, kiln, run},
    session::{home, number_from_env, scratch},
};
use serde_json::Value;
use tempfile::TempDir;

/// A folder with data and finished runs, and a place for damaged copies.
pub(crate) struct Workshop {
    pub(crate) kiln: PathBuf,
    pub(crate) folder: TempDir,
    pub(crate) random: Random,
    pub(crate) begun: Instant,
    tried: usize,
    long: usize,
    codes: BTreeMap<String, usize>,
    failures: BTreeMap<String, String>,
    pub(crate) name: &'static str,
}

impl Workshop {
    /// None, with a message, where there is no program to test.
    pub(crate) fn open(name: &'static str) -> Option<Self> {
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
    pub(crate) fn with_runs(mut self) -> Self {
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn kiln(&self, arguments: &[&str], limits: Limits) -> Ended {
        run(Command::new(&self.kiln).args(arguments).arg("-q").current_dir(&self.folder), self.folder.path(), limits)
    }

    pub(crate) fn goes_on(&self) -> bool {
        self.begun.elapsed() < Duration::from_secs_f64(number_from_env("KILN_FUZZ_SECONDS", 1.0))
    }

    /// Runs a command on damaged input and looks at how it ends. `kept` is a file or folder that repeats a failure.
    pub(crate) fn check(&mut self, arguments: &[&str], kept: &[&str]) {
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

    pub(crate) fn finish(self) {
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
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
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
