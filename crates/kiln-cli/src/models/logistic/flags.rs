//! The flags of `kiln train logistic`, as the tables of its settings.

use clap::Args;
use serde::Serialize;

use crate::{
    base::count,
    flags::{MethodFlags, ReadingFlags, RunFlags, SolverFlags, TabularDataFlags},
};

#[derive(Args, Debug, Serialize)]
pub(crate) struct LogisticFlags {
    #[command(flatten)]
    pub(crate) data: TabularDataFlags,
    #[command(flatten)]
    pub(crate) table: ReadingFlags,
    #[command(flatten)]
    pub(crate) model: LogisticModelFlags,
    #[command(flatten)]
    pub(crate) solver: SolverFlags,
    #[command(flatten)]
    pub(crate) method: MethodFlags,
    #[command(flatten)]
    pub(crate) train: LogisticTrainFlags,
    #[command(flatten)]
    pub(crate) run: RunFlags,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Model")]
pub(crate) struct LogisticModelFlags {
    /// Penalty l2/2·‖w‖² added to the mean loss; scikit-learn's C = 1/(training rows·l2) [default: 0]
    #[arg(long, value_name = "L2", allow_negative_numbers = true)]
    pub(crate) l2: Option<f64>,
    /// Penalty l1·‖w‖₁ added to the mean loss; combines with --l2 [default: 0]
    #[arg(long, value_name = "L1", allow_negative_numbers = true)]
    pub(crate) l1: Option<f64>,
    /// Lower bound for each weight except the intercept [default: none]
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub(crate) lower: Option<f64>,
    /// Upper bound for each weight except the intercept [default: none]
    #[arg(long, value_name = "W", allow_negative_numbers = true)]
    pub(crate) upper: Option<f64>,
    /// Class weights: none, or balanced (inverse class frequencies) [default: none]
    #[arg(long, value_name = "HOW", value_parser = ["none", "balanced"], hide_possible_values = true)]
    pub(crate) class_weight: Option<String>,
    /// Standard errors: nonrobust, or hc0 (robust sandwich estimator) [default: nonrobust]
    #[arg(long, value_name = "TYPE", value_parser = ["nonrobust", "hc0"], hide_possible_values = true)]
    pub(crate) cov_type: Option<String>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Training")]
pub(crate) struct LogisticTrainFlags {
    /// Maximum number of passes over the training data [default: automatic]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) epochs: Option<u64>,
    /// Stop when no entry of the gradient exceeds TOL [default: 1e-8 in f64, 1e-11 with solvers that use the Hessian; 1e-5 in f32]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true)]
    pub(crate) gtol: Option<f64>,
    /// Number of updates between two lines of metrics.jsonl [default: 100]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) log_every: Option<u64>,
    /// Number of checkpoints to keep, in addition to the best [default: 2]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) keep: Option<usize>,
    /// Also write the losses for TensorBoard, into the run folder
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) tensorboard: bool,
}
