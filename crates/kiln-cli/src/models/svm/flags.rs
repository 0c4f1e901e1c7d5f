//! The flags of `kiln train svm`, as the tables of its settings.

use clap::Args;
use serde::Serialize;

use super::settings::Gamma;
use crate::{
    base::count,
    flags::{ReadingFlags, RunFlags, TabularDataFlags},
};

#[derive(Args, Debug, Serialize)]
pub(crate) struct SvmFlags {
    #[command(flatten)]
    pub(super) data: TabularDataFlags,
    #[command(flatten)]
    pub(super) table: ReadingFlags,
    #[command(flatten)]
    pub(super) model: SvmModelFlags,
    #[command(flatten)]
    pub(super) run: RunFlags,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Model")]
pub(crate) struct SvmModelFlags {
    /// Kernel function [default: rbf]
    #[arg(long, value_name = "NAME", value_parser = ["linear", "rbf"])]
    pub(super) kernel: Option<String>,
    /// γ of exp(−γ·‖x − y‖²), scale = 1/(features·variance), auto = 1/features [default: scale]
    #[arg(long, value_name = "G", allow_negative_numbers = true)]
    pub(super) gamma: Option<Gamma>,
    /// Regularization parameter C: the cost of a margin violation [default: 1]
    #[arg(long, value_name = "C", allow_negative_numbers = true)]
    pub(super) c: Option<f64>,
    /// Stop when the largest violation of the KKT conditions is below TOL [default: 1e-6]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(super) tol: Option<f64>,
    /// Maximum number of SMO iterations [default: 10000000]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(super) max_iter: Option<usize>,
    /// Size of the kernel cache in megabytes [default: 200]
    #[arg(long, value_name = "MB", allow_negative_numbers = true)]
    pub(super) cache_mb: Option<f64>,
}
