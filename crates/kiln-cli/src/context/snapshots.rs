//! The checkpoint of a solver: one file, replaced now and then and at the end.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use kiln::tensor::atomic;

use crate::base::{Failure, Result, RunDir};

/// Time between two checkpoints. It is longer where writing one takes more than a twentieth of it.
const EVERY: Duration = Duration::from_secs(30);

/// Writes the checkpoints of a fit.
pub(crate) struct Snapshots {
    path: PathBuf,
    /// Seconds of earlier processes.
    before: f64,
    started: Instant,
    last: Instant,
    took: Duration,
}

impl Snapshots {
    /// Starts a fit that took `before` seconds in earlier processes. `name` is the file's name.
    pub(crate) fn start(dir: &RunDir, name: &str, before: f64) -> Result<Self> {
        let path = dir.checkpoint_file(name);
        let folder = path.parent().expect("it is in a folder");
        fs::create_dir_all(folder).map_err(|e| Failure::write(folder, &e))?;
        let now = Instant::now();
        Ok(Self { path, before, started: now, last: now, took: Duration::ZERO })
    }

    /// Seconds of training so far, including those of earlier processes.
    pub(crate) fn wall_s(&self) -> f64 {
        self.before + self.own_wall_s()
    }

    /// Seconds of training in this process.
    pub(crate) fn own_wall_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Returns whether the last checkpoint is old enough for another.
    pub(crate) fn is_due(&self) -> bool {
        self.last.elapsed() >= EVERY.max(20 * self.took)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let begun = Instant::now();
        atomic::write(&self.path, bytes).map_err(|e| Failure::write(&self.path, &e))?;
        self.last = Instant::now();
        self.took = self.last - begun;
        Ok(())
    }
}
