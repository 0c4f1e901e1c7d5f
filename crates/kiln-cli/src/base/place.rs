//! Where a new run goes: chosen early, made once everything that can refuse the run has passed.

use std::{
    cell::{Cell, RefCell},
    fs, io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use super::{
    failure::{Failure, Result},
    lock::Lock,
    own_files::{Found, OwnFiles},
    ranks::scratch,
    rundir::RunDir,
};

/// The folder that a new run will have. Nothing is written yet.
#[derive(Debug)]
pub(crate) enum Place {
    /// `runs/<model>-<data>-<time>`, with a number if that is taken.
    Default(String),
    /// The folder of `--out`.
    Chosen {
        /// The folder.
        path: PathBuf,
        /// Whether a run in it may be replaced.
        force: bool,
    },
    /// A temporary folder: another process writes the run.
    Scratch,
}

/// A run folder that was just made.
///
/// Unless it is kept, dropping it removes it and puts back the run that it replaces. A folder that already has a
/// checkpoint stays in any case.
#[derive(Debug)]
pub(crate) struct NewRun {
    dir: RunDir,
    replaced: RefCell<Option<PathBuf>>,
    kept: Cell<bool>,
    _lock: Lock,
    /// The folder that is deleted with this value.
    scratch: Option<TempDir>,
}

impl Place {
    /// Chooses the folder, and refuses one that cannot be used.
    pub(crate) fn choose(out: Option<PathBuf>, name: &str, force: bool, own: OwnFiles<'_>) -> Result<Self> {
        let place = match out {
            Some(path) => Self::Chosen { path, force },
            None => {
                let time = jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S");
                Self::Default(format!("{name}-{time}"))
            }
        };
        if let Self::Chosen { path, force } = &place {
            look(path, *force, own)?;
        }
        Ok(place)
    }

    /// Makes the folder, which must not exist, and locks it. An old run at its place is put aside.
    pub(crate) fn create(self, own: OwnFiles<'_>) -> Result<NewRun> {
        match self {
            Self::Default(name) => numbered(Path::new("runs"), &name),
            Self::Chosen { path, force } => chosen(path, force, own),
            Self::Scratch => {
                let folder = scratch()?;
                let mut run = NewRun::locked(folder.path().to_owned(), None)?;
                run.scratch = Some(folder);
                Ok(run)
            }
        }
    }
}

fn numbered(parent: &Path, name: &str) -> Result<NewRun> {
    fs::create_dir_all(parent).map_err(|e| Failure::write(parent, &e))?;
    for number in 1.. {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let path = parent.join(format!("{name}{suffix}"));
        match fs::create_dir(&path) {
            Ok(()) => return NewRun::locked(path, None),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Failure::write(&path, &e)),
        }
    }
    unreachable!("some number is free")
}

/// What stands at `path`, if a run may go there.
fn look(path: &Path, force: bool, own: OwnFiles<'_>) -> Result<Option<Found>> {
    let shown = path.display();
    let found = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Failure::usage(format!("cannot use {shown} as --out: {e}"))),
        Ok(found) => found,
    };
    if found.is_symlink() {
        return Err(Failure::usage(format!("{shown} is a link: give --out the folder itself")));
    }
    if !found.is_dir() {
        return Err(Failure::usage(format!("{shown} exists and is not a folder: choose another --out")));
    }
    let found = own.look_at(path).map_err(|e| Failure::usage(format!("cannot use {shown} as --out: {e}")))?;
    match &found {
        Found::Foreign(name) => Err(Failure::usage(format!(
            "{shown} exists and is not only a run of Kiln's (it has '{}'): choose another --out",
            name.escape_debug()
        ))),
        Found::Run if !force => {
            Err(Failure::usage(format!("{shown} exists: choose another --out, or add --force to replace it")))
        }
        Found::Run | Found::Nothing => Ok(Some(found)),
    }
}

fn chosen(path: PathBuf, force: bool, own: OwnFiles<'_>) -> Result<NewRun> {
    let failed = |e: io::Error| Failure::write(&path, &e);
    match look(&path, force, own)? {
        None => {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(|e| Failure::write(parent, &e))?;
            }
            match fs::create_dir(&path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    Err(Failure::usage(format!("{} was made by another process: choose another --out", path.display())))
                }
                Err(e) => Err(failed(e)),
                Ok(()) => NewRun::locked(path, None),
            }
        }
        // The lock decides between two processes that both found the folder empty.
        Some(Found::Nothing) => {
            let lock = Lock::acquire(&path)?;
            remove_leftovers(&path).map_err(failed)?;
            Ok(NewRun::new(path, None, lock))
        }
        Some(_) => {
            let _lock = Lock::acquire(&path)?;
            let aside = aside(&path);
            fs::rename(&path, &aside).map_err(failed)?;
            match fs::create_dir(&path) {
                Ok(()) => NewRun::locked(path, Some(aside)),
                Err(e) => {
                    let _ = fs::rename(&aside, &path);
                    Err(Failure::write(&path, &e))
                }
            }
        }
    }
}

/// A free name beside `path` for the run that is replaced.
fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy());
    let (name, id) = (name.trim_start_matches('.'), std::process::id());
    let folder = path.parent().unwrap_or(Path::new(""));
    let names = (0..).map(|n| folder.join(format!(".{name}.replaced-{id}-{n}")));
    names.into_iter().find(|path| fs::symlink_metadata(path).is_err()).expect("some number is free")
}

fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if kiln::tensor::atomic::is_temporary(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl NewRun {
    fn new(path: PathBuf, replaced: Option<PathBuf>, lock: Lock) -> Self {
        Self {
            dir: RunDir::at(path),
            replaced: RefCell::new(replaced),
            kept: Cell::new(false),
            _lock: lock,
            scratch: None,
        }
    }

    fn locked(path: PathBuf, replaced: Option<PathBuf>) -> Result<Self> {
        match Lock::acquire(&path) {
            Ok(lock) => Ok(Self::new(path, replaced, lock)),
            Err(failure) => {
                // Another process took the folder over in this moment; what it wrote stays.
                let _ = fs::remove_dir(&path);
                if let Some(replaced) = &replaced {
                    let _ = fs::rename(replaced, &path);
                }
                Err(failure)
            }
        }
    }

    pub(crate) fn dir(&self) -> &RunDir {
        &self.dir
    }

    /// Makes the new run final, and removes the one that it replaces.
    pub(crate) fn keep(&self) -> Result<()> {
        self.kept.set(true);
        match self.replaced.take() {
            // It was looked at: everything in it is Kiln's.
            Some(old) => fs::remove_dir_all(&old).map_err(|e| Failure::write(&old, &e)),
            None => Ok(()),
        }
    }
}

impl Drop for NewRun {
    fn drop(&mut self) {
        if self.kept.get() || self.dir.has_checkpoint() {
            return;
        }
        // The folder was made by this process, under a lock: it has nothing but this run.
        let _ = fs::remove_dir_all(self.dir.path());
        if let Some(replaced) = self.replaced.take() {
            let _ = fs::rename(replaced, self.dir.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CONFIG, METRICS, RUN};

    const OWN: OwnFiles<'static> = OwnFiles { names: &[&["coef.csv"]], is_config: |path| path.is_file() };

    fn choose(path: &Path, force: bool) -> Result<Place> {
        Place::choose(Some(path.to_owned()), "x", force, OWN)
    }

    fn make(path: &Path, force: bool) -> Result<NewRun> {
        choose(path, force)?.create(OWN)
    }

    /// A run that is whole.
    fn run_in(path: &Path) {
        let run = make(path, false).unwrap();
        fs::write(run.dir().file(CONFIG), "kind = \"vae\"\n").unwrap();
        fs::write(run.dir().file(RUN), "{\"kiln\": \"0.2.0\"}").unwrap();
        run.keep().unwrap();
    }

    #[test]
    fn only_runs_are_replaced_and_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("a/run");
        run_in(&out);
        assert!(choose(&out, false).unwrap_err().message.contains("--force"));
        let second = make(&out, true).unwrap();
        assert!(!out.join(CONFIG).exists());
        fs::write(out.join(METRICS), "").unwrap();
        second.keep().unwrap();
        drop(second);
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1, "nothing is left beside the run");
    }

    #[test]
    fn foreign_files_are_never_removed() {
        let folder = tempfile::tempdir().unwrap();
        for foreign in ["thesis.tex", "chapters", "checkpoints/notes.txt"] {
            let out = folder.path().join(foreign.replace('/', "-"));
            run_in(&out);
            let path = out.join(foreign);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if foreign == "chapters" { fs::create_dir(&path) } else { fs::write(&path, "years of work") }.unwrap();
            assert!(choose(&out, true).unwrap_err().message.contains("not only a run"), "{foreign}");
            assert!(path.exists());
        }
        // A config.toml of another program.
        let other = folder.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join(CONFIG), "x").unwrap();
        assert!(choose(&other, true).is_err());
        assert!(other.join(CONFIG).exists());
    }

    #[test]
    fn a_run_that_is_not_kept_leaves_things_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        drop(make(&out, false).unwrap());
        assert!(!out.exists());
        run_in(&out);
        let second = make(&out, true).unwrap();
        fs::write(second.dir().file(CONFIG), "new").unwrap();
        drop(second);
        assert_eq!(fs::read_to_string(out.join(CONFIG)).unwrap(), "kind = \"vae\"\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_start_left_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        fs::create_dir(&out).unwrap();
        fs::write(out.join(".kiln-abc.part"), "").unwrap();
        fs::write(out.join(".lock"), "1").unwrap();
        make(&out, false).unwrap().keep().unwrap();
        assert!(!out.join(".kiln-abc.part").exists());
    }

    #[test]
    fn what_a_killed_start_left_is_replaced_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        for (n, files) in [&["encoder.json"][..], &["encoder.json", RUN], &[RUN]].iter().enumerate() {
            let out = folder.path().join(n.to_string());
            fs::create_dir(&out).unwrap();
            for file in *files {
                fs::write(out.join(file), "{\"kiln\": \"0.2.0\"}").unwrap();
            }
            assert!(make(&out, false).is_err());
            make(&out, true).unwrap().keep().unwrap();
        }
    }

    #[test]
    fn a_run_that_is_being_written_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        run_in(&out);
        let _lock = Lock::acquire(&out).unwrap();
        assert!(make(&out, true).unwrap_err().message.contains("is being written by process"));
    }

    #[test]
    fn default_names_never_meet() {
        let folder = tempfile::tempdir().unwrap();
        let runs: Vec<NewRun> = (0..3).map(|_| numbered(folder.path(), "x").unwrap()).collect();
        let names: Vec<_> = runs.iter().map(|run| run.dir().path().file_name().unwrap().to_owned()).collect();
        assert_eq!(names, ["x", "x-2", "x-3"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (out, link) = (folder.path().join("run"), folder.path().join("link"));
        run_in(&out);
        std::os::unix::fs::symlink(&out, &link).unwrap();
        assert!(choose(&link, true).unwrap_err().message.contains("is a link"));
    }
}
