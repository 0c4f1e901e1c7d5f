//! Deterministic solvers by name, and the settings they share: the table `[solver]` of `config.toml`.

use std::ops::ControlFlow;

use clap::ValueEnum;
use kiln::{
    burn::tensor::{Device, Tensor},
    optim::solver::{
        self, Bounds, Hessian, HessianProduct, Iteration, L1, Minimization, Outcome, Snapshot, Solver, SolverError,
        Status, Stop,
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
    /// The same within bounds
    LBfgsB,
    /// The same with an l1 penalty
    OwlQn,
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

/// What is minimised, from where, and when it ends.
pub(crate) struct Task<'a, P> {
    pub(crate) problem: &'a P,
    pub(crate) start: Start,
    pub(crate) stop: Stop,
    /// What l-bfgs-b keeps to.
    pub(crate) bounds: Bounds,
    /// What owl-qn adds.
    pub(crate) l1: L1,
}

/// Where a minimisation begins.
pub(crate) enum Start {
    At(Tensor<1>),
    Again(Snapshot, Device),
}

impl SolverName {
    pub(crate) fn text(self) -> String {
        self.to_possible_value().expect("no name is hidden").get_name().to_owned()
    }

    /// Refuses a penalty, or bounds, that the solver would not keep to.
    pub(crate) fn suits(self, penalised: bool, bounded: bool) -> Result<()> {
        let (name, owl_qn, l_bfgs_b) = (self.text(), Self::OwlQn.text(), Self::LBfgsB.text());
        match (penalised, bounded) {
            (true, true) => Err(Failure::usage("--l1 and bounds exclude one another")),
            (true, false) if self != Self::OwlQn => {
                Err(Failure::usage(format!("--l1 is for the solver {owl_qn}, not {name}: give --solver {owl_qn}")))
            }
            (false, true) if self != Self::LBfgsB => Err(Failure::usage(format!(
                "--lower and --upper are for the solver {l_bfgs_b}, not {name}: give --solver {l_bfgs_b}"
            ))),
            _ => Ok(()),
        }
    }

    /// Minimises, with a word to `callback` after each step, which can have a snapshot of it. The last snapshot comes with the outcome.
    pub(crate) fn minimize<P: Hessian + HessianProduct>(
        self,
        task: Task<'_, P>,
        callback: impl FnMut(&Iteration, &dyn Fn() -> Snapshot) -> ControlFlow<()>,
    ) -> std::result::Result<(Outcome, Snapshot), SolverError> {
        fn run<P: Hessian + HessianProduct, S: Solver<P>>(
            (problem, start, stop): (&P, Start, Stop),
            solver: &S,
            mut callback: impl FnMut(&Iteration, &dyn Fn() -> Snapshot) -> ControlFlow<()>,
        ) -> std::result::Result<(Outcome, Snapshot), SolverError> {
            let mut minimization = match start {
                Start::At(x) => Minimization::new(problem, x, solver, stop)?,
                Start::Again(snapshot, device) => Minimization::resume(problem, &snapshot, solver, stop, &device)?,
            };
            let outcome = minimization.run(|minimization| callback(minimization.last(), &|| minimization.save()))?;
            Ok((outcome, minimization.save()))
        }
        let Task { problem, start, stop, bounds, l1 } = task;
        let task = (problem, start, stop);
        match self {
            Self::Gd => run(task, &solver::gradient_descent(), callback),
            Self::NonlinearCg => run(task, &solver::nonlinear_cg(), callback),
            Self::Bfgs => run(task, &solver::bfgs(), callback),
            Self::LBfgs => run(task, &solver::lbfgs(), callback),
            Self::LBfgsB => run(task, &solver::lbfgs_b(bounds), callback),
            Self::OwlQn => run(task, &solver::owlqn(l1), callback),
            Self::Newton => run(task, &solver::newton(), callback),
            Self::NewtonCg => run(task, &solver::newton_cg(), callback),
            Self::TrustNcg => run(task, &solver::trust_ncg(), callback),
        }
    }
}

/// The solver when `--solver` does not say it.
pub(crate) fn default_solver(penalised: bool, bounded: bool) -> SolverName {
    match (penalised, bounded) {
        (true, _) => SolverName::OwlQn,
        (false, true) => SolverName::LBfgsB,
        (false, false) => SolverName::LBfgs,
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
        Status::Infeasible => ("infeasible", Exit::NotConverged),
        Status::Stopped => ("interrupted", Exit::Interrupted),
        _ => ("not-converged", Exit::NotConverged),
    }
}

impl From<SolverError> for Failure {
    fn from(error: SolverError) -> Self {
        match error {
            SolverError::Snapshot(_) => Self::usage(error),
            _ => Self::internal(error),
        }
    }
}
