//! Runs that are killed (SIGKILL) and finished by `kiln resume` must leave the bytes of a run that was never stopped.
//!
//! `KILN_BIN` names the program. `KILN_CHAOS_RUNS` is the number of killed runs, 10 by default; `KILN_FUZZ_SEED` chooses the
//! moments. Half of the kills come at any moment of the run. The other half come between the last checkpoint and the last
//! output: the test watches the run's folder for the last checkpoint.
#![cfg(unix)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use kiln_fuzz::{
    Random,
    program::{Ended, Limits, copy_folder, kiln, run, start},
    session::{home, number_from_env},
};
use serde_json::Value;
use tempfile::TempDir;

/// The runs: tiny, with several checkpoints where the model has any.
const RUNS: [(&str, &str); 5] = [
    ("vae", "train vae --hidden-dim 4 --latent-dim 2 --batch-size 200 --epochs 6"),
    ("logistic, solver", "train logistic --data breast-cancer --l2 0.01"),
    ("logistic, optimiser", "train logistic --data breast-cancer --optimizer adam --batch-size 64 --epochs 12"),
    ("gmm", "train gmm --data t.csv --components 3"),
    ("svm", "train svm --data breast-cancer"),
];

/// Files that must have the same bytes, where the whole run has them.
const SAME: [&str; 6] =
    ["model.safetensors", "coef.csv", "components.csv", "support.csv", "encoder.json", "config.toml"];

/// Fields that tell the time.
const TIMES: [&str; 4] = ["wall_s", "examples_per_s", "started", "total_wall_s"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Any,
    BeforeOutputs,
}

#[derive(Default)]
struct Row {
    killed: usize,
    ended_before: usize,
    resumed: usize,
    started_again: usize,
    faults: Vec<String>,
}

struct Laboratory {
    kiln: PathBuf,
    folder: TempDir,
}

/// A run that nobody stopped.
struct Whole {
    /// The name of its folder.
    name: String,
    took: Duration,
    /// The name of the last checkpoint, if there is any.
    last_checkpoint: Option<String>,
    /// From the last checkpoint to the end.
    after_checkpoint: Duration,
    eval: String,
}

impl Laboratory {
    fn command(&self, line: &str, more: &[&str]) -> Command {
        let mut command = Command::new(&self.kiln);
        command.args(line.split(' ')).args(more).arg("-q").current_dir(&self.folder);
        command
    }

