//! The flags of `kiln train svm`.

use clap::Args;
use serde::Serialize;

use super::train::{PlaceFlags, RunFlags, TabularDataFlags};
use crate::config::Gamma;

#[derive(Args, Debug)]
pub(crate) struct SvmFlags {
    #[command(flatten)]
    pub(crate) place: PlaceFlags,
    #[command(flatten)]
    pub(crate) config: SvmConfigFlags,
}

#[derive(Args, Debug, Serialize)]
pub(crate) struct SvmConfigFlags {
    #[command(flatten)]
    pub(crate) data: TabularDataFlags,
    #[command(flatten)]
    pub(crate) model: SvmModelFlags,
    #[command(flatten)]
    pub(crate) run: RunFlags,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Model")]
pub(crate) struct SvmModelFlags {
    /// linear, rbf [default: rbf]
    #[arg(long, value_name = "NAME", value_parser = ["linear", "rbf"], hide_possible_values = true)]
    pub(crate) kernel: Option<String>,
    /// Of rbf, exp(−γ·‖x − x′‖²): a number, scale for 1/(d·variance) of the data, auto for 1/d [default: scale]
    #[arg(long, value_name = "G", allow_negative_numbers = true)]
    pub(crate) gamma: Option<Gamma>,
    /// What a violation of the margin costs [default: 1]
    #[arg(long, value_name = "C", allow_negative_numbers = true)]
    pub(crate) c: Option<f64>,
    /// Converged when no pair of rows violates the optimality conditions by more [default: 1e-6]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) tol: Option<f64>,
    /// Pairs improved at the most [default: 10000000]
    #[arg(long, value_name = "N")]
    pub(crate) max_iter: Option<usize>,
    /// Megabytes for rows of the kernel's matrix [default: 200]
    #[arg(long, value_name = "MB", allow_negative_numbers = true)]
    pub(crate) cache_mb: Option<f64>,
}
