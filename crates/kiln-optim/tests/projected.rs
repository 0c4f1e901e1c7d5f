//! Minima within bounds and with an ℓ1 penalty.

use burn::{
    module::Param,
    tensor::{DType, Tensor},
};
use kiln_optim::{
    problems,
    solver::{
        BoundedTrustRegion, Bounds, Exact, Krylov, L1, Outcome, ProjectedGradient, ProjectedLbfgs, SolverError, Status,
        Stop, lbfgs_b, minimize, owlqn, tron,
    },
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
    let (mut ours, mut theirs) = ([0; 4], 0);
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
            &Param::from_tensor(tensor(&x0, [n], &device)),
            (a, b),
            |x: &Param<Tensor<1>>, (a, b): (Tensor<2>, Tensor<2>)| {
                if of_rosenbrock {
                    return rosenbrock.value(x.val());
                }
                let x = x.val().reshape([20, 1]);
                (x.clone() * (a.matmul(x.clone()) * 0.5 - b)).sum()
            },
        );
        let bounds = Bounds::new(tensor(&lower, [n], &device), tensor(&upper, [n], &device)).unwrap();
        let stop = Stop { gtol: 1e-9, ..TIGHT };
        let outcomes = [
            minimize(&f, f.parameters(), &lbfgs_b(bounds.clone()), &stop),
            minimize(&f, f.parameters(), &tron(bounds.clone()), &stop),
            minimize(&f, f.parameters(), &BoundedTrustRegion::new(bounds.clone(), Krylov::default()), &stop),
            minimize(&f, f.parameters(), &BoundedTrustRegion::new(bounds, Exact), &stop),
        ];
        for (solver, (outcome, ours)) in outcomes.into_iter().zip(&mut ours).enumerate() {
            let outcome = outcome.unwrap();
            // The valley has another minimum in four variables or more.
            if of_rosenbrock && solver > 0 && (outcome.value - 3.986_579_112_347).abs() < 1e-9 {
                assert!(outcome.success && n >= 4);
                continue;
            }
            let what = format!("{} from {x0:?} in {}", row["function"], outcome.iterations);
            assert!(outcome.success, "{what}: {}", outcome.message);
            assert_close(&[outcome.value], &numbers(&row["f"]), 1e-12, 1e-12, &what);
            let x = values(outcome.x);
            assert_close(&x, &numbers(&row["x"]), 1e-7, 1e-7, &what);
            assert!(x.iter().zip(lower.iter().zip(&upper)).all(|(x, (l, u))| l <= x && x <= u), "{what}: {x:?}");
            *ours += outcome.evaluations.values;
        }
        theirs += row["nfev"].as_u64().unwrap() as usize;
    }
    println!("evaluations: {ours:?} of {theirs}");
    assert!(ours.iter().all(|ours| *ours <= theirs), "evaluations: {ours:?} of {theirs}");
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

/// min Σ (x − c)²·1e-4/c from 1.5·c. At large x in f32, x − ∇f rounds to x.
#[test]
fn large_minima_within_bounds_are_found_in_f32() {
    for c in [10.0, 100.0, 1e3, 1e4, 1e5, 1e6] {
        for dtype in [DType::F32, DType::F64] {
            let vector = |values: &[f64]| tensor::<1>(values, [2], &f64_device()).cast(dtype);
            let f =
                Function::of_vector(vector(&[1.5 * c, 1.5 * c]), |x: Tensor<1>| ((x - c).square() * (1e-4 / c)).sum());
            // The gradient at x is 2e-4·(x − c)/c.
            let stop = Stop { gtol: 1e-9, max_iter: 500, ..Stop::DEFAULT };
            let bounds = Bounds::new([0.0, 0.0], [1e9, 1e9]).unwrap();
            let by_lbfgs = minimize(&f, f.parameters(), &lbfgs_b(bounds.clone()), &stop).unwrap();
            let by_gradients = minimize(&f, f.parameters(), &ProjectedGradient::new(bounds), &stop).unwrap();
            for outcome in [by_lbfgs, by_gradients] {
                let what = format!("{c} in {dtype:?}: {} {:e}", outcome.message, outcome.grad_norm);
                assert!(outcome.success, "{what}");
                assert_close(&values(outcome.x), &[c, c], 1e-5, 0.0, &what);
            }
        }
    }
}

/// A convex quadratic with bounds, and its minimum.
struct Quadratic {
    a: Vec<f64>,
    b: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    minimum: Vec<f64>,
}

