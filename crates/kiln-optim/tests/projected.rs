//! Minima within bounds and with an ℓ1 penalty.

use burn::tensor::{DType, Tensor};
use kiln_optim::{
    problems,
    solver::{Bounds, L1, Outcome, ProjectedLbfgs, SolverError, Status, Stop, lbfgs_b, minimize, owlqn},
};
use kiln_tensor::derivative::Function;
use kiln_testkit::{assert_close, f64_device, numbers, reference, tensor, values};
use serde_json::Value;

const TIGHT: Stop = Stop { gtol: 1e-8, max_iter: 5000, ..Stop::DEFAULT };

/// A bound of bounded.json; `null` means no bound.
fn bound(value: &Value, side: usize, none: f64) -> f64 {
    value[side].as_f64().unwrap_or(none)
}

#[test]
fn minima_within_bounds_are_those_of_scipy() {
    let (device, reference) = (f64_device(), reference("bounded"));
    let (a, b) = (numbers(&reference["a"]), numbers(&reference["b"]));
    let (mut ours, mut theirs) = (0, 0);
    for row in reference["rows"].as_array().unwrap() {
        let x0 = numbers(&row["x0"]);
        let n = x0.len();
        let bounds = row["bounds"].as_array().unwrap();
        let side = |side: usize, none: f64| -> Vec<f64> { bounds.iter().map(|b| bound(b, side, none)).collect() };
        let (lower, upper) = (side(0, f64::NEG_INFINITY), side(1, f64::INFINITY));
        let rosenbrock = problems::rosenbrock(x0.clone());
        let (a, b) = (tensor(&a, [20, 20], &device), tensor(&b, [20, 1], &device));
        let of_rosenbrock = row["function"] == "rosenbrock";
        let f = Function::new(
            &burn::module::Param::from_tensor(tensor(&x0, [n], &device)),
            (a, b),
            |x: &burn::module::Param<Tensor<1>>, (a, b): (Tensor<2>, Tensor<2>)| {
                if of_rosenbrock {
                    return rosenbrock.value(x.val());
                }
                let x = x.val().reshape([20, 1]);
                (x.clone() * (a.matmul(x.clone()) * 0.5 - b)).sum()
            },
        );
        let solver = lbfgs_b(Bounds::new(tensor(&lower, [n], &device), tensor(&upper, [n], &device)).unwrap());
        let stop = Stop { gtol: 1e-9, ..TIGHT };
        let outcome = minimize(&f, f.parameters(), &solver, &stop).unwrap();
        let what = format!("{} from {x0:?} in {}", row["function"], outcome.iterations);
        assert!(outcome.success, "{what}: {}", outcome.message);
        assert_close(&[outcome.value], &numbers(&row["f"]), 1e-12, 1e-12, &what);
        let x = values(outcome.x);
        assert_close(&x, &numbers(&row["x"]), 1e-7, 1e-7, &what);
        assert!(x.iter().zip(lower.iter().zip(&upper)).all(|(x, (l, u))| l <= x && x <= u), "{what}: {x:?}");
        ours += outcome.evaluations.values;
        theirs += row["nfev"].as_u64().unwrap() as usize;
    }
    println!("evaluations: {ours} of {theirs}");
    assert!(ours <= theirs, "evaluations: {ours} of {theirs}");
}

#[test]
fn bounds_that_are_none_are_refused() {
    let device = f64_device();
    let vector = |values: &[f64]| tensor(values, [values.len()], &device);
    assert!(Bounds::new(vector(&[1.0]), vector(&[0.0])).is_err());
    assert!(Bounds::new(vector(&[1.0]), vector(&[2.0, 3.0])).is_err());
    assert!(Bounds::new(vector(&[f64::NAN]), vector(&[2.0])).is_err());
    assert!(Bounds::new(vector(&[f64::INFINITY]), vector(&[f64::INFINITY])).is_err());
    assert!(Bounds::new(vector(&[f64::NEG_INFINITY]), vector(&[f64::NEG_INFINITY])).is_err());
    let f = Function::of_vector(vector(&[1.0, 2.0, 3.0]), |x: Tensor<1>| x.square().sum());
    let short = lbfgs_b(Bounds::new(vector(&[0.0]), vector(&[1.0])).unwrap());
    assert!(matches!(minimize(&f, f.parameters(), &short, &TIGHT), Err(SolverError::Length { name: "lower", .. })));
}

