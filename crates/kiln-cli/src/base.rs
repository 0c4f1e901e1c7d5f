//! The lowest layer: errors and exit codes, output, files, run folders, pictures. Knows no model and no setting.

mod checks;
mod columns;
mod console;
mod failure;
mod files;
mod lock;
mod own_files;
mod page;
mod place;
mod run_files;
mod rundir;
mod sink;
mod text;

pub(crate) mod interrupt;
pub(crate) mod plot;
pub(crate) mod ranks;

pub(crate) use self::{
    checks::{count, require},
    columns::{Column, Columns, TableFormat},
    console::{Console, metrics},
    failure::{Exit, Failure, Result},
    files::{Output, OutputFolder},
    lock::Lock,
    own_files::OwnFiles,
    page::{Block, Page, Section},
    place::Place,
    ranks::Ranks,
    run_files::{CERTIFICATE, CONFIG, ENCODER, METRICS, MODEL, REPORT, RESULT, RUN},
    rundir::RunDir,
    sink::Sink,
    text::{digits, file_stem, table, table_of, to_vec},
};
