//! Minimisation under constraints in f64: beside the references, SciPy's SLSQP and the published minima; certificates; and each thing
//! that can end it.

mod certificates;
mod endings;
mod hock_schittkowski;
mod modules;
mod references;

use burn::{
    module::Param,
    tensor::{Device, Tensor},
};
use kiln_optim::{
    constrained::{AugmentedLagrangian, ConstrainedSolver, LagrangianHessian, Problem, Solution, Sqp, Stop, minimize},
    problems::{ConstrainedProblem, constrained},
    solver::{bfgs, newton, newton_cg, trust_ncg},
};
use kiln_testkit::f64_device;

const SQP: Sqp = Sqp { hessian: LagrangianHessian::Bfgs, c1: 1e-4, max_trials: 30 };
const EXACT: Sqp = Sqp { hessian: LagrangianHessian::Exact, ..SQP };

fn named(name: &str) -> ConstrainedProblem {
    constrained().into_iter().find(|problem| problem.name == name).unwrap_or_else(|| panic!("no problem {name}"))
}

fn solve(problem: &ConstrainedProblem, solver: &impl ConstrainedSolver<Param<Tensor<1>>, ()>, stop: &Stop) -> Solution {
    let device: Device = f64_device();
    minimize(&problem.problem(&device), problem.start(&device), solver, stop).unwrap()
}

/// Every solver, by name, on one problem.
fn by_all_solvers(problem: &ConstrainedProblem, stop: &Stop) -> Vec<(&'static str, Solution)> {
    vec![
        ("SQP with BFGS", solve(problem, &SQP, stop)),
        ("SQP with the exact Hessian", solve(problem, &EXACT, stop)),
        ("augmented Lagrangian, L-BFGS within bounds", solve(problem, &AugmentedLagrangian::default(), stop)),
        ("augmented Lagrangian, BFGS", solve(problem, &AugmentedLagrangian::new(bfgs()), stop)),
        ("augmented Lagrangian, Newton", solve(problem, &AugmentedLagrangian::new(newton()), stop)),
        ("augmented Lagrangian, Newton-CG", solve(problem, &AugmentedLagrangian::new(newton_cg()), stop)),
        ("augmented Lagrangian, trust region", solve(problem, &AugmentedLagrangian::new(trust_ncg()), stop)),
    ]
}

/// The problem as solvers see it.
fn on_device(problem: &ConstrainedProblem) -> Problem<'static, Param<Tensor<1>>, ()> {
    problem.problem(&f64_device())
}
