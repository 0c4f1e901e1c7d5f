//! Files that a command writes where the user says.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use kiln::tensor::atomic;
use serde::Serialize;

use super::{
    failure::{Failure, Result},
    own_files::is_reserved,
    plot::{self, Panel},
    run_files::{CONFIG, RUN},
};

/// A file of `--output` or of a flag like it. It is replaced only with `--force`.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    path: PathBuf,
    force: bool,
}

impl Output {
    /// Checks `path` before any work is done.
    ///
    /// Refuses what exists unless `force` is given, anything but a regular file, and a file that a run needs.
    pub(crate) fn new(path: &Path, force: bool) -> Result<Self> {
        let shown = path.display();
        let Some(name) = path.file_name() else {
            return Err(Failure::usage(format!("{shown} is not a file name")));
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(Failure::usage(format!("cannot write {shown}: there is no folder {}", folder.display())));
        }
        let in_run = folder.join(CONFIG).is_file() && folder.join(RUN).is_file();
        if in_run && is_reserved(&name.to_string_lossy()) {
            return Err(Failure::usage(format!("{shown} is a file that its run needs: choose another name")));
        }
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => {
                Err(Failure::usage(format!("{shown} exists and is not a regular file: choose another name")))
            }
            Ok(_) if !force => {
                Err(Failure::usage(format!("{shown} exists: choose another name, or add --force to replace it")))
            }
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Failure::usage(format!("cannot write {shown}: {e}"))),
            _ => Ok(Self { path: path.to_owned(), force }),
        }
    }

    /// The file of the flag, or `name` in the run's folder, which Kiln replaces without being asked.
    pub(crate) fn or_in(asked: Option<&Path>, force: bool, folder: &Path, name: &str) -> Result<Self> {
        match asked {
            Some(path) => Self::new(path, force),
            None => Self::new(&folder.join(name), true),
        }
    }

    /// Refuses to replace a file that the command reads.
    pub(crate) fn other_than(self, input: &Path) -> Result<Self> {
        let same =
            fs::canonicalize(input).is_ok_and(|input| fs::canonicalize(&self.path).is_ok_and(|own| own == input));
        match same {
            true => {
                Err(Failure::usage(format!("{} is the file that is read: choose another name", self.path.display())))
            }
            false => Ok(self),
        }
    }

    /// The path as text, for JSON.
    pub(crate) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        let written = if self.force { atomic::write(&self.path, bytes) } else { atomic::write_new(&self.path, bytes) };
        written.map_err(|e| Failure::write(&self.path, &e))
    }

    pub(crate) fn write_json(&self, value: &impl Serialize) -> Result<()> {
        self.write(&json(value))
    }
}

/// A folder of `--out` for files with fixed names. Existing files are replaced only with `--force`.
#[derive(Clone, Debug)]
pub(crate) struct OutputFolder {
    path: PathBuf,
    force: bool,
}

impl OutputFolder {
    /// Checks the folder and the names that will be written there, before any work is done. The first write makes it.
    pub(crate) fn new(path: &Path, names: &[&str], force: bool) -> Result<Self> {
        if path.is_dir() {
            names.iter().try_for_each(|name| Output::new(&path.join(name), force).map(drop))?;
        } else if fs::symlink_metadata(path).is_ok() {
            return Err(Failure::usage(format!("cannot use {} as --out: it is not a folder", path.display())));
        }
        Ok(Self { path: path.to_owned(), force })
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        fs::create_dir_all(&self.path).map_err(|e| Failure::write(&self.path, &e))?;
        Output { path: self.path.join(name), force: self.force }.write(bytes)
    }

    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        self.write(name, &json(value))
    }

    /// Writes a report and its picture, if there is something to draw.
    pub(crate) fn write_report(
        &self,
        (name, value): (&str, &impl Serialize),
        (picture, panels): (&str, &[Panel]),
    ) -> Result<()> {
        self.write_json(name, value)?;
        plot::png(panels).map_or(Ok(()), |png| self.write(picture, &png))
    }
}

/// Writes a JSON file that Kiln owns.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    atomic::write(path, &json(value)).map_err(|e| Failure::write(path, &e))
}

fn json(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("reports have string keys only");
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        Output::new(&path, false).unwrap().write(b"one").unwrap();
        assert!(Output::new(&path, false).unwrap_err().message.contains("--force"));
        Output::new(&path, true).unwrap().write(b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert!(Output::new(&path, true).unwrap().other_than(&path).is_err());
        assert!(Output::new(folder.path(), true).is_err());
        assert!(Output::new(&folder.path().join("none/a.csv"), false).is_err());
    }

    #[test]
    fn a_runs_own_files_are_safe() {
        let folder = tempfile::tempdir().unwrap();
        for name in [CONFIG, RUN] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        for name in [CONFIG, "model.safetensors", "checkpoints"] {
            assert!(Output::new(&folder.path().join(name), true).is_err(), "{name}");
        }
        Output::new(&folder.path().join("new.csv"), false).unwrap();
    }

    #[test]
    fn a_folder_is_checked_for_all_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/b");
        OutputFolder::new(&out, &["x.json"], false).unwrap().write_json("x.json", &1).unwrap();
        assert!(OutputFolder::new(&out, &["y.json", "x.json"], false).is_err());
        OutputFolder::new(&out, &["y.json", "x.json"], true).unwrap().write("x.json", b"2").unwrap();
    }
}
