//! What a command works with: the device, the data, the run, its record. Knows settings, but no model.

mod classification;
mod compute;
mod cross_validation;
mod data_check;
mod interrupted;
mod memory;
mod model_file;
mod opened;
mod own_problem;
pub(crate) mod prediction;
mod record;
mod search;
mod session;
mod snapshots;
mod source;
mod tables;

pub(crate) mod certificate;
pub(crate) mod tabular;

pub(crate) use self::{
    classification::{Classification, Predicted, Scored},
    compute::{Compute, kernel_folder},
    cross_validation::{Candidate, CrossValidation, CvFlags, FoldScore, GridFlags, grid, without_fold},
    data_check::{check_certified, check_data},
    interrupted::is_interrupted,
    memory::Memory,
    model_file::ModelFile,
    opened::{Opened, Which},
    own_problem::OwnProblem,
    prediction::prediction_table,
    record::{DataRecord, MetricsLine, RunRecord, Summary, command, exit_of},
    search::{Search, SweepFlags},
    session::{Finished, Session, Start, continue_or_finish, trainer},
    snapshots::Snapshots,
    source::{Source, is_libsvm, read, read_file},
    tables::{Loaded, Part, Purpose, load, used_columns, with_target},
};
