//! Commands that use a run.

use std::path::PathBuf;

use clap::Args;

use super::run::MachineFlags;
use crate::{base::count, context::Which};

/// How a command reads a run.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunAccess {
    /// Run folder
    pub(crate) run: PathBuf,
    /// Checkpoint to use: best, last, or a step [default: the final model]
    #[arg(long, value_name = "WHICH")]
    pub(crate) checkpoint: Option<Which>,
    /// Use data that differ from the run's, with a warning
    #[arg(long)]
    pub(crate) allow_changed_data: bool,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

/// A file that a command writes.
#[derive(Args, Clone, Debug)]
pub(crate) struct WriteFlags {
    /// File to write [default: a file in the run folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct EvalFlags {
    #[command(flatten)]
    pub(crate) access: RunAccess,
    /// Data to evaluate: a CSV file with the target column, a folder or a dataset [default: the run's test set]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<String>,
    /// VAE only: importance samples per image for the log-likelihood; 0 disables it [default: 5000]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) samples: Option<usize>,
    /// VAE only: number of images for the log-likelihood [default: 1000]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) images: Option<usize>,
}

#[derive(Args, Debug)]
pub(crate) struct PredictFlags {
    #[command(flatten)]
    pub(crate) access: RunAccess,
    /// CSV file with the columns that the model was trained on, in any order
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// CSV file to write, one line per input row
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExportFlags {
    #[command(flatten)]
    pub(crate) access: RunAccess,
    /// safetensors file to write
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeFlags {
    /// Run folder
    pub(crate) run: PathBuf,
    /// Total number of epochs, including those already done [default: the run's]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) epochs: Option<u64>,
    /// Total number of iterations of a solver, including those already done [default: the run's]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) max_iter: Option<usize>,
    /// Gradient tolerance of a solver or of full-batch training [default: the run's]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) gtol: Option<f64>,
    /// The run's data, if they have moved
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<String>,
    /// Use data that differ from the run's, with a warning
    #[arg(long)]
    pub(crate) allow_changed_data: bool,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyFlags {
    /// Certificate file, or the run folder that holds it
    pub(crate) path: PathBuf,
    /// The run's data, if they have moved
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}
