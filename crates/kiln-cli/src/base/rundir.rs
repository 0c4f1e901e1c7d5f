//! The folder of a run, and its files by name.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use kiln::{
    burn::module::Module,
    tensor::{atomic, weights},
    train::Checkpoints,
};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    failure::{Failure, Result},
    files::write_json,
    run_files::{CHECKPOINTS, CONFIG, MODEL},
};

/// A run's folder.
#[derive(Clone, Debug)]
pub(crate) struct RunDir(PathBuf);

impl RunDir {
    /// Opens the folder of a run that exists.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        if path.join(CONFIG).is_file() {
            return Ok(Self(path.to_owned()));
        }
        let why = if path.is_dir() { "it has no config.toml" } else { "there is no such folder" };
        Err(Failure::usage(format!("{} is not a run: {why}", path.display())))
    }

    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file of the folder of checkpoints.
    pub(crate) fn checkpoint_file(&self, name: &str) -> PathBuf {
        self.0.join(CHECKPOINTS).join(name)
    }

    pub(crate) fn checkpoints(&self, keep: usize) -> Checkpoints {
        Checkpoints::new(self.file(CHECKPOINTS), keep)
    }

    /// Returns whether anything was saved from which the run can go on.
    pub(crate) fn has_checkpoint(&self) -> bool {
        let entries = fs::read_dir(self.file(CHECKPOINTS)).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with("step-") || (name.ends_with(".safetensors") && !name.starts_with('.'))
        })
    }

    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.file(name);
        fs::read(&path).map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))
    }

    pub(crate) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let bytes = self.read(name)?;
        let path = self.file(name);
        serde_json::from_slice(&bytes).map_err(|e| Failure::usage(format!("{} is damaged: {e}", path.display())))
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let path = self.file(name);
        atomic::write(&path, bytes).map_err(|e| Failure::write(&path, &e))
    }

    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        write_json(&self.file(name), value)
    }

    pub(crate) fn write_model<M: Module>(&self, model: &M) -> Result<()> {
        self.write(MODEL, &weights::to_bytes(model)?)
    }

    /// Removes a file if it exists.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Failure::write(&path, &e)),
            _ => Ok(()),
        }
    }
}
