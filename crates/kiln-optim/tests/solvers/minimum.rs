//! Solvers at stationary points that are no minima.

use kiln_optim::solver::{Bounds, CheckMinimum, L1, lbfgs_b, minimize_fn, owlqn};

use super::*;

const CHECKED: Stop = Stop { check_minimum: CheckMinimum::Always, ..TIGHT };

fn beale() -> TestProblem {
    problems::all().into_iter().find(|problem| problem.name == "beale").unwrap()
}

/// The gradient of Beale's function is 0 at (0, 1), which is a saddle.
#[test]
fn solvers_with_curvature_leave_a_saddle() {
    let (problem, device) = (beale(), f64_device());
    let f = problem.function(&device);
    let start = || tensor(&[0.0, 1.0], [2], &device);
    for (name, outcome) in [
        ("trust-ncg", minimize(&f, start(), &trust_ncg(), &TIGHT).unwrap()),
        ("newton", minimize(&f, start(), &newton(), &TIGHT).unwrap()),
        ("newton-cg", minimize(&f, start(), &newton_cg(), &TIGHT).unwrap()),
    ] {
        assert_eq!(outcome.status, Status::GradientSmall, "{name}: {}", outcome.message);
        assert_close(&values(outcome.x), &[3.0, 0.5], 1e-6, 0.0, name);
    }
    // Without the test they stay.
    let never = Stop { check_minimum: CheckMinimum::Never, ..TIGHT };
    let outcome = minimize(&f, start(), &newton(), &never).unwrap();
    assert_eq!((outcome.status, outcome.iterations), (Status::GradientSmall, 0));
}

/// Solvers without curvature say so if they are asked.
#[test]
fn the_others_call_it_what_it_is() {
    let (problem, device) = (beale(), f64_device());
    let f = problem.function(&device);
    let start = || tensor(&[0.0, 1.0], [2], &device);
    for (name, outcome) in [
        ("bfgs", minimize(&f, start(), &bfgs(), &CHECKED).unwrap()),
        ("l-bfgs", minimize(&f, start(), &lbfgs(), &CHECKED).unwrap()),
        ("gd", minimize(&f, start(), &gradient_descent(), &CHECKED).unwrap()),
        ("nonlinear-cg", minimize(&f, start(), &nonlinear_cg(), &CHECKED).unwrap()),
    ] {
        assert_eq!(outcome.status, Status::StationaryNotMinimum, "{name}");
        assert!(!outcome.success && outcome.message.contains("negative curvature"), "{name}: {}", outcome.message);
        let downhill = outcome.downhill.unwrap();
        // f falls along the direction by what the curvature says, for a short step.
        let t = 1e-3;
        let moved: Vec<f64> = [0.0, 1.0].iter().zip(&downhill.direction).map(|(x, d)| x + t * d).collect();
        let fallen = f.value(&tensor(&moved, [2], &device)).unwrap().into_scalar::<f64>() - outcome.value;
        assert_close(&[fallen], &[0.5 * downhill.curvature * t * t], 0.05, 0.0, name);
    }
    // The test ends also without a tolerance.
    let exact = Stop { gtol: 0.0, ..CHECKED };
    // Its gradient is wrong, so nothing is lower along the direction in which it says that the function falls.
    let wrong = |x: &[f64], g: &mut [f64]| {
        g[0] = -2.0 * x[0];
        x[0] * x[0]
    };
    assert_eq!(minimize_fn(wrong, &[0.0], &bfgs(), &exact).unwrap().status, Status::GradientSmall);
    let outcome = minimize(&f, start(), &bfgs(), &exact).unwrap();
    assert_eq!(outcome.status, Status::StationaryNotMinimum);
    // At a minimum all converge with the test.
    for (name, outcome) in [
        ("bfgs", minimize(&f, problem.start(&device), &bfgs(), &CHECKED).unwrap()),
        ("l-bfgs", minimize(&f, problem.start(&device), &lbfgs(), &CHECKED).unwrap()),
    ] {
        assert_eq!(outcome.status, Status::GradientSmall, "{name}");
    }
}

/// Every classic problem with the test: none of their minima is taken for something else, although some Hessians are singular.
#[test]
fn minima_stay_minima() {
    let device = f64_device();
    for problem in problems::all() {
        let f = problem.function(&device);
        let outcome = minimize(&f, problem.start(&device), &lbfgs(), &CHECKED).unwrap();
        assert_ne!(outcome.status, Status::StationaryNotMinimum, "{}: {:?}", problem.name, outcome.downhill);
    }
}

#[test]
fn bounds_and_penalties_limit_the_directions() {
    let device = f64_device();
    let status = |f: fn(Tensor<1>) -> Tensor<1>, lower: [f64; 2], upper: [f64; 2], start: [f64; 2]| {
        let start = tensor(&start, [2], &device);
        let function = Function::of_vector(start.clone(), f);
        let bounds = Bounds::new(lower, upper).unwrap();
        minimize(&function, start, &lbfgs_b(bounds), &CHECKED).unwrap().status
    };
    let product = |x: Tensor<1>| x.clone().slice(0..1) * x.slice(1..2);
    let hill = |x: Tensor<1>| x.square().sum().neg();
    // x·y is not below 0 in the first quadrant, and is in the second.
    assert_eq!(status(product, [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]), Status::GradientSmall);
    assert_eq!(status(product, [-1.0, 0.0], [0.0, 1.0], [0.0, 0.0]), Status::StationaryNotMinimum);
    // The top of a hill, at a bound without a slope.
    assert_eq!(status(hill, [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]), Status::StationaryNotMinimum);
    // At the other corner the slope holds both.
    assert_eq!(status(hill, [0.0, 0.0], [1.0, 1.0], [1.0, 1.0]), Status::GradientSmall);
    // Both bounds equal.
    assert_eq!(status(hill, [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]), Status::GradientSmall);

    // −x² + |x| has a minimum at 0. x² − y² with 0·|·| has none.
    let l1 = |penalty: [f64; 2], f: fn(Tensor<1>) -> Tensor<1>| {
        let start = tensor(&[0.0, 0.0], [2], &device);
        let function = Function::of_vector(start.clone(), f);
        let penalty = L1::new(tensor(&penalty, [2], &device)).unwrap();
        minimize(&function, start, &owlqn(penalty), &CHECKED).unwrap().status
    };
    assert_eq!(l1([1.0, 1.0], hill), Status::GradientSmall);
    assert_eq!(l1([1.0, 0.0], hill), Status::StationaryNotMinimum);
}
