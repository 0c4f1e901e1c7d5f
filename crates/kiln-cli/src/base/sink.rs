//! What a command writes bit by bit: to a file that appears when it is complete, or to standard output.

use std::{
    io::{self, Stdout, Write},
    path::{Path, PathBuf},
};

use kiln::tensor::atomic::AtomicFile;

use super::{
    console::Console,
    failure::{Failure, Result},
    files::Output,
};

/// A file of `--output`, or standard output for `-`.
pub(crate) enum Sink {
    File {
        file: AtomicFile,
        path: PathBuf,
        force: bool,
    },
    /// `is_closed` tells that its reader has gone, as `head` does.
    Stdout {
        stdout: Stdout,
        is_closed: bool,
    },
}

impl Sink {
    /// Checks `path` as [`Output::new`] does. `input` is a file that is read.
    pub(crate) fn new(path: &Path, force: bool, input: &Path, console: Console) -> Result<Self> {
        if path == Path::new("-") {
            if console.is_json() {
                return Err(Failure::usage(
                    "--json and --output - would both write to standard output: omit one of them",
                ));
            }
            return Ok(Self::Stdout { stdout: io::stdout(), is_closed: false });
        }
        Output::new(path, force)?.other_than(input)?;
        let file = AtomicFile::create(path).map_err(|e| Failure::write(path, &e))?;
        Ok(Self::File { file, path: path.to_owned(), force })
    }

    /// The path as text.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Stdout { .. } => "standard output".to_owned(),
        }
    }

    /// Returns whether nobody reads what is written any more.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Self::Stdout { is_closed: true, .. })
    }

    /// Completes what was written. Returns whether it is a file.
    pub(crate) fn commit(self) -> Result<bool> {
        match self {
            Self::File { file, path, force } => {
                file.commit(force).map(|()| true).map_err(|e| Failure::write(&path, &e))
            }
            Self::Stdout { .. } => Ok(false),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File { file, .. } => file.write(bytes),
            Self::Stdout { is_closed: true, .. } => Ok(bytes.len()),
            Self::Stdout { stdout, is_closed } => match stdout.write(bytes) {
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                    *is_closed = true;
                    Ok(bytes.len())
                }
                other => other,
            },
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File { file, .. } => file.flush(),
            Self::Stdout { stdout, is_closed } => match stdout.flush() {
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                    *is_closed = true;
                    Ok(())
                }
                other => other,
            },
        }
    }
}
