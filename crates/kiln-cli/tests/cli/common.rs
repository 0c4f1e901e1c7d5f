//! A folder to work in, and the binary run in it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// A VAE that trains in no time, on the embedded digits.
pub(crate) const SMALL: &str = "train vae --hidden-dim 16 --latent-dim 2 --batch-size 128";
/// 1438 of the 1797 digits are for training: this many steps of 128 an epoch.
pub(crate) const SMALL_STEPS: u64 = 12;

/// A small table with two classes.
pub(crate) const TABLE: &str = "x,y\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n7,b\n8,a\n9,b\n10,a\n11,b\n12,b\n";

/// A fresh folder: the working directory, the home and the cache of every command.
pub(crate) struct Place(TempDir);

/// What a command came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[track_caller]
    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    #[track_caller]
    pub(crate) fn toml(&self, name: &str) -> toml::Table {
        self.text(name).parse().unwrap()
    }

    /// The lines of a run's `metrics.jsonl`.
    #[track_caller]
    pub(crate) fn metrics(&self, run: &str) -> Vec<Value> {
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        self.text(&format!("{run}/metrics.jsonl")).lines().map(line).collect()
    }

    #[track_caller]
    pub(crate) fn weights(&self, run: &str) -> Vec<u8> {
        self.read(&format!("{run}/model.safetensors"))
    }

    #[track_caller]
    pub(crate) fn picture_size(&self, name: &str) -> (u32, u32) {
        let picture = image::load_from_memory(&self.read(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        (picture.width(), picture.height())
    }

    /// Every file below `name` with its content.
    pub(crate) fn snapshot(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        fn visit(path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
            if path.is_dir() {
                fs::read_dir(path).unwrap().for_each(|entry| visit(&entry.unwrap().path(), files));
            } else {
                files.insert(path.to_owned(), fs::read(path).unwrap());
            }
        }
        let mut files = BTreeMap::new();
        visit(&self.path(name), &mut files);
        files
    }

    /// The checkpoints of a run, oldest first.
    pub(crate) fn checkpoints(&self, run: &str) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path(run).join("checkpoints")) else { return Vec::new() };
        let is_checkpoint = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("step-");
        let mut all: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(is_checkpoint).collect();
        all.sort();
        all
    }

    /// The state in a run's newest checkpoint.
    #[track_caller]
    pub(crate) fn state(&self, run: &str) -> Value {
        let newest = self.checkpoints(run).pop().expect("the run has a checkpoint");
        let file: Value = serde_json::from_slice(&fs::read(newest.join("state.json")).unwrap()).unwrap();
        file["state"]["position"].clone()
    }

    /// The command of a line whose words have no blanks within.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_remove("KILN_DATA_DIR").env_remove("BURN_DEVICE").env_remove("RAYON_NUM_THREADS");
        command.env("HOME", self.path("home")).env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    pub(crate) fn run(&self, line: &str) -> Done {
        Self::done(self.command(line))
    }

    fn done(mut command: Command) -> Done {
        let output = command.output().unwrap();
        Done {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that must succeed. The last word may have blanks within.
    #[track_caller]
    pub(crate) fn ok_with(&self, line: &str, last: &str) -> Done {
        let mut command = self.command(line);
        command.arg(last);
        let done = Self::done(command);
        assert_eq!(done.code, Some(0), "kiln {line} {last}\n{done:#?}");
        done
    }

    /// Runs a command with a text on its standard input.
    pub(crate) fn with_input(&self, line: &str, text: &str) -> Done {
        let mut command = self.command(line);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let text = text.to_owned();
        // A command that is refused does not read.
        let writer = std::thread::spawn(move || drop(std::io::Write::write_all(&mut input, text.as_bytes())));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        Done {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What a run that ends well prints, which is JSON.
    pub(crate) fn json_of(&self, line: &str) -> Value {
        serde_json::from_str(&self.ok(line).stdout).unwrap()
    }

    /// Runs a command that must succeed.
    #[track_caller]
    pub(crate) fn ok(&self, line: &str) -> Done {
        self.exits(0, line)
    }

    #[track_caller]
    pub(crate) fn exits(&self, code: i32, line: &str) -> Done {
        let done = self.run(line);
        assert_eq!(done.code, Some(code), "kiln {line}\n{done:#?}");
        done
    }

    /// Runs a command that must be refused with exit code 2 and one line that holds every one of `words`.
    #[track_caller]
    pub(crate) fn refused(&self, line: &str, words: &[&str]) {
        let done = self.exits(2, line);
        assert_eq!(done.stdout, "", "kiln {line}");
        let lines: Vec<&str> = done.stderr.lines().collect();
        match lines[..] {
            [one] => assert!(one.starts_with("kiln: ") || one.starts_with("error: "), "kiln {line}\n{one}"),
            // clap adds the usage below its line.
            [first, ..] => assert!(first.starts_with("error: "), "kiln {line}\n{}", done.stderr),
            [] => panic!("kiln {line} says nothing"),
        }
        for word in words {
            assert!(done.stderr.contains(word), "kiln {line}\nlacks '{word}': {}", done.stderr);
        }
    }

    /// As [`refused`](Self::refused), for a training run into the folder `out`, of which nothing may be left.
    #[track_caller]
    pub(crate) fn refused_to_start(&self, train: &str, words: &[&str]) {
        self.refused(&format!("{train} --out out"), words);
        assert!(!self.exists("out"), "kiln {train} --out out: the folder was made");
    }

    pub(crate) fn start(&self, line: &str) -> Running {
        let command = &mut self.command(line);
        Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

/// A command under way, ended when it goes out of scope.
pub(crate) struct Running(Child);

impl Running {
    #[track_caller]
    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_secs(60), "there is no {what} after a minute");
            assert!(self.0.try_wait().unwrap().is_none(), "the command ended before there was {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// SIGKILL on Unix.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(status.success(), "kill {name}");
    }

    pub(crate) fn wait(mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(60), "the command does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The log without what differs from run to run: speed.
pub(crate) fn timeless(mut log: Vec<Value>) -> Vec<Value> {
    for line in &mut log {
        line.as_object_mut().unwrap().remove("examples_per_s").expect("every line has a rate");
    }
    log
}

#[track_caller]
pub(crate) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("expected a number, got {value}"))
}

/// A number in [0, 1) that looks random, the same for the same `i`.
pub(crate) fn scatter(i: usize) -> f64 {
    // The golden ratio's and √2's multiples modulo 1, mixed.
    let x = (i as f64 + 0.5) * 0.618_033_988_749_894_8;
    let y = (i as f64 * i as f64) * std::f64::consts::SQRT_2;
    (x + y).fract()
}

/// Four IDX files in the folder `dir` of `place`, the names of which begin as the file's do; images of 2×2 pixels.
pub(crate) fn write_idx(place: &Place, dir: &str, train: usize, test: usize) {
    for (part, count, shift) in [("train", train, 0), ("t10k", test, 1000)] {
        let pixels: Vec<u8> = (0..4 * count).map(|i| (scatter(i + shift) * 256.0) as u8).collect();
        let labels: Vec<u8> = (0..count).map(|i| (i % 3) as u8).collect();
        place.write(&format!("{dir}/{part}-images-idx3-ubyte"), idx(&[0x803, count as u32, 2, 2], &pixels));
        place.write(&format!("{dir}/{part}-labels-idx1-ubyte"), idx(&[0x801, count as u32], &labels));
    }
}

/// An IDX file: a header of big-endian words, and bytes.
pub(crate) fn idx(header: &[u32], bytes: &[u8]) -> Vec<u8> {
    header.iter().flat_map(|word| word.to_be_bytes()).chain(bytes.iter().copied()).collect()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}
