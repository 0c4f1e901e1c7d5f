//! Minimisation under constraints in f64, compared with the references, SciPy's SLSQP and the published minima; certificates; and
//! every way in which a run ends.

mod certificates;
mod endings;
mod hock_schittkowski;
mod interior;
mod interior_endings;
mod minimum;
mod modules;
mod references;

use burn::{
    module::Param,
    tensor::{Device, Tensor},
};
use kiln_optim::{
    constrained::{
        AugmentedLagrangian, ConstrainedProblem, ConstrainedSolver, ConstrainedStop, LagrangianHessian, Solution, Sqp,
        WithinBounds, minimize_constrained,
    },
    problems::{ConstrainedTestProblem, constrained},
    solver::{bfgs, newton, newton_cg, trust_ncg},
};
use kiln_testkit::f64_device;

const SQP: Sqp = Sqp { hessian: LagrangianHessian::Bfgs, c1: 1e-4, max_trials: 30 };
const EXACT: Sqp = Sqp { hessian: LagrangianHessian::Exact, ..SQP };

fn named(name: &str) -> ConstrainedTestProblem {
    constrained().into_iter().find(|problem| problem.name == name).unwrap_or_else(|| panic!("no problem {name}"))
}

fn solve(
    problem: &ConstrainedTestProblem,
    solver: &impl ConstrainedSolver<Param<Tensor<1>>, ()>,
    stop: &ConstrainedStop,
) -> Solution {
    let device: Device = f64_device();
    minimize_constrained(&problem.problem(&device), problem.start(&device), solver, stop).unwrap()
}

/// The solutions of one problem by every solver.
fn by_all_solvers(problem: &ConstrainedTestProblem, stop: &ConstrainedStop) -> Vec<(&'static str, Solution)> {
    vec![
        ("SQP with BFGS", solve(problem, &SQP, stop)),
        ("SQP with the exact Hessian", solve(problem, &EXACT, stop)),
        ("augmented Lagrangian", solve(problem, &AugmentedLagrangian::default(), stop)),
        ("augmented Lagrangian, L-BFGS within bounds", solve(problem, &AugmentedLagrangian::with(WithinBounds), stop)),
        ("augmented Lagrangian, BFGS", solve(problem, &AugmentedLagrangian::new(bfgs()), stop)),
        ("augmented Lagrangian, Newton", solve(problem, &AugmentedLagrangian::new(newton()), stop)),
        ("augmented Lagrangian, Newton-CG", solve(problem, &AugmentedLagrangian::new(newton_cg()), stop)),
        ("augmented Lagrangian, trust region", solve(problem, &AugmentedLagrangian::new(trust_ncg()), stop)),
    ]
}

/// The problem with its derivatives.
fn on_device(problem: &ConstrainedTestProblem) -> ConstrainedProblem<'static, Param<Tensor<1>>, ()> {
    problem.problem(&f64_device())
}
