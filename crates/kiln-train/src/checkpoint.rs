//! Checkpoints: all that a run needs to go on as if it had never stopped.
//!
//! A checkpoint is a folder `step-000001410` with `model.bpk` (parameters and their ids), `optimizer.bpk` (velocities,
//! averages of the iterates and the like) and `state.json` (the method's name, step, epoch, position in the epoch, metrics
//! so far, the state of a plateau controller, and the SHA-256 of the other two).
//! Random numbers and the order of the data are functions of seed, epoch and step, so that their position is the step.
//!
//! It is written to a hidden folder, flushed to the disk, and renamed: a checkpoint is there whole, or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use burn::{
    module::Module,
    optim::OptimizerRecord,
    store::ModuleRecord,
    tensor::{Bytes, Device},
};
use kiln_optim::{FirstOrder, ReduceOnPlateau};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::metrics::RunningMean;

const MODEL: &str = "model.bpk";
const OPTIMIZER: &str = "optimizer.bpk";
const STATE: &str = "state.json";
const PREFIX: &str = "step-";
const UNFINISHED: &str = ".unfinished-";
/// Raised whenever an older Kiln could not read what a newer one writes, or the other way round.
const FORMAT: u32 = 2;

/// A folder of checkpoints, of which the newest few and the best are kept.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    keep: usize,
}

/// Where a run is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Whole epochs behind.
    pub epoch: u64,
    /// Minibatches of the current epoch that are behind.
    pub batch: u64,
    /// Rows of the current epoch that are behind.
    pub row: usize,
    /// Seconds of training and evaluation so far, those of earlier processes included.
    pub wall_s: f64,
    /// Gradients evaluated.
    pub gradients: u64,
    /// Gradients left out in a row, up to here, because they were not finite.
    pub(crate) skipped_in_a_row: u64,
    /// What watches the held-out loss, in a run that has it.
    pub(crate) plateau: Option<ReduceOnPlateau>,
    /// The held-out loss, where it was measured; the smallest one is the best.
    pub score: Option<f64>,
    /// The current epoch's averages so far.
    pub(crate) running: RunningMean,
}

#[derive(Serialize, Deserialize)]
struct State {
    format: u32,
    method: String,
    #[serde(flatten)]
    progress: Progress,
    model_sha256: String,
    optimizer_sha256: String,
}

/// One checkpoint on the disk.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    path: PathBuf,
}

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file cannot be written.
    #[error("cannot write the checkpoint {path}: {source}")]
    Write {
        /// The checkpoint.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read the checkpoint {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// There is no checkpoint.
    #[error("there is no checkpoint in {0}: the run stopped before its first one; start it again")]
    None(PathBuf),
    /// The checkpoint's files do not have the content that was written.
    #[error("the checkpoint {path} is corrupt ({reason}): delete this folder to go on from the one before it")]
    Corrupt {
        /// The checkpoint.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The checkpoint is whole, but of another model or method.
    #[error("the checkpoint {path} does not belong to this run: {reason}")]
    Mismatch {
        /// The checkpoint.
        path: PathBuf,
        /// The first difference.
        reason: String,
    },
    /// Burn would load the optimiser's state in another float type than the model's.
    #[error(
        "the default device computes in {default:?} and the model in {model:?}, and Burn loads an optimiser's state \
         through the default device: set BURN_DEVICE to the backend that trains"
    )]
    DefaultDevice {
        /// The default device's float type.
        default: burn::tensor::FloatDType,
        /// The training device's float type.
        model: burn::tensor::FloatDType,
    },
}

impl Checkpoints {
    /// Checkpoints in `folder` (made when needed), the newest `keep` ≥ 1 of them and the best.
    pub fn new(folder: impl Into<PathBuf>, keep: usize) -> Self {
        Self { folder: folder.into(), keep: keep.max(1) }
    }

