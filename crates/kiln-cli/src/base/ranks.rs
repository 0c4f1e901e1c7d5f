//! The processes that run this command together, if `mpirun` or `srun` has started several.
//!
//! Rank 0 prints and writes for all. The other ranks do the same work with a silent console and a folder of their own, which is deleted.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    sync::{OnceLock, atomic::Ordering},
};

use kiln::{
    mpi::Launch,
    tensor::{World, world::WorldError},
};
use tempfile::TempDir;

use super::{
    failure::{Exit, Failure, Result},
    interrupt,
    rundir::RunDir,
};

static WORLD: OnceLock<World> = OnceLock::new();

/// The processes that run this command.
pub(crate) fn world() -> World {
    WORLD.get().cloned().unwrap_or_default()
}

/// The engine between the processes, from the start of the program to its end.
pub(crate) struct Ranks {
    #[cfg(feature = "mpi")]
    mpi: Option<kiln::mpi::Mpi>,
}

impl Ranks {
    /// Starts the engine if a launcher has started several processes. Without the engine that is refused: all of them would do the same.
    pub(crate) fn start() -> Result<Self> {
        let Some(launch) = Launch::detect() else {
            return Ok(Self {
                #[cfg(feature = "mpi")]
                mpi: None,
            });
        };
        Self::of(launch)
    }

    #[cfg(feature = "mpi")]
    fn of(_launch: Launch) -> Result<Self> {
        let (mpi, wait) = (kiln::mpi::Mpi::start().map_err(Failure::internal)?, longest_wait());
        // Also for a wait that is refused, so that one rank says it.
        let mpi = mpi.longest_wait(*wait.as_ref().unwrap_or(&kiln::mpi::Mpi::LONGEST_WAIT));
        let _ = WORLD.set(mpi.world());
        wait.map(|_| Self { mpi: Some(mpi) })
    }

    #[cfg(not(feature = "mpi"))]
    fn of(Launch { by, size, .. }: Launch) -> Result<Self> {
        Err(Failure::usage(format!(
            "{by} has started {size} processes, but this build of kiln has no MPI and each of them would do the same work: build it with \
             --features mpi, or start one process"
        )))
    }

    /// Ends the program after `end`, and returns its exit code. Of several ranks one prints the failure.
    pub(crate) fn end(self, end: Result<Exit>, print: impl Fn(&str)) -> Exit {
        let (exit, message) = match end {
            Ok(exit) => (exit, None),
            Err(failure) => (failure.exit, Some(failure.line())),
        };
        let world = world();
        let Some(message) = message else {
            // A bug in one rank leaves the others waiting.
            if exit == Exit::Internal {
                self.abort(exit);
            }
            return exit;
        };
        if world.is_alone() || world.is_root() {
            print(&message);
        }
        if !world.is_alone() && !self.all_have_failed() {
            if !world.is_root() {
                print(&format!("rank {}: {message}", world.rank()));
            }
            self.abort(exit);
        }
        exit
    }

    /// Whether all ranks have come to an end with a failure, so that MPI can be left in the usual way. Otherwise some wait for this one.
    fn all_have_failed(&self) -> bool {
        #[cfg(feature = "mpi")]
        if let Some(mpi) = &self.mpi {
            return mpi.all_give_up(PATIENCE);
        }
        true
    }

    fn abort(&self, _exit: Exit) {
        #[cfg(feature = "mpi")]
        if self.mpi.is_some() {
            kiln::mpi::Mpi::abort(_exit as i32);
        }
    }
}

/// How long a rank that has failed waits for the others to fail, too.
#[cfg(feature = "mpi")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// The variable with the seconds that a rank waits for another.
#[cfg(feature = "mpi")]
const LONGEST_WAIT: &str = "KILN_RANK_TIMEOUT";

#[cfg(feature = "mpi")]
fn longest_wait() -> Result<std::time::Duration> {
    use std::time::Duration;

    let Ok(text) = std::env::var(LONGEST_WAIT) else { return Ok(kiln::mpi::Mpi::LONGEST_WAIT) };
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let seconds = seconds.filter(|seconds| !seconds.is_zero());
    seconds.ok_or_else(|| Failure::usage(format!("{LONGEST_WAIT} must be a number of seconds above 0, got '{text}'")))
}

/// A folder that is deleted at the end, for what a rank writes that does not write for all.
pub(crate) fn scratch() -> Result<TempDir> {
    tempfile::tempdir().map_err(|e| Failure::internal(format!("cannot make a temporary folder: {e}")))
}

