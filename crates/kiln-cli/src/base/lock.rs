//! The lock of a run folder: at most one process writes to a run.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::Path,
};

use super::failure::{Failure, Result};

/// The lock's file in a run folder. It holds the process id of the writer.
pub(super) const LOCK: &str = ".lock";

/// A lock that is held until it is dropped, or until the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Drop for Lock {
    /// Takes the process id out of the file, which stays.
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

impl Lock {
    /// Locks the run in `folder` for writing.
    pub(crate) fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK);
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(Failure::usage(format!("{} is not a regular file: remove it", path.display())));
        }
        let failed = |e: std::io::Error| Failure::write(&path, &e);
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(folder, &mut file)),
            // A file system without locks: the exclusive folder still keeps new runs apart.
            Err(TryLockError::Error(_)) => return Ok(Self { file }),
        }
        file.set_len(0).and_then(|()| write!(file, "{}", std::process::id())).map_err(failed)?;
        Ok(Self { file })
    }
}

fn in_use(folder: &Path, file: &mut File) -> Failure {
    let mut holder = String::new();
    let _ = file.read_to_string(&mut holder);
    let id: String = holder.chars().filter(char::is_ascii_digit).take(20).collect();
    let process = if id.is_empty() { "another process".to_owned() } else { format!("process {id}") };
    Failure::usage(format!("{} is being written by {process}: wait for it to end, or stop it", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_refused_with_the_process_id_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(folder.path()).unwrap();
        let refused = Lock::acquire(folder.path()).unwrap_err();
        assert!(refused.message.contains(&format!("process {}", std::process::id())), "{}", refused.message);
        drop(lock);
        Lock::acquire(folder.path()).unwrap();
    }
}