/// The start is almost at a bound, so that the held coordinate causes most of the change of the free one's gradient.
#[test]
fn a_coordinate_that_has_just_been_held_teaches_nothing() {
    let device = f64_device();
    for dtype in [DType::F64, DType::F32] {
        for near in [1e-8, 1e-14, 1e-20, 1e-30] {
            let vector = |values: &[f64]| tensor::<1>(values, [2], &device).cast(dtype);
            let f = Function::of_vector(vector(&[2.5, near]), |x: Tensor<1>| {
                let (x, y) = (x.clone().slice(0..1), x.slice(1..2));
                x.clone().square() * 0.875 + x.clone() * y.clone() * 1.75 + y.clone().square() * 1.0625 + x * 1.375 - y
            });
            let bounds = Bounds::new(vector(&[0.0, 0.0]), vector(&[f64::INFINITY, f64::INFINITY])).unwrap();
            let stop = Stop { gtol: if dtype == DType::F64 { 1e-9 } else { 1e-5 }, max_iter: 40, ..TIGHT };
            let outcome = minimize(&f, f.parameters(), &lbfgs_b(bounds), &stop).unwrap();
            assert!(outcome.success, "{dtype:?} from {near}: {} {:e}", outcome.message, outcome.grad_norm);
            assert_close(&values(outcome.x), &[0.0, 1.0 / 2.125], 0.0, 1e-5, &format!("{dtype:?} from {near}"));
        }
    }
}

#[test]
fn regions_end_with_a_status_too() {
    let device = f64_device();
    let vector = |values: &[f64]| tensor::<1>(values, [values.len()], &device);
    let infinity = f64::INFINITY;
    let half = || Bounds::new(vector(&[0.0, -infinity]), vector(&[infinity, infinity])).unwrap();
    let plane = Function::of_vector(vector(&[1.0, 2.0]), |x: Tensor<1>| -x.square().sum());
    let run = |outcome: Result<Outcome, SolverError>| outcome.unwrap().status;
    assert_eq!(run(minimize(&plane, plane.parameters(), &lbfgs_b(half()), &TIGHT)), Status::Unbounded);
    let l1 = || owlqn(L1::new(vector(&[0.1, 0.1])).unwrap());
    assert_eq!(run(minimize(&plane, plane.parameters(), &l1(), &TIGHT)), Status::Unbounded);
    let nan = vector(&[f64::NAN, 1.0]);
    assert_eq!(run(minimize(&plane, nan.clone(), &lbfgs_b(half()), &TIGHT)), Status::NotFinite);
    assert_eq!(run(minimize(&plane, nan, &l1(), &TIGHT)), Status::NotFinite);
    // Rosenbrock's valley in f32, within bounds and with a penalty.
    let problem = problems::rosenbrock(vec![-1.2, 1.0]);
    let x = problem.start(&device).cast(DType::F32);
    let f = Function::of_vector(x.clone(), |x| problem.value(x));
    let stop = Stop { gtol: 5e-4, ..TIGHT };
    let single = |values: &[f64]| vector(values).cast(DType::F32);
    let bounds = Bounds::new(single(&[-2.0, -2.0]), single(&[0.5, 2.0])).unwrap();
    let outcome = minimize(&f, x.clone(), &lbfgs_b(bounds), &stop).unwrap();
    assert!(outcome.success, "{}", outcome.message);
    assert_close(&values(outcome.x), &[0.5, 0.25], 0.0, 1e-4, "bounds in f32");
    let outcome = minimize(&f, x, &owlqn(L1::new(single(&[0.1, 0.1])).unwrap()), &stop).unwrap();
    assert!(outcome.success && outcome.x.dtype() == DType::F32, "{}", outcome.message);
}