    /// Every whole checkpoint, oldest first.
    pub fn list(&self) -> Vec<Checkpoint> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(PREFIX)))
            .collect();
        found.sort();
        found.into_iter().map(|path| Checkpoint { path }).collect()
    }

    /// The newest checkpoint.
    ///
    /// # Errors
    /// [`CheckpointError::None`].
    pub fn latest(&self) -> Result<Checkpoint, CheckpointError> {
        self.list().pop().ok_or_else(|| CheckpointError::None(self.folder.clone()))
    }

    /// Writes a checkpoint, then removes those that are neither among the newest nor the best.
    ///
    /// # Errors
    /// [`CheckpointError::Write`]; the checkpoints that were there stay as they are.
    pub fn save<M: Module>(
        &self,
        model: &M,
        optimizer: &FirstOrder,
        progress: &Progress,
    ) -> Result<(), CheckpointError> {
        let name = format!("{PREFIX}{:09}", progress.step);
        let path = self.folder.join(&name);
        let failed = |source| CheckpointError::Write { path: path.clone(), source };
        let model = into_bytes(model.clone().into_record().into_bytes()).map_err(failed)?;
        let state = into_bytes(optimizer.to_record().into_bytes()).map_err(failed)?;
        self.write(&name, &model, (optimizer.name(), &state), progress).map_err(failed)?;
        self.prune();
        Ok(())
    }

    fn write(
        &self,
        name: &str,
        model: &[u8],
        (method, optimizer): (&str, &[u8]),
        progress: &Progress,
    ) -> io::Result<()> {
        let state = State {
            format: FORMAT,
            method: method.to_owned(),
            progress: progress.clone(),
            model_sha256: sha256(model),
            optimizer_sha256: sha256(optimizer),
        };
        let unfinished = self.folder.join(format!("{UNFINISHED}{name}"));
        fs::create_dir_all(&self.folder)?;
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir(&unfinished)?;
        write_synced(&unfinished.join(MODEL), model)?;
        write_synced(&unfinished.join(OPTIMIZER), optimizer)?;
        write_synced(&unfinished.join(STATE), &serde_json::to_vec_pretty(&state).expect("state has string keys only"))?;
        sync_folder(&unfinished)?;
        let path = self.folder.join(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::rename(&unfinished, &path)?;
        sync_folder(&self.folder)
    }

    /// Failing to tidy up loses nothing, so errors are passed over.
    fn prune(&self) {
        let all = self.list();
        let score = |c: &Checkpoint| c.state().ok().and_then(|s| s.progress.score);
        let best = all
            .iter()
            .filter_map(|c| Some((score(c)?, &c.path)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, path)| path.clone());
        for old in all.iter().take(all.len().saturating_sub(self.keep)) {
            if Some(&old.path) != best.as_ref() {
                let _ = fs::remove_dir_all(&old.path);
            }
        }
        let stale = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in stale.filter(|e| e.file_name().to_string_lossy().starts_with(UNFINISHED)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Checkpoint {
    /// The checkpoint's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The model, the optimiser and the place in the run.
    ///
    /// `model` is one of the same shape, on the device that will train; `optimizer` has the same method.
    ///
    /// # Errors
    /// [`CheckpointError::Read`], [`CheckpointError::Corrupt`], [`CheckpointError::Mismatch`],
    /// [`CheckpointError::DefaultDevice`].
    pub fn load<M: Module>(
        &self,
        model: M,
        optimizer: FirstOrder,
        device: &Device,
    ) -> Result<(M, FirstOrder, Progress), CheckpointError> {
        let state = self.state()?;
        if state.method != optimizer.name() {
            let (saved, asked) = (state.method, optimizer.name());
            return Err(self.mismatch(format!("its optimiser is {saved}, and the run's settings name {asked}")));
        }
        let model_bytes = self.read_checked(MODEL, &state.model_sha256)?;
        let optimizer_bytes = self.read_checked(OPTIMIZER, &state.optimizer_sha256)?;
        let (default, used) = (Device::default().settings().float_dtype, device.settings().float_dtype);
        if default != used {
            return Err(CheckpointError::DefaultDevice { default, model: used });
        }
        let record =
            ModuleRecord::from_bytes(Bytes::from_bytes_vec(model_bytes)).map_err(|e| self.corrupt(e.to_string()))?;
        let model = model.try_load_record(record).map_err(|e| self.mismatch(format!("it is of another model: {e}")))?;
        let record = OptimizerRecord::from_bytes(Bytes::from_bytes_vec(optimizer_bytes))
            .map_err(|e| self.corrupt(e.to_string()))?;
        // Burn passes over a state that the method does not know: what was loaded must be all that was saved, or the
        // method has other parts, such as an average.
        let saved = record.len();
        let optimizer = optimizer.load_record(record);
        if optimizer.to_record().len() != saved {
            return Err(self.mismatch("its optimiser has other parts than the run's settings name".to_owned()));
        }
        Ok((model, optimizer, state.progress))
    }

    fn state(&self) -> Result<State, CheckpointError> {
        let bytes = self.read(STATE)?;
        let damaged = |e: serde_json::Error| self.corrupt(format!("{STATE}: {e}"));
        let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(damaged)?;
        match value["format"].as_u64() {
            Some(format) if format != u64::from(FORMAT) => {
                let reason = format!("it has format {format}, and this Kiln reads format {FORMAT}");
                Err(self.mismatch(reason))
            }
            _ => serde_json::from_value(value).map_err(damaged),
        }
    }

    fn read_checked(&self, name: &str, expected: &str) -> Result<Vec<u8>, CheckpointError> {
        let bytes = self.read(name)?;
        if sha256(&bytes) == expected {
            Ok(bytes)
        } else {
            Err(self.corrupt(format!("{name} does not have the SHA-256 that {STATE} states")))
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, CheckpointError> {
        let path = self.path.join(name);
        fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => self.corrupt(format!("{name} is missing")),
            _ => CheckpointError::Read { path, source },
        })
    }

    fn mismatch(&self, reason: String) -> CheckpointError {
        CheckpointError::Mismatch { path: self.path.clone(), reason }
    }

    fn corrupt(&self, reason: String) -> CheckpointError {
        CheckpointError::Corrupt { path: self.path.clone(), reason }
    }
}

fn into_bytes(record: Result<Bytes, burn::store::RecordError>) -> io::Result<Vec<u8>> {
    record.map(|bytes| bytes.to_vec()).map_err(|e| io::Error::other(e.to_string()))
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A rename is on the disk only when its folder is. Other systems than Unix cannot open a folder, and need not.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