impl Quadratic {
    /// Draws one of the size `scale`. The minimum is found by trying which bounds are met: 3ⁿ linear systems.
    fn draw(state: &mut u64, n: usize, scale: f64) -> Self {
        let mut uniform = || {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let factor: Vec<f64> = (0..n * n).map(|_| 2.0 * uniform() - 1.0).collect();
        let product = |i: usize, j: usize| (0..n).map(|k| factor[k * n + i] * factor[k * n + j]).sum::<f64>();
        let a: Vec<f64> = (0..n * n).map(|k| product(k / n, k % n) + if k / n == k % n { 0.05 } else { 0.0 }).collect();
        let free: Vec<f64> = (0..n).map(|_| scale * (2.0 * uniform() - 1.0)).collect();
        let b: Vec<f64> = (0..n).map(|i| (0..n).map(|j| a[i * n + j] * free[j]).sum()).collect();
        let mut bound = |none: f64| if uniform() < 0.3 { none } else { none.signum() * scale * uniform() * 0.7 };
        let lower: Vec<f64> = (0..n).map(|_| bound(f64::NEG_INFINITY)).collect();
        let upper: Vec<f64> = (0..n).map(|_| bound(f64::INFINITY)).collect();
        let mut quadratic = Self { a, b, lower, upper, minimum: Vec::new() };
        quadratic.minimum =
            (0..3_usize.pow(n as u32)).find_map(|code| quadratic.with(code)).expect("one set of bounds is met");
        quadratic
    }

    fn gradient(&self, x: &[f64], i: usize) -> f64 {
        x.iter().enumerate().map(|(j, x)| self.a[i * self.b.len() + j] * x).sum::<f64>() - self.b[i]
    }

    /// The minimum if variable i is free, at its lower or at its upper bound as digit i of `code` in base 3 says, if that is right.
    fn with(&self, code: usize) -> Option<Vec<f64>> {
        let n = self.b.len();
        let side = |i: usize| code / 3_usize.pow(i as u32) % 3;
        let mut x: Vec<f64> = (0..n).map(|i| [0.0, self.lower[i], self.upper[i]][side(i)]).collect();
        if x.iter().any(|x| x.is_infinite()) {
            return None;
        }
        let free: Vec<usize> = (0..n).filter(|i| side(*i) == 0).collect();
        let m = free.len();
        // Gaussian elimination of a positive definite matrix.
        let mut rows: Vec<Vec<f64>> = free
            .iter()
            .map(|&i| {
                let held: f64 = (0..n).filter(|j| side(*j) != 0).map(|j| self.a[i * n + j] * x[j]).sum();
                free.iter().map(|&j| self.a[i * n + j]).chain([self.b[i] - held]).collect()
            })
            .collect();
        for k in 0..m {
            let (above, below) = rows.split_at_mut(k + 1);
            for row in below {
                let factor = row[k] / above[k][k];
                row.iter_mut().zip(&above[k]).skip(k).for_each(|(entry, pivot)| *entry -= factor * pivot);
            }
        }
        for k in (0..m).rev() {
            let later: f64 = (k + 1..m).map(|j| rows[k][j] * x[free[j]]).sum();
            x[free[k]] = (rows[k][m] - later) / rows[k][k];
        }
        let is_right = (0..n).all(|i| match side(i) {
            0 => x[i] >= self.lower[i] && x[i] <= self.upper[i],
            1 => self.gradient(&x, i) >= 0.0,
            _ => self.gradient(&x, i) <= 0.0,
        });
        is_right.then_some(x)
    }
}

#[test]
fn random_quadratics_within_bounds_end_at_their_minimum() {
    let mut state = 18;
    let (mut solved, mut runs) = ([0; 3], 0);
    for case in 0..500_usize {
        let n = 2 + case % 4;
        let scale = [1.0, 1e3, 1e6][case % 3];
        let problem = Quadratic::draw(&mut state, n, scale);
        for dtype in [DType::F32, DType::F64] {
            let device = f64_device();
            let (a, b) = (
                tensor::<2>(&problem.a, [n, n], &device).cast(dtype),
                tensor::<2>(&problem.b, [n, 1], &device).cast(dtype),
            );
            let start = Param::from_tensor(Tensor::<1>::zeros([n], &device).cast(dtype));
            let f = Function::new(&start, (a, b), |x: &Param<Tensor<1>>, (a, b): (Tensor<2>, Tensor<2>)| {
                let x = x.val().reshape([n, 1]);
                (x.clone() * (a.matmul(x) * 0.5 - b)).sum()
            });
            // The products of a·x have a rounding error of about ε·n times their size.
            let gtol = scale * if dtype == DType::F32 { 1e-5 } else { 1e-11 };
            let stop = Stop { gtol, max_iter: 1000, ..Stop::DEFAULT };
            let bounds = Bounds::new(&problem.lower[..], &problem.upper[..]).unwrap();
            let outcomes = [
                minimize(&f, f.parameters(), &lbfgs_b(bounds.clone()), &stop),
                minimize(&f, f.parameters(), &tron(bounds.clone()), &stop),
                minimize(&f, f.parameters(), &BoundedTrustRegion::new(bounds, Exact), &stop),
            ];
            runs += 1;
            for (outcome, solved) in outcomes.into_iter().zip(&mut solved) {
                let outcome = outcome.unwrap();
                if !outcome.success {
                    continue;
                }
                *solved += 1;
                // The smallest eigenvalue is at least 0.05: an error of the gradient of gtol is one of x of 20·gtol at most in each
                // variable, and the gradient itself has a rounding error.
                let what = format!("case {case} in {dtype:?}: {:e}", outcome.grad_norm);
                assert_close(&values(outcome.x), &problem.minimum, 0.0, 60.0 * gtol, &what);
            }
        }
    }
    assert!(solved.iter().all(|solved| solved * 100 >= 99 * runs), "{solved:?} of {runs}");
}
