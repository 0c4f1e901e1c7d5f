//! The flags of `kiln solve`.

use std::path::PathBuf;

use clap::Args;

use crate::{
    base::count,
    names::{Dtype, HessianName, MethodName, SolverName},
};

#[derive(Args, Debug)]
pub(crate) struct SolveFlags {
    /// Problem from `kiln solve --list`, such as rosenbrock or hs71, or a file with your own, such as problem.toml
    #[arg(required_unless_present = "list")]
    pub(crate) problem: Option<String>,
    /// List the problems and exit
    #[arg(long, conflicts_with = "problem")]
    pub(crate) list: bool,
    /// With --list: show only problems with constraints
    #[arg(long, alias = "constraint", requires = "list")]
    pub(crate) constrained: bool,
    /// Starting point, such as --x0=-1.2,1 [default: the standard one]
    #[arg(long, value_name = "X,Y,…", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) x0: Option<Vec<f64>>,
    /// Maximum number of iterations [default: 10000; gd: 100000; constrained: 1000]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) max_iter: Option<usize>,
    /// Solver: l-bfgs, newton, newton-cg, trust-ncg, trust-krylov, trust-exact, bfgs, nonlinear-cg, gd, l-bfgs-b, tron, owl-qn [default: automatic]
    #[arg(long, value_name = "NAME", hide_possible_values = true)]
    pub(crate) solver: Option<SolverName>,
    /// Stop when no entry of the gradient exceeds TOL [default: 1e-8 in f64, 5e-4 in f32]
    #[arg(
        long,
        value_name = "TOL",
        allow_negative_numbers = true,
        help_heading = "Problems without constraints, or with bounds"
    )]
    pub(crate) gtol: Option<f64>,
    /// Lower bounds, one per variable or one for all, such as --lower=0,-inf [default: none]
    #[arg(
        long,
        value_name = "X,Y,…",
        value_delimiter = ',',
        allow_hyphen_values = true,
        help_heading = "Problems without constraints, or with bounds"
    )]
    pub(crate) lower: Option<Vec<f64>>,
    /// Upper bounds, one per variable or one for all [default: none]
    #[arg(
        long,
        value_name = "X,Y,…",
        value_delimiter = ',',
        allow_hyphen_values = true,
        help_heading = "Problems without constraints, or with bounds"
    )]
    pub(crate) upper: Option<Vec<f64>>,
    /// Weight of an added penalty l1·‖x‖₁ [default: 0]
    #[arg(
        long,
        value_name = "L1",
        allow_negative_numbers = true,
        help_heading = "Problems without constraints, or with bounds"
    )]
    pub(crate) l1: Option<f64>,
    /// Method: sqp, interior-point, or augmented-lagrangian (--solver solves its subproblems) [default: sqp]
    #[arg(long, value_name = "NAME", hide_possible_values = true, help_heading = "Problems with constraints")]
    pub(crate) method: Option<MethodName>,
    /// Hessian of the Lagrangian, bfgs or exact [default: bfgs with sqp, exact with interior-point]
    #[arg(long, value_name = "MODEL", hide_possible_values = true, help_heading = "Problems with constraints")]
    pub(crate) hessian: Option<HessianName>,
    /// Maximum residual of the KKT conditions [default: 1e-9 in f64, 3e-4 in f32]
    #[arg(long, value_name = "TOL", allow_negative_numbers = true, help_heading = "Problems with constraints")]
    pub(crate) tol: Option<f64>,
    /// Test whether the result is a minimum, for up to 1000 unknowns in f64 [default: true]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL", require_equals = true)]
    pub(crate) check_minimum: Option<bool>,
    /// File for the optimality certificate, for `kiln verify` [default: not written]
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub(crate) certificate: Option<PathBuf>,
    /// File for the iteration history, in JSON Lines [default: not written]
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    pub(crate) history: Option<PathBuf>,
    /// Replace existing files
    #[arg(long, help_heading = "Files")]
    pub(crate) force: bool,
    /// Device: auto, cpu, gpu, or a name from `kiln devices`
    #[arg(long, value_name = "DEVICE", default_value = "auto", help_heading = "Computation")]
    pub(crate) device: String,
    /// Floating-point type [default: f64 if the device has it]
    #[arg(long, value_name = "TYPE", help_heading = "Computation")]
    pub(crate) dtype: Option<Dtype>,
}
