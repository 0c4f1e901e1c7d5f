//! Commands that use a run.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{data::FormatFlags, run::MachineFlags};
use crate::{
    base::{Failure, Result, count},
    context::Which,
};

/// How a command reads a run.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunAccess {
    /// Run folder, written by `kiln train`
    pub(crate) run: PathBuf,
    /// Checkpoint: best (lowest loss on held-out data), last, or a step number [default: the final model]
    #[arg(long, value_name = "WHICH")]
    pub(crate) checkpoint: Option<Which>,
    /// Continue with a warning if the run's data files have changed
    #[arg(long)]
    pub(crate) allow_changed_data: bool,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

/// How a command reads several runs, with the same flags for all.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunsAccess {
    /// Continue with a warning if a run's data files have changed
    #[arg(long)]
    pub(crate) allow_changed_data: bool,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

impl RunsAccess {
    /// How one of the runs is read.
    pub(crate) fn of(&self, run: &Path) -> RunAccess {
        let Self { allow_changed_data, machine } = self.clone();
        RunAccess { run: run.to_owned(), checkpoint: None, allow_changed_data, machine }
    }
}

/// A file that a command writes.
#[derive(Args, Clone, Debug)]
pub(crate) struct WriteFlags {
    /// File to write [default: a file in the run folder]
    #[arg(long, value_name = "FILE", alias = "out")]
    pub(crate) output: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct EvalFlags {
    /// Data to evaluate on: what `kiln train` reads, a file, a folder or a name [default: the test set]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<String>,
    /// vae only: importance samples per image to estimate log p(x); 0 omits the estimate [default: 5000]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) samples: Option<usize>,
    /// vae only: number of images, the first N, for that estimate [default: 1000]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) images: Option<usize>,
    /// vae only: also estimate log p(x) of the first N images by annealed importance sampling, which is slow
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) ais: Option<usize>,
    /// --ais only: number of temperatures [default: 500]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) temperatures: Option<usize>,
    /// --ais only: number of chains per image, from 2 to 1000 [default: 16]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) chains: Option<usize>,
    #[command(flatten)]
    pub(crate) format: FormatFlags,
    #[command(flatten)]
    pub(crate) access: RunAccess,
}

impl EvalFlags {
    /// Refuses the flags that are for images, for a model of tables.
    pub(crate) fn refuse_those_of_images(&self) -> Result<()> {
        let of_images = [
            ("--samples", self.samples),
            ("--images", self.images),
            ("--ais", self.ais),
            ("--temperatures", self.temperatures),
            ("--chains", self.chains),
        ];
        match of_images.into_iter().find(|(_, value)| value.is_some()) {
            Some((flag, _)) => Err(Failure::usage(format!("{flag} is for a VAE only"))),
            None => Ok(()),
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct PredictFlags {
    /// Table with the columns that the model was trained on, in any order; others are ignored. '-': standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,
    /// CSV file for the predictions, one row per row of --data. '-': standard output
    #[arg(long, value_name = "FILE", alias = "out")]
    pub(crate) output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) format: FormatFlags,
    #[command(flatten)]
    pub(crate) access: RunAccess,
}

#[derive(Args, Debug)]
pub(crate) struct ExportFlags {
    /// File for the weights, in safetensors format
    #[arg(long, value_name = "FILE", alias = "out")]
    pub(crate) output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) access: RunAccess,
}

#[derive(Args, Debug)]
pub(crate) struct ResumeFlags {
    /// Run folder, written by `kiln train`
    pub(crate) run: PathBuf,
    /// Total number of epochs, including those already done [default: as in the run]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) epochs: Option<u64>,
    /// Total number of iterations of a solver, including those already done [default: as in the run]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) max_iter: Option<usize>,
    /// Stop when no entry of the gradient exceeds TOL [default: as in the run]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) gtol: Option<f64>,
    /// New location of the training data, if it has moved
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<String>,
    /// Continue with a warning if the run's data files have changed
    #[arg(long)]
    pub(crate) allow_changed_data: bool,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyFlags {
    /// Certificate file, or the run folder that holds it
    pub(crate) path: PathBuf,
    /// New location of the training data, if it has moved
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) machine: MachineFlags,
}
