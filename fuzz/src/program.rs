//! A run of the program `kiln`, under limits of time and memory.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The most that one run may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time.
    pub time: Duration,
    /// Resident memory in bytes. It is read from `/proc`, and not limited where there is none.
    pub memory: u64,
}

impl Default for Limits {
    /// 20 seconds and 1 GiB.
    fn default() -> Self {
        Self { time: Duration::from_secs(20), memory: 1 << 30 }
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit code; none after a signal.
    pub code: Option<i32>,
    /// The limit because of which the run was killed.
    pub over: Option<String>,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
    /// Seconds.
    pub took: Duration,
}

impl Ended {
    /// What was wrong with how the run ended, if it is not one of the documented exit codes of a program that has no fault: 0
    /// done, 2 bad input, 3 not converged, 4 diverged.
    pub fn fault(&self) -> Option<String> {
        match (&self.over, self.code) {
            (Some(limit), _) => Some(limit.clone()),
            (None, Some(0 | 2 | 3 | 4)) => None,
            (None, Some(code)) => Some(format!("exit code {code}: {}", self.first_line())),
            (None, None) => Some(format!("ended by a signal: {}", self.first_line())),
        }
    }

    /// The first 300 characters of the standard error, as one line.
    pub fn first_line(&self) -> String {
        self.stderr.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
    }
}

/// The program in the environment variable `KILN_BIN`. Without the variable, tests of the program are skipped, with a message.
///
/// # Panics
/// If the variable names no file.
pub fn kiln() -> Option<PathBuf> {
    let Some(path) = env::var_os("KILN_BIN") else {
        println!("skipped: KILN_BIN does not name the program");
        return None;
    };
    // Cargo runs tests in the package's folder; a relative path is meant from the workspace's.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    Some(path.canonicalize().unwrap_or_else(|e| panic!("KILN_BIN: {}: {e}", path.display())))
}

/// Copies a folder and all that is in it, without following links.
///
/// # Errors
/// If a file cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Starts a command with nothing on its standard input; its standard output and error go to files in `folder`.
///
/// # Panics
/// If it cannot be started.
pub fn start(command: &mut Command, folder: &Path) -> Child {
    let file = |name: &str| File::create(folder.join(name)).expect("a file for the output");
    command.stdin(Stdio::null()).stdout(file(".stdout")).stderr(file(".stderr")).spawn().expect("the program starts")
}

/// Runs a command to its end, or to one of the limits.
///
/// # Panics
/// If it cannot be started.
pub fn run(command: &mut Command, folder: &Path, limits: Limits) -> Ended {
    let begun = Instant::now();
    let mut child = start(command, folder);
    let mut over = None;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child of this process") {
            break status;
        }
        if begun.elapsed() > limits.time {
            over = Some(format!("it ran for more than {} s", limits.time.as_secs()));
        } else if resident(child.id()).is_some_and(|bytes| bytes > limits.memory) {
            over = Some(format!("it took more than {} MiB", limits.memory >> 20));
        }
        if over.is_some() {
            let _ = child.kill();
        }
        thread::sleep(Duration::from_millis(1));
    };
    let read = |name| String::from_utf8_lossy(&fs::read(folder.join(name)).unwrap_or_default()).into_owned();
    Ended { code: status.code(), over, stdout: read(".stdout"), stderr: read(".stderr"), took: begun.elapsed() }
}

/// The largest resident memory of a process so far, in bytes.
fn resident(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib << 10)
}
