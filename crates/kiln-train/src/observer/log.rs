//! The log of a run, `metrics.jsonl`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use kiln_tensor::atomic;
use serde::Serialize;

use super::{EpochReport, Observer, StepReport, Watched};
use crate::{TrainError, checkpoint::Position};

/// Writes `metrics.jsonl`: one JSON object per line, for each step that is due and for each evaluated epoch.
///
/// Lines are only ever appended, and they are flushed to the disk before each checkpoint. If a run continues from a
/// checkpoint, the lines of later steps are removed first, because they will be written again; so are lines that are not
/// valid. The shorter file replaces the old one atomically.
///
/// # Example
///
/// A log can be used without a trainer:
///
/// ```
/// use kiln_train::MetricsLog;
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("metrics.jsonl");
/// let mut log = MetricsLog::new(&path);
/// log.start_at(0)?;
/// log.append(&serde_json::json!({ "step": 1, "loss": 0.5 }))?;
/// log.append(&serde_json::json!({ "step": 2, "loss": 0.25 }))?;
///
/// let mut continued = MetricsLog::new(&path);
/// continued.start_at(1)?;
/// assert_eq!(std::fs::read_to_string(&path)?, "{\"loss\":0.5,\"step\":1}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: Option<File>,
}

impl MetricsLog {
    /// A log at `path`. The file is opened when training starts.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), file: None }
    }

    /// Opens the file to append, without the lines of steps after `step` and without lines that are not valid.
    ///
    /// A line is valid if it is a JSON object with a whole number `step`.
    ///
    /// # Errors
    /// [`TrainError::Observer`] if the file cannot be read or written, or is not a regular file.
    pub fn start_at(&mut self, step: u64) -> Result<(), TrainError> {
        let file = cut_back(&self.path, step).and_then(|()| open_to_append(&self.path));
        self.file = Some(file.map_err(|source| self.error(source))?);
        Ok(())
    }

    /// Appends `record` as one line. Does nothing before [`start_at`](Self::start_at).
    ///
    /// # Errors
    /// [`TrainError::Observer`] if the line cannot be written.
    pub fn append(&mut self, record: &impl Serialize) -> Result<(), TrainError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = serde_json::to_vec(record).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            file.write_all(&line)
        });
        written.map_err(|source| self.error(source))
    }

    /// Flushes all lines to the disk.
    ///
    /// # Errors
    /// [`TrainError::Observer`] if the operating system reports an error.
    pub fn sync(&mut self) -> Result<(), TrainError> {
        let Some(file) = &self.file else { return Ok(()) };
        file.sync_data().map_err(|source| self.error(source))
    }

    fn error(&self, source: io::Error) -> TrainError {
        TrainError::Observer { path: self.path.clone(), source }
    }
}

impl<M> Observer<M> for MetricsLog {
    fn wants_every_step(&self) -> bool {
        false
    }

    fn on_start(&mut self, step: u64, _total: u64) -> Result<(), TrainError> {
        self.start_at(step)
    }

    fn on_step(&mut self, report: &StepReport, _model: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        if report.due {
            self.append(report)?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_epoch(&mut self, report: &EpochReport, _model: &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError> {
        self.append(report)?;
        Ok(ControlFlow::Continue(()))
    }

    fn on_checkpoint(&mut self, _position: &Position) -> Result<(), TrainError> {
        self.sync()
    }
}

/// Removes the lines that [`MetricsLog::start_at`] does not keep. A file without such lines is not written.
fn cut_back(path: &Path, step: u64) -> io::Result<()> {
    if !is_regular(path)? {
        return Ok(());
    }
    let old = fs::read(path)?;
    let mut kept = Vec::with_capacity(old.len());
    for line in old.split(|byte| *byte == b'\n') {
        // Bytes that are not UTF-8 make a line that is not valid JSON.
        let value = serde_json::from_slice::<serde_json::Value>(line).ok();
        if value.and_then(|value| value["step"].as_u64()).is_some_and(|at| at <= step) {
            kept.extend_from_slice(line);
            kept.push(b'\n');
        }
    }
    if kept == old { Ok(()) } else { atomic::write(path, &kept) }
}

/// Opens `path` to append and creates it if needed, without following a link.
fn open_to_append(path: &Path) -> io::Result<File> {
    if !is_regular(path)? {
        // Exclusive creation never follows a link.
        return OpenOptions::new().append(true).create_new(true).open(path);
    }
    let file = OpenOptions::new().append(true).open(path)?;
    // A link may have taken the place of the file between the check and the opening.
    if is_regular(path)? && same_file(&fs::symlink_metadata(path)?, &file.metadata()?) {
        return Ok(file);
    }
    Err(not_regular())
}

/// Returns whether there is a regular file; anything else at `path` is an error.
fn is_regular(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(_) => Err(not_regular()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::AlreadyExists, "it exists and is not a regular file; remove it")
}

#[cfg(unix)]
fn same_file(a: &fs::Metadata, b: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn same_file(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(path: &Path, step: u64) -> Result<MetricsLog, TrainError> {
        let mut log = MetricsLog::new(path);
        log.start_at(step)?;
        Ok(log)
    }

    #[test]
    fn a_continued_log_has_no_line_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st").unwrap();
        let mut log = started(&path, 2).unwrap();
        log.append(&serde_json::json!({ "step": 3 })).unwrap();
        log.sync().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn bytes_that_are_not_text_cost_their_line_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, b"{\"step\":1}\n{\"step\":2,\"note\":\"caf\xe9\"}\n\0\n[]\n{\"step\":2}\n").unwrap();
        started(&path, 5).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"step\":1}\n{\"step\":2}\n");
    }

    /// A process may be killed at any moment. So the file must have its old lines at every moment: whoever opened it
    /// before still reads them, and a file with nothing to remove is not written at all.
    #[cfg(unix)]
    #[test]
    fn the_old_lines_are_never_gone() {
        use std::{io::Read, os::unix::fs::MetadataExt};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let text = "{\"step\":1}\n{\"step\":2}\n";
        fs::write(&path, text).unwrap();
        let inode = || fs::metadata(&path).unwrap().ino();
        let (before, mut reader) = (inode(), File::open(&path).unwrap());
        started(&path, 2).unwrap();
        assert_eq!(inode(), before);
        started(&path, 1).unwrap();
        assert_ne!(inode(), before);
        let mut old = String::new();
        reader.read_to_string(&mut old).unwrap();
        assert_eq!(old, text);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) = (folder.path().join("victim"), folder.path().join("metrics.jsonl"));
        for content in [Some("years of work"), None] {
            if let Some(text) = content {
                fs::write(&victim, text).unwrap();
            }
            std::os::unix::fs::symlink(&victim, &path).unwrap();
            let error = started(&path, 0).unwrap_err().to_string();
            assert!(error.contains("not a regular file") && error.contains("metrics.jsonl"), "{error}");
            assert_eq!(fs::read_to_string(&victim).ok().as_deref(), content);
            fs::remove_file(&path).unwrap();
            let _ = fs::remove_file(&victim);
        }
    }
}
