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
    run_files::{CHECKPOINTS, CONFIG, ENCODER, MODEL, RESULT, RUN},
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

    /// The files from which a run goes on, by their names in the folder: those beside the checkpoints that are not large, and the newest
    /// checkpoint.
    pub(crate) fn files_to_go_on(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut files = Vec::new();
        for name in [CONFIG, RUN, ENCODER, RESULT] {
            if self.file(name).is_file() {
                files.push((PathBuf::from(name), self.read(name)?));
            }
        }
        let folder = self.file(CHECKPOINTS);
        let mut add = |path: PathBuf| -> Result<()> {
            let bytes = fs::read(&path).map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?;
            let name = path.strip_prefix(&self.0).expect("it is in the folder").to_owned();
            files.push((name, bytes));
            Ok(())
        };
        if let Ok(newest) = self.checkpoints(1).latest() {
            for path in files_in(newest.path()) {
                add(path)?;
            }
        }
        for path in files_in(&folder).into_iter().filter(|path| path.extension().is_some_and(|e| e == "safetensors")) {
            add(path)?;
        }
        Ok(files)
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

/// The files of a folder that has no folders, in order. None if it cannot be read.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}
