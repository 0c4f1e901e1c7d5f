//! The flags of `kiln solve`.

use std::path::PathBuf;

use clap::Args;

use crate::{
    base::count,
    names::{Dtype, HessianName, MethodName, SolverName},
};

#[derive(Args, Debug)]
pub(crate) struct SolveFlags {
    /// Problem from `kiln solve --list`, such as rosenbrock or hs71
    #[arg(required_unless_present = "list")]
    pub(crate) problem: Option<String>,
    /// List the problems
    #[arg(long, conflicts_with = "problem")]
    pub(crate) list: bool,
    /// List only problems with constraints
    #[arg(long, alias = "constraint", requires = "list")]
    pub(crate) constrained: bool,
    /// Starting point, numbers separated by commas [default: the problem's]
    #[arg(long, value_name = "X,Y,…", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) x0: Option<Vec<f64>>,
    /// Maximum number of iterations [default: 10000; gd: 100000; constrained: 1000]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) max_iter: Option<usize>,
    /// Solver: l-bfgs, newton, newton-cg, trust-ncg, bfgs, nonlinear-cg, gd, l-bfgs-b, owl-qn [default: automatic]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub(crate) solver: Option<SolverName>,
    /// Tolerance: largest absolute gradient entry [default: 1e-8 in f64, 5e-4 in f32]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true, help_heading = "Problems without constraints")]
    pub(crate) gtol: Option<f64>,
    /// Lower bounds, one per unknown or one for all, such as 0,-inf
    #[arg(
        long,
        value_name = "X,Y,…",
        value_delimiter = ',',
        allow_hyphen_values = true,
        help_heading = "Problems without constraints"
    )]
    pub(crate) lower: Option<Vec<f64>>,
    /// Upper bounds, one per unknown or one for all
    #[arg(
        long,
        value_name = "X,Y,…",
        value_delimiter = ',',
        allow_hyphen_values = true,
        help_heading = "Problems without constraints"
    )]
    pub(crate) upper: Option<Vec<f64>>,
    /// Weight of an added penalty l1·‖x‖₁ [default: 0]
    #[arg(long, value_name = "L1", allow_negative_numbers = true, help_heading = "Problems without constraints")]
    pub(crate) l1: Option<f64>,
    /// Method: sqp or augmented-lagrangian; --solver then solves its subproblems [default: sqp]
    #[arg(long, value_name = "NAME", hide_possible_values = true, help_heading = "Problems with constraints")]
    pub(crate) method: Option<MethodName>,
    /// Hessian of sqp: bfgs or exact [default: bfgs]
    #[arg(long, value_name = "MODEL", hide_possible_values = true, help_heading = "Problems with constraints")]
    pub(crate) hessian: Option<HessianName>,
    /// Tolerance of the optimality conditions [default: 1e-9 in f64, 3e-4 in f32]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true, help_heading = "Problems with constraints")]
    pub(crate) tol: Option<f64>,
    /// Write an optimality certificate, for `kiln verify`
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub(crate) certificate: Option<PathBuf>,
    /// Write one line of JSON per iteration
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub(crate) history: Option<PathBuf>,
    /// Replace existing files
    #[arg(long, help_heading = "Files")]
    pub(crate) force: bool,
    /// Device: auto, cpu, gpu, or a name from `kiln devices`
    #[arg(long, value_name = "DEVICE", default_value = "auto", help_heading = "Device")]
    pub(crate) device: String,
    /// Float type [default: f64 if the device has it]
    #[arg(long, value_name = "TYPE", help_heading = "Device")]
    pub(crate) dtype: Option<Dtype>,
}
