//! Where a command computes.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::{base::count, names::Dtype};

/// The table `[run]`.
#[derive(Args, Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Device")]
pub(crate) struct RunFlags {
    /// Device: auto, cpu, gpu, or a name from `kiln devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// Float type [default: f64 for logistic, gmm and svm; f32 for vae]
    #[arg(long, value_name = "TYPE")]
    pub(crate) dtype: Option<Dtype>,
    /// Random seed for initial weights, noise, splits and shuffling [default: 0]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) seed: Option<u64>,
    /// Number of CPU threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) threads: Option<usize>,
    /// Disable the fused CPU kernels, for comparison
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_fused: bool,
}

/// Where a command uses a run.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Device")]
pub(crate) struct MachineFlags {
    /// Device: auto, cpu, gpu, or a name from `kiln devices` [default: the run's]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// Number of CPU threads [default: the run's]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) threads: Option<usize>,
    /// Folder with the dataset's files [default: the run's]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}
