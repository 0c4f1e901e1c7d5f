//! Minimisation of closures on slices, in f64 on a device whose float type is f32.

use burn::tensor::{DType, Device, Tensor};
use kiln_optim::solver::{
    Bounds, Halfspace, L1, Outcome, ProjectedGradient, SolverError, Status, Stop, bfgs, gradient_descent, lbfgs,
    lbfgs_b, minimize_fn, nonlinear_cg, owlqn,
};
use kiln_testkit::assert_close;

const TIGHT: Stop = Stop { gtol: 1e-8, max_iter: 5000, ..Stop::DEFAULT };

/// Rosenbrock's function of any number of unknowns.
fn rosenbrock(x: &[f64], g: &mut [f64]) -> f64 {
    let mut value = 0.0;
    for i in 0..x.len() - 1 {
        let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
        g[i] += -2.0 * a - 400.0 * x[i] * b;
        g[i + 1] += 200.0 * b;
        value += a * a + 100.0 * b * b;
    }
    value
}

fn converged(outcome: Outcome, what: &str) -> Vec<f64> {
    assert!(outcome.success, "{what}: {}", outcome.message);
    assert_eq!(outcome.x.dtype(), DType::F64, "{what}");
    outcome.to_vec()
}

#[test]
fn every_first_order_solver_runs_in_f64_without_a_change_of_the_device() {
    assert_eq!(Tensor::<1>::zeros([1], &Device::default()).dtype(), DType::F32);
    let start = [-1.2, 1.0];
    for (outcome, what) in [
        (minimize_fn(rosenbrock, &start, &bfgs(), &TIGHT).unwrap(), "bfgs"),
        (minimize_fn(rosenbrock, &start, &lbfgs(), &TIGHT).unwrap(), "l-bfgs"),
        (minimize_fn(rosenbrock, &start, &nonlinear_cg(), &TIGHT).unwrap(), "cg"),
        (minimize_fn(rosenbrock, &start, &gradient_descent(), &Stop { max_iter: 50_000, ..TIGHT }).unwrap(), "gd"),
    ] {
        // The smallest eigenvalue of the Hessian at the minimum is 0.4: a gradient of 1e-8 leaves an error of 2.5e-8.
        assert_close(&converged(outcome, what), &[1.0, 1.0], 0.0, 5e-8, what);
    }
    assert_eq!(Tensor::<1>::zeros([1], &Device::default()).dtype(), DType::F32);
}

/// The example of SciPy's tutorial for `minimize(fun, x0, jac=True)`: BFGS takes 25 iterations and 30 evaluations.
#[test]
fn the_result_is_that_of_scipys_tutorial() {
    let outcome = minimize_fn(rosenbrock, &[1.3, 0.7, 0.8, 1.9, 1.2], &bfgs(), &Stop::default()).unwrap();
    assert_close(&converged(outcome.clone(), "bfgs"), &[1.0; 5], 0.0, 1e-6, "x");
    assert!(outcome.iterations <= 25 && outcome.evaluations.values <= 30, "{:?}", outcome.evaluations);
}

#[test]
fn bounds_penalties_and_sets_take_numbers() {
    let bowl = |x: &[f64], g: &mut [f64]| {
        let target = [3.0, -0.5];
        (0..2).for_each(|i| g[i] = x[i] - target[i]);
        g.iter().map(|g| 0.5 * g * g).sum()
    };
    let bounded = lbfgs_b(Bounds::new([0.0, 0.0], [1.0, f64::INFINITY].as_slice()).unwrap());
    let x = converged(minimize_fn(bowl, &[0.5, 0.5], &bounded, &TIGHT).unwrap(), "bounds");
    assert_close(&x, &[1.0, 0.0], 0.0, 0.0, "bounds");
    // Soft thresholds.
    let lasso = owlqn(L1::new(vec![1.0, 1.0]).unwrap());
    let x = converged(minimize_fn(bowl, &[0.5, 0.5], &lasso, &TIGHT).unwrap(), "l1");
    assert_close(&x, &[2.0, 0.0], 1e-8, 0.0, "l1");
    // x₀ + x₁ ≤ 1: the distance 1.5 to the line is shared.
    let normal = Tensor::<1>::ones([2], &Device::default());
    let halfspace = ProjectedGradient::new(Halfspace { normal, offset: 1.0 });
    let x = converged(minimize_fn(bowl, &[0.5, 0.5], &halfspace, &TIGHT).unwrap(), "halfspace");
    assert_close(&x, &[2.25, -1.25], 1e-7, 0.0, "halfspace");
}

#[test]
fn a_closure_may_count_and_bad_input_is_an_error_or_a_status() {
    let mut calls = 0;
    let count = |x: &[f64], g: &mut [f64]| {
        calls += 1;
        g[0] = 2.0 * x[0];
        x[0] * x[0]
    };
    let outcome = minimize_fn(count, &[3.0], &lbfgs(), &TIGHT).unwrap();
    assert_eq!(outcome.evaluations.values, calls);
    let nothing = minimize_fn(|_, _| 0.0, &[], &lbfgs(), &TIGHT);
    assert!(matches!(nothing, Err(SolverError::Option { name: "start", .. })));
    let nan = minimize_fn(|_, _| f64::NAN, &[1.0], &lbfgs(), &TIGHT).unwrap();
    assert_eq!(nan.status, Status::NotFinite);
    let wrong = lbfgs_b(Bounds::new([0.0], [1.0]).unwrap());
    let long = minimize_fn(rosenbrock, &[0.0, 0.0], &wrong, &TIGHT);
    assert!(matches!(long, Err(SolverError::Length { name: "lower", expected: 2, got: 1 })));
}
