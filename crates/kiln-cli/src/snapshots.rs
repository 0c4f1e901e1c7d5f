//! Where a solver's run is, on the disk: one snapshot, replaced whole now and then and at the end.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use kiln::optim::solver::Snapshot;

use crate::{
    failure::{Failure, Result},
    rundir::{RunDir, write_whole},
};

const FILE: &str = "checkpoints/solver.safetensors";
/// Seconds of training, an entry of the run's own.
const WALL: &str = "wall_s";
/// Between two snapshots; longer where writing one takes more than a twentieth of it.
const EVERY: Duration = Duration::from_secs(30);

/// The snapshots of a run that goes on.
pub(crate) struct Snapshots {
    path: PathBuf,
    /// Seconds of earlier processes.
    before: f64,
    started: Instant,
    last: Instant,
    took: Duration,
}

impl Snapshots {
    /// For a run that begins now, from a snapshot or not.
    pub(crate) fn start(dir: &RunDir, from: Option<&Snapshot>) -> Result<Self> {
        let path = dir.file(FILE);
        let folder = path.parent().expect("it is in a folder");
        fs::create_dir_all(folder).map_err(|e| Failure::write(folder, e))?;
        let before = from.and_then(|snapshot| snapshot.number(WALL).ok()).unwrap_or(0.0);
        let now = Instant::now();
        Ok(Self { path, before, started: now, last: now, took: Duration::ZERO })
    }

    /// The snapshot of a run that stopped.
    pub(crate) fn read(dir: &RunDir) -> Result<Snapshot> {
        let (path, run) = (dir.file(FILE), dir.path().display());
        let bytes = fs::read(&path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                Failure::usage(format!("{run} has no {FILE}: the run stopped before it was written; start it again"))
            }
            _ => Failure::usage(format!("cannot read {}: {e}", path.display())),
        })?;
        Snapshot::from_bytes(&bytes).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
    }

    /// Seconds of training so far, those of earlier processes included.
    pub(crate) fn wall_s(&self) -> f64 {
        self.before + self.own_wall_s()
    }

    /// Seconds of training in this process.
    pub(crate) fn own_wall_s(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Writes one, if the last is old enough.
    pub(crate) fn offer(&mut self, snapshot: impl FnOnce() -> Snapshot) -> Result<()> {
        if self.last.elapsed() < EVERY.max(20 * self.took) {
            return Ok(());
        }
        self.write(snapshot())
    }

    pub(crate) fn write(&mut self, mut snapshot: Snapshot) -> Result<()> {
        let begun = Instant::now();
        snapshot.put_number(WALL, self.wall_s());
        write_whole(&self.path, &snapshot.to_bytes())?;
        self.last = Instant::now();
        self.took = self.last - begun;
        Ok(())
    }
}
