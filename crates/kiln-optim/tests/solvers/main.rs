//! Solvers on the classic problems, compared with SciPy, and every way in which a run ends.

mod beside_scipy;
mod endings;
mod minimum;

use std::ops::ControlFlow;

use burn::tensor::{DType, Device, Tensor};
use kiln_optim::{
    problems::{self, TestProblem},
    solver::{
        Armijo, Bfgs, CgFormula, EvaluationError, Fixed, HagerZhang, Hessian, HessianProduct, Lbfgs, LineSearch,
        Minimization, Newton, NewtonCg, NonlinearCg, Objective, Outcome, Solver, SolverError, Status, Steepest, Stop,
        StrongWolfe, bfgs, gradient_descent, lbfgs, minimize, newton, newton_cg, nonlinear_cg, trust_exact,
        trust_krylov, trust_ncg,
    },
};
use kiln_tensor::{derivative::Function, linalg::Symmetric};
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};
use serde_json::Value;

const TIGHT: Stop = Stop { gtol: 1e-8, max_iter: 5000, ..Stop::DEFAULT };

/// The references with their problems.
fn cases() -> Vec<(TestProblem, Value)> {
    let rows = reference("minimisers")["unconstrained"].as_array().unwrap().clone();
    let cases = rows.into_iter().map(|row| {
        let name = row["problem"].as_str().unwrap().replace('_', "-").replace("rosenbrock-2", "rosenbrock");
        let problem = problems::all().into_iter().find(|problem| problem.name == name);
        (problem.unwrap_or_else(|| panic!("no problem {name}")), row)
    });
    cases.collect()
}

fn solve<S>(problem: &TestProblem, solver: &S) -> Outcome
where
    S: for<'a> Solver<Function<'a, burn::module::Param<Tensor<1>>, (), 1>>,
{
    let device = f64_device();
    minimize(&problem.function(&device), problem.start(&device), solver, &TIGHT).unwrap()
}

#[track_caller]
fn assert_solved(outcome: &Outcome, minimum: f64, what: &str) {
    assert_eq!(outcome.status, Status::GradientSmall, "{what}");
    assert!(outcome.grad_norm <= 1e-8, "{what}: gradient {:e}", outcome.grad_norm);
    // With a singular Hessian, as of Powell's function, a gradient of 1e-8 corresponds to a value of 1e-11.
    assert_close(&[outcome.value], &[minimum], 0.0, 1e-10, what);
}

#[test]
fn the_problems_are_those_of_the_reference() {
    let device = f64_device();
    for (problem, row) in cases() {
        let (f, x) = (problem.function(&device), problem.start(&device));
        assert_eq!(problem.start, numbers(&row["x0"]));
        let (value, gradient) = f.value_and_grad(&x).unwrap();
        // The values are up to 2e4 and have terms that partly cancel.
        assert_close(&values(value), &numbers(&row["f0"]), 1e-12, 1e-14, problem.name);
        assert_close(&values(gradient), &numbers(&row["grad0"]), 1e-10, 1e-10, problem.name);
    }
}
