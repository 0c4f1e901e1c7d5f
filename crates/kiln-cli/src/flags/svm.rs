//! The flags of `kiln train svm`.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::train::{PlaceFlags, RunFlags};
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
    pub(crate) data: SvmDataFlags,
    #[command(flatten)]
    pub(crate) model: SvmModelFlags,
    #[command(flatten)]
    pub(crate) run: RunFlags,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Data")]
pub(crate) struct SvmDataFlags {
    /// breast-cancer, or a CSV file with a header [default: breast-cancer]
    #[arg(long = "data", value_name = "NAME|FILE")]
    #[serde(rename = "data")]
    pub(crate) name: Option<String>,
    /// Folder that holds the dataset's files [default: $KILN_DATA_DIR, then the cache, then a download]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Column to predict, of two classes [default: of breast-cancer diagnosis; of a CSV file it is needed]
    #[arg(long, value_name = "COLUMN")]
    pub(crate) target: Option<String>,
    /// Fraction of the rows to hold out for the test; 0 fits all [default: 0.2]
    #[arg(long, value_name = "F")]
    pub(crate) test_fraction: Option<f64>,
    /// Give each numeric column mean 0 and standard deviation 1 over the training rows [default: true]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) standardize: Option<bool>,
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
