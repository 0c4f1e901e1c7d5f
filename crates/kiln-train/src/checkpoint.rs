//! Checkpoints: everything that a run needs to continue as if it had never stopped.
//!
//! A checkpoint is a folder, such as `step-000001410`, with three files:
//!
//! | file | content |
//! |---|---|
//! | `model.bpk` | the parameters with their ids |
//! | `optimizer.bpk` | the state of the optimiser: velocities, averages of the iterates, … |
//! | `state.json` | the optimiser's name, the [`Position`] of the run, and the SHA-256 of all three files |
//!
//! Random numbers and the order of the data are functions of the seed, the epoch and the step, so they need no state.
//!
//! A checkpoint is written to a hidden folder, flushed to the disk, and renamed. A killed process therefore leaves either a
//! complete checkpoint or none, and never loses the one before.

mod error;
mod position;
mod saved;
mod state;

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use burn::{module::Module, tensor::Bytes};
use kiln_optim::FirstOrder;
use kiln_tensor::atomic::sync_folder;

pub use self::{error::CheckpointError, position::Position, saved::Checkpoint};
use self::{
    saved::{MODEL, OPTIMIZER, STATE},
    state::{State, sha256},
};

/// Start of the name of a checkpoint.
const PREFIX: &str = "step-";
/// Start of the name of a checkpoint that is being written.
const UNFINISHED: &str = ".unfinished-";
/// Start of the name of a complete checkpoint that a newer one of the same step is about to replace.
const REPLACED: &str = ".replaced-";
/// Start of the name of a checkpoint that is being deleted.
const DELETED: &str = ".deleted-";

/// A folder of checkpoints. It keeps the newest ones and the best one.
///
/// # Example
///
/// ```
/// use kiln_train::{Checkpoints, CheckpointError};
///
/// # let folder = tempfile::tempdir()?;
/// let checkpoints = Checkpoints::new(folder.path().join("checkpoints"), 2);
/// assert!(matches!(checkpoints.latest(), Err(CheckpointError::None(_))));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// [`Trainer::checkpoint_to`](crate::Trainer::checkpoint_to) has an example that writes checkpoints and reads them back.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

impl Checkpoints {
    /// Checkpoints in `folder`, which is created when the first one is written. Keeps the newest `keep` (at least 1) and
    /// the best one.
    pub fn new(folder: impl Into<PathBuf>, keep: usize) -> Self {
        Self { folder: folder.into(), keep: keep.max(1) }
    }

