//! Deterministic solvers by name, and the settings they share: the table `[solver]` of `config.toml`.

use std::ops::ControlFlow;

use clap::ValueEnum;
use kiln::{
    burn::tensor::Tensor,
    optim::solver::{
        self, Hessian, HessianProduct, Iteration, Minimization, Outcome, Point, Solver, SolverError, Status, Stop,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    config::require,
    failure::{Exit, Failure, Result},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SolverName {
    /// Steepest descent
    Gd,
    /// Conjugate gradients of Polak and Ribière
    NonlinearCg,
    /// A dense quasi-Newton matrix
    Bfgs,
    /// Quasi-Newton from the last ten steps
    LBfgs,
    /// The whole Hessian, damped where it is not positive definite
    Newton,
    /// Newton's method by conjugate gradients
    NewtonCg,
    /// The same within a trust region
    TrustNcg,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SolverSettings {
    #[serde(rename = "solver")]
    pub(crate) name: Option<SolverName>,
    pub(crate) max_iter: Option<usize>,
}

impl SolverName {
    pub(crate) fn text(self) -> String {
        self.to_possible_value().expect("no name is hidden").get_name().to_owned()
    }

    /// Minimises, with a word to `callback` after each step.
    pub(crate) fn minimize<P: Hessian + HessianProduct>(
        self,
        problem: &P,
        start: Tensor<1>,
        stop: Stop,
        callback: impl FnMut(&Iteration, &Point) -> ControlFlow<()>,
    ) -> std::result::Result<Outcome, SolverError> {
        fn run<P: Hessian + HessianProduct, S: Solver<P>>(
            (problem, start, stop): (&P, Tensor<1>, Stop),
            solver: &S,
            callback: impl FnMut(&Iteration, &Point) -> ControlFlow<()>,
        ) -> std::result::Result<Outcome, SolverError> {
            Minimization::new(problem, start, solver, stop)?.run(callback)
        }
        let job = (problem, start, stop);
        match self {
            Self::Gd => run(job, &solver::gradient_descent(), callback),
            Self::NonlinearCg => run(job, &solver::nonlinear_cg(), callback),
            Self::Bfgs => run(job, &solver::bfgs(), callback),
            Self::LBfgs => run(job, &solver::lbfgs(), callback),
            Self::Newton => run(job, &solver::newton(), callback),
            Self::NewtonCg => run(job, &solver::newton_cg(), callback),
            Self::TrustNcg => run(job, &solver::trust_ncg(), callback),
        }
    }
}

/// Iterations when `--max-iter` does not say it: steepest descent takes many, each cheap.
pub(crate) fn default_max_iter(name: SolverName) -> usize {
    if name == SolverName::Gd { 100_000 } else { 10_000 }
}

pub(crate) fn check(max_iter: Option<usize>, gtol: Option<f64>) -> Result<()> {
    require(max_iter != Some(0), "max-iter", "at least 1", 0)?;
    let gtol = gtol.unwrap_or(0.0);
    require(gtol >= 0.0 && gtol.is_finite(), "gtol", "finite and not negative", gtol)
}

/// `status` of `result.json`, and the exit code.
pub(crate) fn ending(status: Status) -> (&'static str, Exit) {
    match status {
        _ if status.is_success() => ("converged", Exit::Done),
        Status::NotFinite => ("diverged", Exit::Diverged),
        Status::Unbounded => ("unbounded", Exit::NotConverged),
        Status::Stopped => ("interrupted", Exit::Interrupted),
        _ => ("not-converged", Exit::NotConverged),
    }
}

impl From<SolverError> for Failure {
    fn from(error: SolverError) -> Self {
        Self::internal(error)
    }
}
