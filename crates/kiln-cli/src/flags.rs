//! Flags that several commands share, as they are typed. A command's or a model's own flags are in its own folder.
//!
//! A group that mirrors a table of `config.toml` has the table's keys as names, all optional: the flags that were given
//! become a table, which is laid over the file's.

mod data;
mod method;
mod place;
mod run;
mod used;

pub(crate) use self::{
    data::{FormatFlags, ReadingFlags, RowsFlags, TabularDataFlags},
    method::{MethodFlags, SolverFlags},
    place::{OutputFlags, PlaceFlags},
    run::{MachineFlags, RunFlags},
    used::{EvalFlags, ExportFlags, PredictFlags, ResumeFlags, RunAccess, RunsAccess, VerifyFlags, WriteFlags},
};

/// Hides a flag of a command that is among those without a meaning there.
pub(crate) fn hide_unused(flag: clap::Arg, unused: &[&str]) -> clap::Arg {
    let is_unused = flag.get_long().is_some_and(|name| unused.contains(&name));
    flag.hide(is_unused)
}