    /// Returns all complete checkpoints, oldest first.
    pub fn list(&self) -> Vec<Checkpoint> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        let mut found: Vec<Checkpoint> = names
            .iter()
            .filter_map(|name| {
                // A process that was killed between two renames left the old checkpoint under its other name.
                let visible = name.strip_prefix(REPLACED).unwrap_or(name);
                let stale = visible != name && names.iter().any(|other| other == visible);
                let step = visible.strip_prefix(PREFIX)?.parse().ok()?;
                let path = self.folder.join(name);
                (!stale && path.is_dir()).then_some(Checkpoint { path, step })
            })
            .collect();
        found.sort_by_key(Checkpoint::step);
        found
    }

    /// Returns the newest checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::None`] if there is none.
    pub fn latest(&self) -> Result<Checkpoint, CheckpointError> {
        self.list().pop().ok_or_else(|| CheckpointError::None(self.folder.clone()))
    }

    /// Returns the checkpoint with the smallest held-out loss, and the oldest of several.
    ///
    /// Checkpoints that cannot be read are passed over.
    ///
    /// # Errors
    /// [`CheckpointError::None`] if there is no checkpoint, and [`CheckpointError::NoScore`] if none was evaluated.
    pub fn best(&self) -> Result<Checkpoint, CheckpointError> {
        let all = self.list();
        if all.is_empty() {
            return Err(CheckpointError::None(self.folder.clone()));
        }
        best_of(&all).cloned().ok_or_else(|| CheckpointError::NoScore(self.folder.clone()))
    }

    /// Returns the checkpoint that was written after `step` steps.
    ///
    /// # Errors
    /// [`CheckpointError::NoStep`], with the steps that have a checkpoint.
    pub fn at(&self, step: u64) -> Result<Checkpoint, CheckpointError> {
        let all = self.list();
        let steps: Vec<String> = all.iter().map(|checkpoint| checkpoint.step.to_string()).collect();
        all.into_iter().find(|checkpoint| checkpoint.step == step).ok_or_else(|| CheckpointError::NoStep {
            folder: self.folder.clone(),
            step,
            available: if steps.is_empty() { "none".to_owned() } else { steps.join(", ") },
        })
    }

    /// Writes a checkpoint, then deletes those that are neither among the newest nor the best.
    ///
    /// # Errors
    /// [`CheckpointError::Write`]. All earlier checkpoints are intact then.
    pub fn save<M: Module>(
        &self,
        model: &M,
        optimizer: &FirstOrder,
        position: &Position,
    ) -> Result<(), CheckpointError> {
        let name = format!("{PREFIX}{:09}", position.step);
        let failed = |source| CheckpointError::Write { path: self.folder.join(&name), source };
        let model = into_bytes(model.clone().into_record().into_bytes()).map_err(failed)?;
        let optimizer_state = into_bytes(optimizer.to_record().into_bytes()).map_err(failed)?;
        let state = State {
            method: optimizer.name().to_owned(),
            position: position.clone(),
            model_sha256: sha256(&model),
            optimizer_sha256: sha256(&optimizer_state),
        };
        let state = state.to_bytes().map_err(|e| failed(e.into()))?;
        self.write(&name, &[(MODEL, &model), (OPTIMIZER, &optimizer_state), (STATE, &state)]).map_err(failed)?;
        self.prune();
        Ok(())
    }

    fn write(&self, name: &str, files: &[(&str, &[u8])]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let [path, unfinished, replaced] =
            ["", UNFINISHED, REPLACED].map(|prefix| self.folder.join(format!("{prefix}{name}")));
        remove_if_there(&unfinished)?;
        fs::create_dir(&unfinished)?;
        for (file, bytes) in files {
            write_synced(&unfinished.join(file), bytes)?;
        }
        sync_folder(&unfinished)?;
        if path.exists() {
            remove_if_there(&replaced)?;
            fs::rename(&path, &replaced)?;
        }
        fs::rename(&unfinished, &path)?;
        sync_folder(&self.folder)?;
        // If this fails, the next save tries again.
        let _ = fs::remove_dir_all(&replaced);
        Ok(())
    }

    /// Deletes what is no longer needed. A failure loses nothing, so it is ignored.
    fn prune(&self) {
        let all = self.list();
        let best = best_of(&all).map(Checkpoint::path);
        let old = &all[..all.len().saturating_sub(self.keep)];
        for checkpoint in old.iter().filter(|checkpoint| Some(checkpoint.path()) != best) {
            // Renamed first, so that no half-deleted folder passes for a checkpoint.
            let deleted = self.folder.join(format!("{DELETED}{}", checkpoint.step));
            let _ = fs::rename(checkpoint.path(), deleted);
        }
        let leftovers = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let is_leftover = |name: &str| {
            let replaced = name.strip_prefix(REPLACED).is_some_and(|visible| self.folder.join(visible).exists());
            replaced || name.starts_with(UNFINISHED) || name.starts_with(DELETED)
        };
        for entry in leftovers.filter(|entry| is_leftover(&entry.file_name().to_string_lossy())) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn best_of(all: &[Checkpoint]) -> Option<&Checkpoint> {
    let score = |checkpoint: &Checkpoint| checkpoint.position().ok()?.score;
    let scored = all.iter().filter_map(|checkpoint| Some((score(checkpoint)?, checkpoint)));
    scored.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, checkpoint)| checkpoint)
}

