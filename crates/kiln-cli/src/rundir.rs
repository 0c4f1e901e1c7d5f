//! The folder of a run.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use kiln::{burn::module::Module, tensor::weights, train::Checkpoints};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    config::Config,
    failure::{Failure, Result},
};

/// What every run's folder holds, and by which it is known.
const CONFIG: &str = "config.toml";

/// A run's folder, there or about to be.
#[derive(Clone, Debug)]
pub(crate) struct RunDir(PathBuf);

impl RunDir {
    /// Where a new run will go. Nothing is written yet: a run that fails before its first step leaves nothing behind.
    ///
    /// An existing run, or a folder with anything else in it, is an error; with `force`, the former is not.
    pub(crate) fn plan(out: Option<PathBuf>, name: &str, force: bool) -> Result<Self> {
        let path = out.unwrap_or_else(|| {
            let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
            // Runs can be shorter than a second.
            let names = (1..).map(|n| if n == 1 { String::new() } else { format!("-{n}") });
            let mut paths = names.map(|number| PathBuf::from(format!("runs/{name}-{time}{number}")));
            paths.find(|path| !path.exists()).expect("some number is free")
        });
        let shown = path.display();
        match fs::read_dir(&path).map(|mut entries| entries.next().is_some()) {
            Ok(true) if !path.join(CONFIG).is_file() => {
                Err(Failure::usage(format!("{shown} exists and is not a run: choose another --out")))
            }
            Ok(true) if !force => {
                Err(Failure::usage(format!("{shown} exists: choose another --out, or --force to replace it")))
            }
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Failure::usage(format!("cannot use {shown} as --out: {e}")))
            }
            _ => Ok(Self(path)),
        }
    }

    /// The folder of a run that was made before, and its settings.
    pub(crate) fn open(path: &Path) -> Result<(Self, Config)> {
        if !path.join(CONFIG).is_file() {
            let why = if path.is_dir() { "it has no config.toml" } else { "there is no such folder" };
            return Err(Failure::usage(format!("{} is not a run: {why}", path.display())));
        }
        Ok((Self(path.to_owned()), Config::read(&path.join(CONFIG))?))
    }

    /// Makes the folder, in place of a run that may be there.
    pub(crate) fn create(&self) -> Result<()> {
        let made = if self.0.join(CONFIG).is_file() { fs::remove_dir_all(&self.0) } else { Ok(()) };
        made.and_then(|()| fs::create_dir_all(&self.0)).map_err(|e| Failure::write(&self.0, e))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn checkpoints(&self, keep: usize) -> Checkpoints {
        Checkpoints::new(self.file("checkpoints"), keep)
    }

    pub(crate) fn write_config(&self, config: &Config) -> Result<()> {
        self.write(CONFIG, config.to_toml().as_bytes())
    }

    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        write_json(&self.file(name), value)
    }

    pub(crate) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let path = self.file(name);
        let bytes = fs::read(&path).map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?;
        serde_json::from_slice(&bytes).map_err(|e| Failure::usage(format!("{} is damaged: {e}", path.display())))
    }

    pub(crate) fn write_model<M: Module>(&self, model: &M) -> Result<()> {
        self.write("model.safetensors", &weights::to_bytes(model)?)
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let path = self.file(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Failure::write(&path, e)),
            _ => Ok(()),
        }
    }

    /// The weights that the run ended with, in `model`.
    pub(crate) fn load_model<M: Module>(&self, model: M) -> Result<M> {
        let path = self.file("model.safetensors");
        if !path.is_file() {
            let run = self.0.display();
            return Err(Failure::usage(format!(
                "{run} has no model.safetensors: it did not end; go on with `kiln resume {run}`"
            )));
        }
        Ok(weights::load(model, &path)?)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_whole(&self.file(name), bytes)
    }
}

/// As [`write_whole`], in lines.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value).expect("reports have string keys only");
    text.push(b'\n');
    write_whole(path, &text)
}

/// Writes a file whole or not at all: beside its place, flushed, renamed.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let name = path.file_name().ok_or_else(|| Failure::usage(format!("{} is not a file name", path.display())))?;
    let temporary = folder.join(format!(".{}.part", name.to_string_lossy()));
    let write = || {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&temporary);
        Failure::write(path, e)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_runs_are_replaced_and_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let plan = |force| RunDir::plan(Some(out.clone()), "x", force);
        plan(false).unwrap().create().unwrap();
        assert!(plan(false).is_ok(), "an empty folder may be used");
        fs::write(out.join("thesis.tex"), "years of work").unwrap();
        assert!(plan(true).unwrap_err().message.contains("is not a run"));
        fs::write(out.join(CONFIG), "").unwrap();
        assert!(plan(false).unwrap_err().message.contains("--force"));
        plan(true).unwrap().create().unwrap();
        assert!(!out.join("thesis.tex").exists());
    }
}
