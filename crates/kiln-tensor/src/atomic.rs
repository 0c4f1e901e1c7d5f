//! Atomic writes: a file holds either its old bytes or its new ones, whatever happens in between.
//!
//! The bytes go to a temporary file in the same folder. It is created exclusively (so it never follows a link), has a
//! random name, and is flushed to the disk before it is renamed over the target. Two processes that write the same file
//! at once therefore cannot mix their bytes: the last rename wins.
//!
//! A process that is killed may leave a temporary file behind. Its name starts with [`PREFIX`] and ends with [`SUFFIX`],
//! and [`is_temporary`] recognises it.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::{Builder, NamedTempFile};

/// Start of the names of temporary files.
pub const PREFIX: &str = ".kiln-";
/// End of the names of temporary files.
pub const SUFFIX: &str = ".part";

/// Writes `bytes` to `path`. Replaces an existing regular file.
///
/// # Errors
///
/// Returns an error of kind [`AlreadyExists`](io::ErrorKind::AlreadyExists) if `path` is a link, a folder, a device or
/// anything else that is not a regular file, and the operating system's error if the file cannot be written. The old
/// file is unchanged in both cases.
///
/// # Example
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("result.json");
/// kiln_tensor::atomic::write(&path, b"{}\n")?;
/// assert_eq!(std::fs::read(&path)?, b"{}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    refuse_special(path)?;
    temporary(path, bytes)?.persist(path).map_err(|failed| failed.error)?;
    sync_folder(folder_of(path))
}

/// Writes `bytes` to a new file at `path`.
///
/// # Errors
///
/// Returns an error of kind [`AlreadyExists`](io::ErrorKind::AlreadyExists) if there is anything at `path`, and the
/// operating system's error if the file cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The rename below checks again, without a gap. This check only spares the writing.
    if fs::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    temporary(path, bytes)?.persist_noclobber(path).map_err(|failed| failed.error)?;
    sync_folder(folder_of(path))
}

/// A file that is written bit by bit, and appears at its path when [`commit`](Self::commit) is called. Without it nothing is left.
///
/// # Example
/// ```
/// use std::io::Write;
///
/// use kiln_tensor::atomic::AtomicFile;
///
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("rows.csv");
/// let mut file = AtomicFile::create(&path)?;
/// writeln!(file, "x,y")?;
/// assert!(!path.exists());
/// file.commit(false)?;
/// assert_eq!(std::fs::read(&path)?, b"x,y\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    temporary: BufWriter<NamedTempFile>,
}

impl AtomicFile {
    /// Starts a file that will be at `path`.
    ///
    /// # Errors
    ///
    /// The operating system's error.
    pub fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.into(), temporary: BufWriter::new(empty(path)?) })
    }

    /// Puts the file at its path. With `replace` an existing regular file is replaced.
    ///
    /// # Errors
    ///
    /// Those of [`write()`], or without `replace` those of [`write_new`].
    pub fn commit(self, replace: bool) -> io::Result<()> {
        let file = self.temporary.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        if replace {
            refuse_special(&self.path)?;
            file.persist(&self.path).map_err(|failed| failed.error)?;
        } else {
            file.persist_noclobber(&self.path).map_err(|failed| failed.error)?;
        }
        sync_folder(folder_of(&self.path))
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
    }
}

/// Returns whether `name` is the name of a temporary file of this module.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

/// Flushes a folder's entries to the disk: a rename is durable only after that.
///
/// Does nothing on systems other than Unix, which cannot open a folder.
///
/// # Errors
///
/// Returns the operating system's error.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn temporary(path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
    let mut file = empty(path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn empty(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // The user's umask applies, as for any other file that a program creates.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder_of(path))
}

fn refuse_special(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists and is not a regular file; remove it"))
        }
        _ => Ok(()),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(write_new(&path, b"three").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"two");
    }

    #[test]
    fn a_folder_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(write(folder.path(), b"x").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_neither_followed_nor_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, link) = (folder.path().join("victim"), folder.path().join("link"));
        fs::write(&victim, "years of work").unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        for result in [write(&link, b"x"), write_new(&link, b"x")] {
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read(&victim).unwrap(), b"years of work");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn permissions_follow_the_umask() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, usual) = (folder.path().join("a"), folder.path().join("b"));
        write(&ours, b"x").unwrap();
        fs::write(&usual, b"x").unwrap();
        let mode = |path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&usual));
    }
}