fn into_bytes(record: Result<Bytes, burn::store::RecordError>) -> io::Result<Vec<u8>> {
    record.map(|bytes| bytes.to_vec()).map_err(|e| io::Error::other(e.to_string()))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove_if_there(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::{nn::LinearConfig, tensor::Device};
    use kiln_optim::Sgd;

    fn saved(folder: &Path, keep: usize, positions: &[(u64, Option<f64>)]) -> Checkpoints {
        let checkpoints = Checkpoints::new(folder, keep);
        let (model, optimizer) = (LinearConfig::new(2, 1).init(&Device::default()), FirstOrder::from(Sgd));
        for &(step, score) in positions {
            checkpoints.save(&model, &optimizer, &Position { step, score, ..Position::start() }).unwrap();
        }
        checkpoints
    }

    fn steps(checkpoints: &Checkpoints) -> Vec<u64> {
        checkpoints.list().iter().map(Checkpoint::step).collect()
    }

    #[test]
    fn steps_are_sorted_as_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = saved(folder.path(), 9, &[(9_999_999_999, None), (1_000_000_000, None), (5, None)]);
        assert_eq!(steps(&checkpoints), [5, 1_000_000_000, 9_999_999_999]);
        assert_eq!(checkpoints.latest().unwrap().step(), 9_999_999_999);
    }

    #[test]
    fn the_newest_and_the_best_are_kept_and_found() {
        let folder = tempfile::tempdir().unwrap();
        let scores = [(1, Some(3.0)), (2, Some(1.0)), (3, Some(2.0)), (4, None), (5, Some(1.0))];
        let checkpoints = saved(folder.path(), 2, &scores);
        assert_eq!(steps(&checkpoints), [2, 4, 5]);
        let best = checkpoints.best().unwrap();
        assert_eq!((best.step(), best.position().unwrap().score), (2, Some(1.0)));
        assert_eq!(checkpoints.at(4).unwrap().step(), 4);
        let message = checkpoints.at(3).unwrap_err().to_string();
        assert!(message.contains("step 3") && message.ends_with("available steps: 2, 4, 5"), "{message}");
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(Checkpoints::new(empty.path(), 1).best(), Err(CheckpointError::None(_))));
        assert!(matches!(saved(empty.path(), 1, &[(1, None)]).best(), Err(CheckpointError::NoScore(_))));
    }

    /// Makes the folder of a process that was killed between two system calls of `write` or `prune`, and expects the
    /// newest checkpoint to be readable there and after the next save.
    #[test]
    fn a_kill_at_any_point_leaves_the_latest_checkpoint() {
        let position = |score| Position { step: 2, score: Some(score), ..Position::start() };
        let (model, optimizer) = (LinearConfig::new(2, 1).init(&Device::default()), FirstOrder::from(Sgd));
        for killed_after in ["writing one file", "moving the old one aside", "renaming", "deleting in part"] {
            let folder = tempfile::tempdir().unwrap();
            let checkpoints = saved(folder.path(), 1, &[(1, None), (2, Some(0.5))]);
            let at = |name: &str| folder.path().join(name);
            let expected = match killed_after {
                "writing one file" => {
                    fs::create_dir(at(".unfinished-step-000000002")).unwrap();
                    fs::write(at(".unfinished-step-000000002/model.bpk"), "half").unwrap();
                    0.5
                }
                "moving the old one aside" => {
                    fs::rename(at("step-000000002"), at(".replaced-step-000000002")).unwrap();
                    fs::create_dir(at(".unfinished-step-000000002")).unwrap();
                    0.5
                }
                "renaming" => {
                    fs::rename(at("step-000000002"), at(".replaced-step-000000002")).unwrap();
                    saved(folder.path(), 9, &[]);
                    let other = tempfile::tempdir().unwrap();
                    saved(other.path(), 1, &[(2, Some(0.25))]);
                    let new = other.path().join("step-000000002");
                    fs::create_dir(at("step-000000002")).unwrap();
                    for file in [MODEL, OPTIMIZER, STATE] {
                        fs::copy(new.join(file), at("step-000000002").join(file)).unwrap();
                    }
                    0.25
                }
                _ => {
                    fs::create_dir(at(".deleted-1")).unwrap();
                    fs::write(at(".deleted-1/state.json"), "half").unwrap();
                    0.5
                }
            };
            let found = checkpoints.latest().unwrap();
            assert_eq!(found.position().unwrap().score, Some(expected), "after {killed_after}");
            assert_eq!(steps(&checkpoints), [2], "after {killed_after}");

            checkpoints.save(&model, &optimizer, &position(0.125)).unwrap();
            assert_eq!(checkpoints.latest().unwrap().position().unwrap().score, Some(0.125));
            let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, ["step-000000002"], "after {killed_after}");
        }
    }

    #[test]
    fn damage_to_any_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = saved(folder.path(), 1, &[(7, Some(0.5))]).latest().unwrap();
        let load = || checkpoint.load(LinearConfig::new(2, 1).init(&Device::default()), FirstOrder::from(Sgd));
        load().unwrap();
        for (file, from, to) in [(STATE, "0.5", "0.25"), (STATE, "\"format\": 4", "\"format\": 9"), (STATE, "7", "8")] {
            let path = checkpoint.path().join(file);
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.contains(from));
            fs::write(&path, text.replacen(from, to, 1)).unwrap();
            assert!(load().is_err(), "{from} -> {to}");
            fs::write(&path, text).unwrap();
        }
        for file in [MODEL, OPTIMIZER] {
            let path = checkpoint.path().join(file);
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
            assert!(matches!(load(), Err(CheckpointError::Corrupt { .. })), "{file}");
            fs::write(&path, bytes).unwrap();
        }
        load().unwrap();
    }
}