/// Gives each rank the run that rank 0 opens: rank 0 the folder itself, the others a copy of the files that a run goes on from.
pub(crate) fn opened(open: impl FnOnce() -> Result<RunDir>) -> Result<(RunDir, Option<TempDir>)> {
    let world = world();
    if world.is_alone() {
        return Ok((open()?, None));
    }
    if world.is_root() {
        let dir = open()?;
        let files = dir.files_to_go_on()?;
        world.broadcast(packed(&files))?;
        return Ok((dir, None));
    }
    let files = world.broadcast(Vec::new())?;
    let folder = scratch()?;
    for (name, bytes) in unpacked(&files).ok_or_else(|| Failure::internal("rank 0 has sent no files"))? {
        let path = folder.path().join(name);
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(Path::new("")))?;
            fs::write(&path, bytes)
        };
        write().map_err(|e| Failure::write(&path, &e))?;
    }
    Ok((RunDir::at(folder.path().to_owned()), Some(folder)))
}

/// Names and contents, each with its length.
fn packed(files: &[(PathBuf, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in files {
        for part in [name.to_string_lossy().as_bytes(), content] {
            bytes.extend((part.len() as u64).to_le_bytes());
            bytes.extend(part);
        }
    }
    bytes
}

fn unpacked(mut bytes: &[u8]) -> Option<Vec<(PathBuf, &[u8])>> {
    let mut next = || {
        let (length, rest) = bytes.split_first_chunk::<8>()?;
        let (part, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        bytes = rest;
        Some(part)
    };
    let mut files = Vec::new();
    while let Some(name) = next() {
        files.push((PathBuf::from(str::from_utf8(name).ok()?), next()?));
    }
    Some(files)
}

/// The rows of this rank, of so many: at least one.
pub(crate) fn share_of(rows: usize) -> Result<Range<usize>> {
    let world = world();
    match world.share_of(rows) {
        own if rows >= world.size() => Ok(own),
        _ => Err(Failure::usage(format!("there are {rows} rows for {} ranks: start fewer", world.size()))),
    }
}

/// Returns to all ranks the text that rank 0 makes. All ranks call it.
pub(crate) fn by_root(text: impl FnOnce() -> String) -> Result<String> {
    let world = world();
    let own = if world.is_root() { text() } else { String::new() };
    String::from_utf8(world.broadcast(own.into_bytes())?).map_err(Failure::internal)
}

/// Lets rank 0 do something before the others do it, so that they find what it has kept. All ranks call it.
pub(crate) fn first_by_root<T>(mut work: impl FnMut() -> Result<T>) -> Result<T> {
    let world = world();
    if world.is_alone() {
        return work();
    }
    let own = if world.is_root() { Some(work()) } else { None };
    world.broadcast(Vec::new())?;
    own.unwrap_or_else(work)
}

/// Whether a rank must stop: then all do. All ranks call it. If they cannot be asked, this one stops, too.
pub(crate) fn must_any_stop(own: bool) -> bool {
    let mut stops = [f64::from(u8::from(own))];
    let stops = world().sum(&mut stops).is_err() || stops[0] > 0.0;
    if stops && !world().is_alone() {
        // So that all of them say the same of it.
        interrupt::flag().store(true, Ordering::SeqCst);
    }
    stops
}

/// Tells the ranks of each other's failures, so that all of them end with the first one. All ranks call it.
pub(crate) fn agree<T>(own: Result<T>) -> Result<T> {
    let world = world();
    if world.is_alone() {
        return own;
    }
    let told = match &own {
        Ok(_) => Vec::new(),
        Err(failure) => [&[failure.exit as u8], failure.message.as_bytes()].concat(),
    };
    let all = world.gather(&told);
    let value = own?;
    match all?.iter().find_map(|told| told.split_first()) {
        None => Ok(value),
        Some((exit, message)) => {
            Err(Failure { message: String::from_utf8_lossy(message).into_owned(), exit: Exit::of(*exit) })
        }
    }
}

impl From<WorldError> for Failure {
    fn from(error: WorldError) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_packed_and_unpacked() {
        let files = [("config.toml", "kind"), ("checkpoints/step-3/state.json", ""), ("run.json", "{}")];
        let files = files.map(|(name, content)| (PathBuf::from(name), content.as_bytes().to_vec()));
        let bytes = packed(&files);
        let found = unpacked(&bytes).unwrap();
        let found: Vec<(PathBuf, Vec<u8>)> =
            found.into_iter().map(|(name, content)| (name, content.to_vec())).collect();
        assert_eq!(found, files);
        assert_eq!(unpacked(&bytes[..bytes.len() - 1]), None);
        assert_eq!(unpacked(&[]), Some(vec![]));
    }
}
