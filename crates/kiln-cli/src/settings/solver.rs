//! The table `[solver]`: which deterministic solver, and for how many steps.

use std::ops::ControlFlow;

use kiln::{
    burn::tensor::{Device, Tensor},
    models::LogisticConfig,
    optim::solver::{
        self, Bounds, Iteration, L1, Minimization, Outcome, Snapshot, Solver, Status, Stop, TwiceDifferentiable,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    base::{Exit, Failure, Result, require},
    names::{Dtype, SolverName},
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SolverSettings {
    #[serde(rename = "solver")]
    pub(crate) name: Option<SolverName>,
    pub(crate) max_iter: Option<usize>,
}

impl SolverSettings {
    /// Completes the settings.
    pub(crate) fn plan(
        &self,
        gtol: Option<f64>,
        ((penalised, bounded), parameters): ((bool, bool), usize),
        dtype: Dtype,
    ) -> SolverPlan {
        let name = self.name.unwrap_or_else(|| default_solver((penalised, bounded), Some(parameters)));
        let gtol = gtol.unwrap_or(match (dtype, name) {
            // Their last steps about square the error, so that coefficients get all their digits.
            (Dtype::F64, name) if name.uses_hessian() => LogisticConfig::NEWTON_GTOL,
            (Dtype::F64, _) => LogisticConfig::GTOL,
            _ => 1e-5,
        });
        SolverPlan { name, max_iter: self.max_iter.unwrap_or_else(|| default_max_iter(name)), gtol }
    }
}

/// A complete choice of solver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SolverPlan {
    pub(crate) name: SolverName,
    pub(crate) max_iter: usize,
    pub(crate) gtol: f64,
}

/// A minimisation: the problem, the start, and when it ends.
pub(crate) struct Task<'a> {
    pub(crate) problem: &'a dyn TwiceDifferentiable,
    pub(crate) start: Begin,
    pub(crate) stop: Stop,
    /// Bounds, for l-bfgs-b and tron.
    pub(crate) bounds: Bounds,
    /// The penalty, for owl-qn.
    pub(crate) l1: L1,
}

/// Where a minimisation begins: at a point, or at a checkpoint.
pub(crate) enum Begin {
    At(Tensor<1>),
    Again(Snapshot, Device),
}

/// Is called once nothing can refuse the task any more.
type Beginning<'a> = &'a mut dyn FnMut() -> Result<()>;
/// Is called after each step, with a function that takes a snapshot.
type Callback<'a> = &'a mut dyn FnMut(&Iteration, &dyn Fn() -> Snapshot) -> ControlFlow<()>;

impl SolverName {
    /// Returns whether the solver uses the Hessian, or products with it.
    pub(crate) fn uses_hessian(self) -> bool {
        use SolverName::{Newton, NewtonCg, Tron, TrustExact, TrustKrylov, TrustNcg};
        matches!(self, Newton | NewtonCg | Tron | TrustExact | TrustKrylov | TrustNcg)
    }

    /// Refuses a penalty or bounds that the solver cannot handle.
    pub(crate) fn suits(self, penalised: bool, bounded: bool) -> Result<()> {
        let (name, owl_qn, l_bfgs_b, tron) = (self.text(), Self::OwlQn.text(), Self::LBfgsB.text(), Self::Tron.text());
        match (penalised, bounded) {
            (true, true) => Err(Failure::usage("--l1 cannot be combined with --lower or --upper")),
            (true, false) if self != Self::OwlQn => {
                Err(Failure::usage(format!("--l1 needs --solver {owl_qn}, not {name}")))
            }
            (false, true) if !matches!(self, Self::LBfgsB | Self::Tron) => {
                Err(Failure::usage(format!("--lower and --upper need --solver {l_bfgs_b} or {tron}, not {name}")))
            }
            _ => Ok(()),
        }
    }

