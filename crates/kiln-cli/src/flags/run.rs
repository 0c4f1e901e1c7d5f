//! Where a command computes.

use std::path::PathBuf;

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use kiln::tensor::fused::MatmulPrecision;
use serde::Serialize;

use crate::{base::count, names::Dtype};

fn precisions() -> impl TypedValueParser<Value = MatmulPrecision> {
    PossibleValuesParser::new(MatmulPrecision::ALL.map(MatmulPrecision::name))
        .map(|name| name.parse().expect("a possible value"))
}

/// The table `[run]`.
#[derive(Args, Clone, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Computation")]
pub(crate) struct RunFlags {
    /// Device: auto, cpu, gpu, or a name from `kiln devices` [default: auto]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
    /// Floating-point type [default: f64]
    #[arg(long, value_name = "TYPE")]
    pub(crate) dtype: Option<Dtype>,
    /// Precision of f32 matrix products on a GPU; --dtype bf16 is short for --matmul bf16 [default: f32]
    #[arg(long, value_name = "TYPE", value_parser = precisions())]
    pub(crate) matmul: Option<MatmulPrecision>,
    /// Random seed for initial weights, noise, splits and shuffling [default: 0]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) seed: Option<u64>,
    /// Number of CPU threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) threads: Option<usize>,
    /// Use plain tensor operations instead of the fused kernels (slower)
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) no_fused: bool,
}

/// Where a command uses a run.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct MachineFlags {
    /// Folder with the files of the named datasets [default: as in training]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Device: auto, cpu, gpu, or a name from `kiln devices` [default: as in training]
    #[arg(long, value_name = "DEVICE", help_heading = "Computation")]
    pub(crate) device: Option<String>,
    /// Number of CPU threads [default: as in training]
    #[arg(long, value_name = "N", value_parser = count::<usize>(), help_heading = "Computation")]
    pub(crate) threads: Option<usize>,
}