/// ½·‖x − c‖² + λ·‖x‖₁: the solution is c, soft thresholded by λ.
#[test]
fn an_l1_penalty_draws_to_zero() {
    let device = f64_device();
    let vector = |values: &[f64]| tensor(values, [values.len()], &device);
    let f = Function::of_vector(vector(&[9.0, 0.0, -1.0, 2.0, 0.0]), |x: Tensor<1>| {
        (x.clone() - Tensor::<1>::from_data([3.0, 0.5, -2.5, -0.25, -0.125], &x.device())).square().sum() * 0.5
    });
    let solver = owlqn(L1::new(vector(&[1.0, 1.0, 1.0, 1.0, 0.0])).unwrap());
    let outcome = minimize(&f, f.parameters(), &solver, &TIGHT).unwrap();
    assert_eq!(outcome.status, Status::GradientSmall);
    // The value includes the penalty, the gradient does not.
    let value = 0.5 * (1.0 + 0.25 + 1.0 + 0.0625) + (2.0 + 1.5);
    assert_close(&[outcome.value], &[value], 1e-12, 0.0, "value");
    assert_close(&values(outcome.gradient), &[-1.0, -0.5, 1.0, 0.25, 0.0], 0.0, 1e-7, "gradient");
    let x = values(outcome.x);
    assert_close(&x, &[2.0, 0.0, -1.5, 0.0, -0.125], 0.0, 1e-8, "x");
    assert_eq!((x[1], x[3]), (0.0, 0.0), "exactly");
}

/// A large enough penalty on Rosenbrock's function makes all unknowns zero; with a smaller one the optimality conditions hold.
#[test]
fn an_l1_penalty_on_a_curved_valley() {
    let device = f64_device();
    let problem = problems::rosenbrock(vec![-1.2, 1.0, 0.5, -0.5]);
    let f = problem.function(&device);
    for lambda in [10.0, 1.0, 0.1] {
        let weights = Tensor::full([4], lambda, (&device, burn::tensor::DType::F64));
        let outcome = minimize(&f, problem.start(&device), &owlqn(L1::new(weights).unwrap()), &TIGHT).unwrap();
        assert_eq!(outcome.status, Status::GradientSmall, "{lambda}");
        let (x, gradient) = (values(outcome.x), values(outcome.gradient));
        for (x, g) in x.iter().zip(&gradient) {
            let held = if *x == 0.0 { g.abs() <= lambda } else { (g + lambda * x.signum()).abs() <= 1e-8 };
            assert!(held, "{lambda}: x {x}, gradient {g}");
        }
        assert_eq!(x.iter().all(|x| *x == 0.0), lambda > 5.0, "{lambda}: {x:?}");
    }
}

#[test]
fn penalties_that_are_none_are_refused() {
    let device = f64_device();
    let vector = |values: &[f64]| tensor(values, [values.len()], &device);
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(L1::new(vector(&[1.0, wrong])), Err(SolverError::Option { name: "weights", .. })), "{wrong}");
    }
    let f = Function::of_vector(vector(&[1.0, 2.0]), |x: Tensor<1>| x.square().sum());
    let run = |solver: ProjectedLbfgs<L1>| minimize(&f, f.parameters(), &solver, &TIGHT);
    let short = owlqn(L1::new(vector(&[1.0])).unwrap());
    assert!(matches!(run(short), Err(SolverError::Length { name: "weights", .. })));
    let fits = || L1::new(vector(&[1.0, 1.0])).unwrap();
    assert!(matches!(
        run(ProjectedLbfgs { history_size: 0, ..owlqn(fits()) }),
        Err(SolverError::Option { name: "history_size", .. })
    ));
    assert!(matches!(run(ProjectedLbfgs { c1: 0.5, ..owlqn(fits()) }), Err(SolverError::Option { name: "c1", .. })));
}
