//! Deterministic solvers.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SolverName {
    /// Steepest descent
    Gd,
    /// Nonlinear conjugate gradients (Polak-Ribière)
    NonlinearCg,
    /// BFGS with a dense matrix
    Bfgs,
    /// L-BFGS with the last ten steps
    LBfgs,
    /// L-BFGS within bounds
    LBfgsB,
    /// L-BFGS with an l1 penalty
    OwlQn,
    /// Newton's method with the full Hessian, damped where it is not positive definite
    Newton,
    /// Newton's method by conjugate gradients
    NewtonCg,
    /// Newton's method by conjugate gradients in a trust region
    TrustNcg,
    /// Newton's method by Lanczos's method in a trust region
    TrustKrylov,
    /// Newton's method with the full Hessian in a trust region
    TrustExact,
    /// Newton's method by conjugate gradients in a trust region within bounds
    Tron,
}

/// A method for problems with constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MethodName {
    /// Sequential quadratic programming
    Sqp,
    /// The augmented Lagrangian (method of multipliers)
    AugmentedLagrangian,
    /// A primal-dual interior-point method with a filter
    InteriorPoint,
}

/// The Hessian of the Lagrangian in sequential quadratic programming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HessianName {
    /// BFGS approximation
    Bfgs,
    /// Exact
    Exact,
}

impl SolverName {
    pub(crate) fn text(self) -> String {
        text_of(self)
    }
}

/// Returns a value's name on the command line.
pub(crate) fn text_of<V: ValueEnum>(value: V) -> String {
    value.to_possible_value().expect("no name is hidden").get_name().to_owned()
}