    fn run(&self, line: &str, more: &[&str]) -> Ended {
        run(
            &mut self.command(line, more),
            self.folder.path(),
            Limits { time: Duration::from_secs(60), ..Limits::default() },
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The result of `eval --json`, if it ends with 0.
    fn eval(&self, run: &str) -> Option<(String, Ended)> {
        let ended = self.run(&format!("eval {run} --json"), &[]);
        let answer = without_times(&ended.stdout).replace(run, "RUN");
        (ended.code == Some(0)).then_some((answer, ended))
    }

    fn whole(&self, at: usize) -> Whole {
        let (line, name) = (RUNS[at].1, format!("whole-{at}"));
        // The second run counts: the first fills the caches of the system.
        for _ in 0..2 {
            let _ = fs::remove_dir_all(self.path(&name));
            let ended = self.run(line, &["--out", &name]);
            assert!(matches!(ended.code, Some(0 | 3)), "kiln {line}: {:?} {}", ended.code, ended.stderr);
        }
        let begun = Instant::now();
        let mut child = start(&mut self.command(line, &["--out", "timed"]), self.folder.path());
        let last_checkpoint = checkpoints(&self.path(&name)).pop();
        let mut at_checkpoint = None;
        while child.try_wait().expect("a child of this process").is_none() {
            let there = last_checkpoint.as_ref().is_some_and(|name| self.path("timed/checkpoints").join(name).exists());
            if there && at_checkpoint.is_none() {
                at_checkpoint = Some(begun.elapsed());
            }
            thread::sleep(Duration::from_micros(200));
        }
        let took = begun.elapsed();
        fs::remove_dir_all(self.path("timed")).expect("a folder that can be removed");
        let after_checkpoint = at_checkpoint.map_or(Duration::ZERO, |at| took.saturating_sub(at));
        let (eval, _) = self.eval(&name).expect("a finished run can be evaluated");
        Whole { name, took, last_checkpoint, after_checkpoint, eval }
    }

    /// Starts the run, kills it at the moment, finishes it, and compares.
    fn trial(
        &self,
        line: &str,
        whole: &Whole,
        moment: Moment,
        random: &mut Random,
        row: &mut Row,
    ) -> Result<(), String> {
        let mut share = random.unit();
        while !self.killed(line, whole, moment, share) {
            // It ended before: the machine is quicker than it was.
            row.ended_before += 1;
            share *= 0.7;
            if share < 1e-3 {
                return Err("the run always ends before it can be killed: make it longer".to_owned());
            }
        }
        row.killed += 1;

        // A model that is not the final one must not be used without a word.
        if let Some((eval, ended)) = self.eval("run")
            && eval != whole.eval
            && ended.stderr.is_empty()
        {
            return Err("eval of the killed run gives other numbers without a warning".to_owned());
        }
        if !self.has_ended() {
            self.finish(line, random, row)?;
        }
        self.compare(whole)
    }

    /// Starts the run and kills it after this share of its time, or of the time between the last checkpoint and the end. Returns
    /// whether it was still running.
    fn killed(&self, line: &str, whole: &Whole, moment: Moment, share: f64) -> bool {
        let _ = fs::remove_dir_all(self.path("run"));
        let mut child = start(&mut self.command(line, &["--out", "run"]), self.folder.path());
        let begun = Instant::now();
        let ended = |child: &mut std::process::Child| child.try_wait().expect("a child of this process").is_some();
        let delay = match moment {
            Moment::Any => whole.took.mul_f64(share),
            Moment::BeforeOutputs => {
                let name = whole.last_checkpoint.as_ref().expect("chosen for runs with checkpoints");
                let last = self.path("run/checkpoints").join(name);
                while !last.exists() && !ended(&mut child) && begun.elapsed() < Duration::from_secs(60) {
                    thread::sleep(Duration::from_micros(100));
                }
                begun.elapsed() + whole.after_checkpoint.mul_f64(share)
            }
        };
        while begun.elapsed() < delay && !ended(&mut child) {
            thread::sleep(Duration::from_micros(100));
        }
        let running = !ended(&mut child);
        let _ = child.kill();
        let _ = child.wait();
        running
    }

    /// Whether run.json says that the last output was written.
    fn has_ended(&self) -> bool {
        let record = fs::read(self.path("run/run.json")).unwrap_or_default();
        serde_json::from_slice::<Value>(&record).is_ok_and(|record| record["ended"].is_string())
    }

    /// Resumes until the run has ended; a resume may be killed as well.
    fn finish(&self, line: &str, random: &mut Random, row: &mut Row) -> Result<(), String> {
        for attempt in 0..4 {
            if attempt < 2 && random.one_in(3) {
                let mut child = start(&mut self.command("resume run", &[]), self.folder.path());
                thread::sleep(Duration::from_millis(random.below(200) as u64));
                let _ = child.kill();
                let _ = child.wait();
                continue;
            }
            let had_checkpoints = !checkpoints(&self.path("run")).is_empty();
            let ended = self.run("resume run", &[]);
            if matches!(ended.code, Some(0 | 3)) {
                row.resumed += 1;
                return Ok(());
            }
            if self.has_ended() && ended.code == Some(2) {
                return Ok(());
            }
            if had_checkpoints || ended.code != Some(2) {
                return Err(format!("resume ends with {:?}: {}", ended.code, ended.first_line()));
            }
            // Killed before the first checkpoint: nothing is lost by a new start.
            let again = self.run(line, &["--out", "run", "--force"]);
            row.started_again += 1;
            return match again.code {
                Some(0 | 3) => Ok(()),
                code => Err(format!("a new start with --force ends with {code:?}: {}", again.first_line())),
            };
        }
        Err("four attempts did not finish the run".to_owned())
    }

    fn compare(&self, whole: &Whole) -> Result<(), String> {
        let read = |folder: &str, name: &str| fs::read(self.path(folder).join(name));
        for name in SAME {
            let Ok(expected) = read(&whole.name, name) else { continue };
            match read("run", name) {
                Ok(found) if found == expected => {}
                Ok(_) => return Err(format!("{name} differs")),
                Err(error) => return Err(format!("{name}: {error}")),
            }
        }
        for name in ["metrics.jsonl", "result.json"] {
            let Ok(expected) = read(&whole.name, name) else { continue };
            let found = read("run", name).map_err(|error| format!("{name}: {error}"))?;
            let text = |bytes: &[u8]| without_times(&String::from_utf8_lossy(bytes));
            if text(&found) != text(&expected) {
                return Err(format!("{name} differs"));
            }
        }
        match self.eval("run") {
            Some((eval, _)) if eval == whole.eval => Ok(()),
            Some(_) => Err("eval gives other numbers".to_owned()),
            None => Err("eval fails".to_owned()),
        }
    }
}

/// The names of a run's checkpoints, oldest first.
fn checkpoints(run: &Path) -> Vec<String> {
    let entries = fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

/// JSON, one value a file or one a line, without the fields that tell the time.
fn without_times(text: &str) -> String {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| !TIMES.contains(&name.as_str()));
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let plain = |text: &str| {
        serde_json::from_str::<Value>(text).map(|mut value| {
            strip(&mut value);
            value.to_string()
        })
    };
    plain(text).unwrap_or_else(|_| {
        text.lines().map(|line| plain(line).unwrap_or_else(|_| line.to_owned())).collect::<Vec<_>>().join("\n")
    })
}

#[test]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a seed and a small count")]
fn killed_runs_are_finished_to_the_same_bytes() {
    let Some(kiln) = kiln() else { return };
    let lab = Laboratory { kiln, folder: tempfile::tempdir().expect("a temporary folder") };
    let mut rows = Random::new(3);
    let table: String = (0..300)
        .map(|i| {
            let centre = f64::from(i % 3) * 4.0;
            format!("{:.4},{:.4}\n", centre + rows.unit() * 2.0, centre - rows.unit() * 3.0)
        })
        .collect();
    fs::write(lab.path("t.csv"), format!("a,b\n{table}")).expect("a file");
    let trials = number_from_env("KILN_CHAOS_RUNS", 10.0) as usize;
    let mut random = Random::new(number_from_env("KILN_FUZZ_SEED", 0.0) as u64);
    let failures = home().join("failures/chaos");
    let _ = fs::remove_dir_all(&failures);

    let wholes: Vec<Whole> = (0..RUNS.len()).map(|at| lab.whole(at)).collect();
    let mut table: BTreeMap<(usize, Moment), Row> = BTreeMap::new();
    for trial in 0..trials {
        // Every run in turn; then, in the second half, again those with checkpoints.
        let (at, moment) = if trial < trials.div_ceil(2) {
            (trial % RUNS.len(), Moment::Any)
        } else {
            let with_checkpoints: Vec<usize> =
                (0..RUNS.len()).filter(|at| wholes[*at].last_checkpoint.is_some()).collect();
            (with_checkpoints[trial % with_checkpoints.len()], Moment::BeforeOutputs)
        };
        let row = table.entry((at, moment)).or_default();
        if let Err(fault) = lab.trial(RUNS[at].1, &wholes[at], moment, &mut random, row) {
            let place = failures.join(trial.to_string());
            let kept = copy_folder(&lab.path("run"), &place.join("run"))
                .and_then(|()| copy_folder(&lab.path(&wholes[at].name), &place.join("whole")));
            row.faults.push(match kept {
                Ok(()) => fault,
                Err(error) => format!("{fault} (not kept: {error})"),
            });
        }
    }

    println!(
        "{:<20} {:<15} {:>6} {:>6} {:>7} {:>9} {:>6}",
        "run", "killed", "killed", "ended", "resumed", "new start", "faults"
    );
    for ((at, moment), row) in &table {
        let when = if *moment == Moment::Any { "at any moment" } else { "before outputs" };
        let Row { killed, ended_before, resumed, started_again, faults } = row;
        println!(
            "{:<20} {when:<15} {killed:>6} {ended_before:>6} {resumed:>7} {started_again:>9} {:>6}",
            RUNS[*at].0,
            faults.len()
        );
    }
    let faults: Vec<String> = table
        .iter()
        .flat_map(|((at, _), row)| row.faults.iter().map(|fault| format!("{}: {fault}", RUNS[*at].0)))
        .collect();
    assert!(faults.is_empty(), "{} of {trials} killed runs:\n- {}", faults.len(), faults.join("\n- "));
}