    /// Minimises. Calls `begin` once nothing can refuse the task any more, and `callback` after each step, which can take a
    /// snapshot. Returns the last snapshot too.
    pub(crate) fn minimize(
        self,
        task: Task<'_>,
        begin: impl FnOnce() -> Result<()>,
        mut callback: impl FnMut(&Iteration, &dyn Fn() -> Snapshot) -> ControlFlow<()>,
    ) -> Result<(Outcome, Snapshot)> {
        let mut begin = Some(begin);
        let mut begin = || begin.take().map_or(Ok(()), |begin| begin());
        self.run(task, &mut begin, &mut callback)
    }

    fn run(self, task: Task<'_>, begin: Beginning<'_>, callback: Callback<'_>) -> Result<(Outcome, Snapshot)> {
        fn run<'a, S: Solver<&'a dyn TwiceDifferentiable>>(
            (problem, start, stop): (&&'a dyn TwiceDifferentiable, Begin, Stop),
            begin: Beginning<'_>,
            solver: &S,
            callback: Callback<'_>,
        ) -> Result<(Outcome, Snapshot)> {
            let mut minimization = match start {
                Begin::At(x) => Minimization::new(problem, x, solver, stop)?,
                Begin::Again(snapshot, device) => Minimization::resume(problem, &snapshot, solver, stop, &device)?,
            };
            begin()?;
            let outcome = minimization.run(|minimization| callback(minimization.last(), &|| minimization.save()))?;
            Ok((outcome, minimization.save()))
        }
        let Task { problem, start, stop, bounds, l1 } = task;
        let task = (&problem, start, stop);
        match self {
            Self::Gd => run(task, begin, &solver::gradient_descent(), callback),
            Self::NonlinearCg => run(task, begin, &solver::nonlinear_cg(), callback),
            Self::Bfgs => run(task, begin, &solver::bfgs(), callback),
            Self::LBfgs => run(task, begin, &solver::lbfgs(), callback),
            Self::LBfgsB => run(task, begin, &solver::lbfgs_b(bounds), callback),
            Self::OwlQn => run(task, begin, &solver::owlqn(l1), callback),
            Self::Newton => run(task, begin, &solver::newton(), callback),
            Self::NewtonCg => run(task, begin, &solver::newton_cg(), callback),
            Self::TrustNcg => run(task, begin, &solver::trust_ncg(), callback),
            Self::TrustKrylov => run(task, begin, &solver::trust_krylov(), callback),
            Self::TrustExact => run(task, begin, &solver::trust_exact(), callback),
            Self::Tron => run(task, begin, &solver::tron(bounds), callback),
        }
    }
}

/// Returns the default solver for an l1 penalty or bounds, and a number of parameters if it is known.
pub(crate) fn default_solver((penalised, bounded): (bool, bool), parameters: Option<usize>) -> SolverName {
    match (penalised, bounded) {
        (true, _) => SolverName::OwlQn,
        (false, true) => SolverName::LBfgsB,
        (false, false) if parameters.is_some_and(|parameters| parameters <= LogisticConfig::NEWTON_PARAMETERS) => {
            SolverName::Newton
        }
        (false, false) => SolverName::LBfgs,
    }
}

/// Returns the default number of iterations. Steepest descent takes many, and each is cheap.
pub(crate) fn default_max_iter(name: SolverName) -> usize {
    if name == SolverName::Gd { 100_000 } else { 10_000 }
}

pub(crate) fn check_solver(max_iter: Option<usize>, gtol: Option<f64>) -> Result<()> {
    require(max_iter != Some(0), "max-iter", "at least 1", 0)?;
    let gtol = gtol.unwrap_or(0.0);
    require(gtol >= 0.0 && gtol.is_finite(), "gtol", "finite and not negative", gtol)
}

/// Returns the `status` of `result.json`, and the exit code.
pub(crate) fn ending(status: Status) -> (&'static str, Exit) {
    match status {
        _ if status.is_success() => ("converged", Exit::Done),
        Status::NotFinite => ("diverged", Exit::Diverged),
        Status::Unbounded => ("unbounded", Exit::NotConverged),
        Status::Infeasible => ("infeasible", Exit::NotConverged),
        Status::StationaryNotMinimum => ("stationary-not-minimum", Exit::NotConverged),
        Status::Stopped => ("interrupted", Exit::Interrupted),
        _ => ("not-converged", Exit::NotConverged),
    }
}
