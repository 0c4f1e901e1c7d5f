//! How a model is optimised.

use clap::Args;
use kiln::optim::ScheduleSpec;
use serde::Serialize;

use crate::{
    base::count,
    names::{AverageName, LrSchedule, OptimizerName, SolverName},
};

/// The table `[solver]`.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Solver (uses all rows at each step; the default)")]
pub(crate) struct SolverFlags {
    /// Solver: l-bfgs, newton, newton-cg, trust-ncg, trust-krylov, trust-exact, bfgs, nonlinear-cg, gd, l-bfgs-b, tron, owl-qn [default: automatic]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub(crate) solver: Option<SolverName>,
    /// Maximum number of iterations [default: 10000; gd: 100000]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) max_iter: Option<usize>,
}

/// The table `[method]`.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Optimizer (uses minibatches)")]
pub(crate) struct MethodFlags {
    /// Optimizer: sgd, momentum, nesterov, torch-sgd, torch-nesterov, adam, adamw [default: automatic]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub(crate) optimizer: Option<OptimizerName>,
    /// Learning rate [default: automatic]
    #[arg(long, value_name = "LR", allow_negative_numbers = true)]
    pub(crate) lr: Option<f64>,
    /// Learning-rate schedule, such as cosine; see `kiln schedules` [default: automatic]
    #[arg(long, value_name = "SCHEDULE")]
    pub(crate) schedule: Option<LrSchedule>,
    /// Momentum of momentum, nesterov, torch-sgd, torch-nesterov [default: 0.9; torch-sgd: 0]
    #[arg(long, value_name = "ALPHA", allow_negative_numbers = true)]
    pub(crate) momentum: Option<f64>,
    /// Momentum schedule, starting from --momentum; same syntax as --schedule [default: constant]
    #[arg(long, value_name = "SCHEDULE")]
    pub(crate) momentum_schedule: Option<ScheduleSpec>,
    /// torch-sgd only: dampening of the momentum, in [0, 1) [default: 0]
    #[arg(long, value_name = "D", allow_negative_numbers = true)]
    pub(crate) dampening: Option<f64>,
    /// Weight decay of torch-sgd, torch-nesterov and adamw (decoupled) [default: 0; adamw: 0.01]
    #[arg(long, value_name = "LAMBDA", allow_negative_numbers = true)]
    pub(crate) weight_decay: Option<f64>,
    /// Adam's β₁: decay rate of the first moment [default: 0.9]
    #[arg(long, value_name = "BETA", allow_negative_numbers = true)]
    pub(crate) beta1: Option<f64>,
    /// Adam's β₂: decay rate of the second moment [default: 0.999]
    #[arg(long, value_name = "BETA", allow_negative_numbers = true)]
    pub(crate) beta2: Option<f64>,
    /// Adam's ε, added to the square root of the second moment [default: 1e-8]
    #[arg(long, value_name = "E", allow_negative_numbers = true)]
    pub(crate) epsilon: Option<f64>,
    /// adam only: second moment before the first step [default: 0]
    #[arg(long, value_name = "V", allow_negative_numbers = true)]
    pub(crate) initial_second_moment: Option<f64>,
    /// Minibatch size [default: automatic]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) batch_size: Option<usize>,
    /// Minibatch size schedule, starting from --batch-size; same syntax as --schedule [default: constant]
    #[arg(long, value_name = "SCHEDULE")]
    pub(crate) batch_schedule: Option<ScheduleSpec>,
    /// Number of minibatches to average per update [default: 1]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) accumulate: Option<u64>,
    /// Maximum gradient norm; longer gradients are scaled down [default: none]
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    pub(crate) clip_norm: Option<f64>,
    /// Maximum number of consecutive NaN or infinite gradients to skip [default: 0]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) skip_non_finite: Option<u64>,
    /// Average the weights: uniform[:from=STEP], polynomial[:eta=3], ema:decay=0.999 [default: none]
    #[arg(long, value_name = "AVERAGE")]
    pub(crate) average: Option<AverageName>,
    /// Early stopping: evaluations without a lower loss on held-out data [default: never]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) patience: Option<u64>,
}
