//! The flags of `kiln train gmm`, as the tables of its settings.

use clap::Args;
use serde::Serialize;

use crate::{
    base::count,
    flags::{ReadingFlags, RowsFlags, RunFlags},
};

#[derive(Args, Debug, Serialize)]
pub(crate) struct GmmFlags {
    #[command(flatten)]
    pub(super) data: RowsFlags,
    #[command(flatten)]
    pub(super) table: ReadingFlags,
    #[command(flatten)]
    pub(super) model: GmmModelFlags,
    #[command(flatten)]
    pub(super) run: RunFlags,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Model")]
pub(crate) struct GmmModelFlags {
    /// Number of components [default: 2]
    #[arg(long, value_name = "K", value_parser = count::<usize>())]
    pub(super) components: Option<usize>,
    /// Shape of the covariance matrices [default: full]
    #[arg(long, value_name = "TYPE", value_parser = ["full", "tied", "diag", "spherical"])]
    pub(super) covariance: Option<String>,
    /// Value added to the diagonal of each covariance matrix [default: 1e-6]
    #[arg(long, value_name = "R", allow_negative_numbers = true)]
    pub(super) reg_covar: Option<f64>,
    /// Stop when an iteration raises the mean log-likelihood by less, in nats [default: 1e-6]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(super) tol: Option<f64>,
    /// Maximum number of EM iterations [default: 1000]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(super) max_iter: Option<usize>,
    /// Number of starts by k-means; the best after 10 iterations goes on [default: 10]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(super) n_init: Option<usize>,
}
