//! Which files of a folder are Kiln's: only these are ever removed.

use std::{fs, io, path::Path};

use kiln::tensor::atomic;

use super::{
    lock::LOCK,
    run_files::{CERTIFICATE, CHECKPOINTS, CONFIG, ENCODER, EVENTS, METRICS, MODEL, REPORT, RESULT, RUN},
};

/// Files that every run may have.
const COMMON: [&str; 7] = [CONFIG, RUN, RESULT, METRICS, MODEL, ENCODER, CERTIFICATE];

/// How to recognise a run, and Kiln's files in it.
#[derive(Clone, Copy)]
pub(crate) struct OwnFiles<'a> {
    /// Names of files that the models write, beside those that every run has.
    pub(crate) names: &'a [&'a [&'static str]],
    /// Returns whether a `config.toml` is Kiln's.
    pub(crate) is_config: fn(&Path) -> bool,
}

/// What a folder is to a new run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing, or only what a killed process left before its run had begun.
    Nothing,
    /// A run with nothing else in it.
    Run,
    /// A file or folder that is not Kiln's; its name.
    Foreign(String),
}

/// Returns whether `name` is a file that a run cannot do without, which no `--output` may replace.
pub(crate) fn is_reserved(name: &str) -> bool {
    COMMON.contains(&name) || name == LOCK || name == CHECKPOINTS
}

impl OwnFiles<'_> {
    /// Looks at everything in `folder`.
    pub(super) fn look_at(&self, folder: &Path) -> io::Result<Found> {
        let (mut begun, mut has_outputs) = (false, false);
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (name, kind) = (entry.file_name().to_string_lossy().into_owned(), entry.file_type()?);
            let leftover = name == LOCK || atomic::is_temporary(&name);
            let own = if kind.is_file() {
                leftover
                    || name == REPORT
                    || name.starts_with(EVENTS)
                    || COMMON.contains(&name.as_str())
                    || self.names.iter().any(|names| names.contains(&name.as_str()))
            } else {
                kind.is_dir() && name == CHECKPOINTS && is_checkpoints(&entry.path())?
            };
            if !own {
                return Ok(Found::Foreign(name));
            }
            begun |= !leftover;
            has_outputs |= !leftover && name != RUN && name != ENCODER;
        }
        if !begun {
            return Ok(Found::Nothing);
        }
        let json = |name| fs::read(folder.join(name)).ok().map(|bytes| serde_json::from_slice(&bytes));
        let record: Option<Result<serde_json::Value, _>> = json(RUN);
        let is_record = |record: &serde_json::Value| record["kiln"].is_string();
        // A start that was killed may have left what is written before `config.toml`.
        let is_run = match record {
            Some(record) => {
                record.is_ok_and(|record| is_record(&record))
                    && (!has_outputs || (self.is_config)(&folder.join(CONFIG)))
            }
            None => !has_outputs,
        };
        if is_run { Ok(Found::Run) } else { Ok(Found::Foreign(CONFIG.to_owned())) }
    }
}

/// Returns whether a folder holds checkpoints only: files, and folders of files.
fn is_checkpoints(folder: &Path) -> io::Result<bool> {
    const FILES: [&str; 3] = ["model.bpk", "optimizer.bpk", "state.json"];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name().to_string_lossy().into_owned(), entry.file_type()?);
        let step = name.trim_start_matches('.');
        let is_step = ["step-", "unfinished-", "replaced-"].iter().any(|prefix| step.starts_with(prefix));
        let own = if kind.is_dir() {
            is_step
                && fs::read_dir(entry.path())?.all(|file| {
                    file.is_ok_and(|file| {
                        let name = file.file_name().to_string_lossy().into_owned();
                        FILES.contains(&name.as_str()) || atomic::is_temporary(&name)
                    })
                })
        } else {
            kind.is_file() && (name.ends_with(".safetensors") || atomic::is_temporary(&name))
        };
        if !own {
            return Ok(false);
        }
    }
    Ok(true)
}
