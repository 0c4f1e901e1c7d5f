//! Exact results of theory, and how runs end.

use super::*;

/// ½·Σ dᵢ·(xᵢ − i)², the d being 1, 10, 100 …
fn quadratic(device: &Device) -> Function<'static, burn::module::Param<Tensor<1>>, (), 1> {
    Function::of_vector(tensor(&[5.0, -3.0, 0.5], [3], device), |x| {
        let d = Tensor::<1>::from_data([1.0, 10.0, 100.0], &x.device());
        let c = Tensor::<1>::from_data([0.0, 1.0, 2.0], &x.device());
        ((x - c).square() * d).sum() * 0.5
    })
}

#[test]
fn on_a_quadratic_newton_takes_one_step_and_conjugate_gradients_three() {
    let device = f64_device();
    let f = quadratic(&device);
    for outcome in [
        minimize(&f, f.parameters(), &newton(), &TIGHT).unwrap(),
        minimize(&f, f.parameters(), &LineSearch::new(Newton::default(), Armijo::default()), &TIGHT).unwrap(),
    ] {
        assert_eq!((outcome.iterations, outcome.evaluations.values), (1, 2));
        assert_close(&values(outcome.x), &[0.0, 1.0, 2.0], 0.0, 1e-14, "Newton");
    }
    // With an almost exact line search.
    let exact = StrongWolfe { c1: 1e-12, c2: 1e-10, ..StrongWolfe::default() };
    let outcome = minimize(&f, f.parameters(), &LineSearch::new(NonlinearCg::default(), exact), &TIGHT).unwrap();
    assert_eq!(outcome.iterations, 3, "{outcome:?}");
    let outcome = minimize(&f, f.parameters(), &LineSearch::new(Bfgs::default(), exact), &TIGHT).unwrap();
    assert!(outcome.iterations <= 4, "{outcome:?}");
}

/// x² − y² + y⁴/2 from near its saddle point (0, 0); the minima are (0, ±1).
#[test]
fn saddles_are_left() {
    let device = f64_device();
    let f = Function::of_vector(tensor(&[1.0, 1e-4], [2], &device), |x: Tensor<1>| {
        let (x, y) = (x.clone().slice(0..1), x.slice(1..2));
        x.square() - y.clone().square() + y.square().square() * 0.5
    });
    let x = f.parameters();
    for (outcome, what) in [
        (minimize(&f, x.clone(), &newton(), &TIGHT).unwrap(), "newton"),
        (minimize(&f, x.clone(), &newton_cg(), &TIGHT).unwrap(), "newton-cg"),
        (minimize(&f, x.clone(), &trust_ncg(), &TIGHT).unwrap(), "trust-ncg"),
        (minimize(&f, x.clone(), &bfgs(), &TIGHT).unwrap(), "bfgs"),
        (minimize(&f, x, &lbfgs(), &TIGHT).unwrap(), "l-bfgs"),
    ] {
        assert_solved(&outcome, -0.5, what);
        assert!(outcome.iterations < 40, "{what}: {}", outcome.iterations);
    }
}

/// x − 3·ln x is not defined for x ≤ 0, where both the Newton step and the gradient step from this start lead.
#[test]
fn steps_out_of_the_domain_are_shortened() {
    let device = f64_device();
    let f = Function::of_vector(tensor(&[10.0], [1], &device), |x: Tensor<1>| x.clone() - x.log() * 3.0);
    let x = f.parameters();
    for (outcome, what) in [
        (minimize(&f, x.clone(), &gradient_descent(), &TIGHT).unwrap(), "gd"),
        (minimize(&f, x.clone(), &nonlinear_cg(), &TIGHT).unwrap(), "cg"),
        (
            minimize(&f, x.clone(), &LineSearch::new(NonlinearCg::default(), HagerZhang::default()), &TIGHT).unwrap(),
            "hz",
        ),
        (minimize(&f, x.clone(), &LineSearch::new(Bfgs::default(), Armijo::default()), &TIGHT).unwrap(), "armijo"),
        (minimize(&f, x.clone(), &bfgs(), &TIGHT).unwrap(), "bfgs"),
        (minimize(&f, x.clone(), &lbfgs(), &TIGHT).unwrap(), "l-bfgs"),
        (minimize(&f, x.clone(), &newton(), &TIGHT).unwrap(), "newton"),
        (minimize(&f, x.clone(), &newton_cg(), &TIGHT).unwrap(), "newton-cg"),
        (minimize(&f, x.clone(), &trust_ncg(), &TIGHT).unwrap(), "trust-ncg"),
    ] {
        assert_eq!(outcome.status, Status::GradientSmall, "{what}");
        assert_close(&values(outcome.x), &[3.0], 0.0, 1e-7, what);
    }
}

#[test]
fn each_status_has_its_case() {
    let device = f64_device();
    let valley = problems::rosenbrock(vec![-1.2, 1.0]);
    let (f, x) = (valley.function(&device), valley.start(&device));
    let run = |stop: Stop| minimize(&f, x.clone(), &bfgs(), &stop).unwrap();
    let outcome = run(Stop { max_iter: 5, ..TIGHT });
    assert_eq!((outcome.status, outcome.iterations, outcome.success), (Status::Budget, 5, false));
    assert_eq!(outcome.history.len(), 6);
    assert_close(&[outcome.history[0].value], &[24.2], 1e-15, 0.0, "the start is the first of the history");
    assert_eq!(run(Stop { max_evaluations: 10, ..TIGHT }).status, Status::Budget);
    assert_eq!(run(Stop { gtol: 0.0, ftol: 1e-3, ..TIGHT }).status, Status::ValueFlat);
    assert_eq!(run(Stop { gtol: 0.0, xtol: 1e-2, ..TIGHT }).status, Status::StepSmall);
    // A large rise of the value is not convergence by `ftol`.
    let square = Function::of_vector(tensor(&[1.0], [1], &device), |x: Tensor<1>| x.square());
    let overshoot = LineSearch::new(Steepest, Fixed { step: 1.5 });
    let flat = Stop { ftol: 1e-6, max_iter: 5, ..TIGHT };
    assert_eq!(minimize(&square, square.parameters(), &overshoot, &flat).unwrap().status, Status::Budget);
    let stalled = minimize(&square, square.parameters(), &overshoot, &TIGHT).unwrap();
    assert_eq!((stalled.status, stalled.iterations), (Status::Stalled, 51));
    assert_eq!(run(Stop { gtol: 1e3, ..TIGHT }).status, Status::GradientSmall);
    let outcome = minimize(&f, x.clone() * f64::NAN, &trust_ncg(), &TIGHT).unwrap();
    assert_eq!(outcome.status, Status::NotFinite);
    let stopped = Minimization::new(&f, x, &lbfgs(), TIGHT)
        .unwrap()
        .run(|m| if m.iterations() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) });
    let stopped = stopped.unwrap();
    assert_eq!((stopped.status, stopped.iterations), (Status::Stopped, 3));
}

#[test]
fn a_function_without_a_minimum_is_unbounded() {
    let device = f64_device();
    let f = Function::of_vector(tensor(&[1.0, 2.0], [2], &device), |x: Tensor<1>| x.square().sum().neg());
    let x = f.parameters();
    for (outcome, what) in [
        (minimize(&f, x.clone(), &bfgs(), &TIGHT).unwrap(), "bfgs"),
        (minimize(&f, x.clone(), &lbfgs(), &TIGHT).unwrap(), "l-bfgs"),
        (minimize(&f, x.clone(), &nonlinear_cg(), &TIGHT).unwrap(), "cg"),
        (minimize(&f, x.clone(), &newton(), &TIGHT).unwrap(), "newton"),
        (minimize(&f, x.clone(), &newton_cg(), &TIGHT).unwrap(), "newton-cg"),
    ] {
        assert_eq!(outcome.status, Status::Unbounded, "{what}");
    }
    // The radius is limited, so this takes many steps.
    let stop = Stop { lower_bound: -1e9, ..TIGHT };
    assert_eq!(minimize(&f, x, &trust_ncg(), &stop).unwrap().status, Status::Unbounded);
}

/// Zero Hessians: a linear function, and a point of inflection.
#[test]
fn newton_leaves_a_point_at_which_the_hessian_is_zero() {
    let device = f64_device();
    let line = Function::of_vector(tensor(&[1.0, 2.0], [2], &device), |x: Tensor<1>| x.sum() * 3.0);
    let outcome = minimize(&line, line.parameters(), &newton(), &Stop { lower_bound: -1e6, ..TIGHT }).unwrap();
    assert_eq!(outcome.status, Status::Unbounded);
    let wave = Function::of_vector(tensor(&[0.0], [1], &device), |x: Tensor<1>| x.sin());
    let outcome = minimize(&wave, wave.parameters(), &newton(), &TIGHT).unwrap();
    assert_solved(&outcome, -1.0, "sin");
}

/// In f32 a gradient cannot reach 1e-12: each solver stops early and says so.
#[test]
fn what_the_precision_does_not_allow_ends() {
    let problem = problems::rosenbrock(vec![-1.2, 1.0]);
    let x = problem.start(&f64_device()).cast(DType::F32);
    let f = Function::of_vector(x.clone(), |x| problem.value(x));
    let stop = Stop { gtol: 1e-12, ..TIGHT };
    for (outcome, what) in [
        (minimize(&f, x.clone(), &bfgs(), &stop).unwrap(), "bfgs"),
        (minimize(&f, x.clone(), &lbfgs(), &stop).unwrap(), "l-bfgs"),
        (minimize(&f, x.clone(), &newton(), &stop).unwrap(), "newton"),
        (minimize(&f, x.clone(), &newton_cg(), &stop).unwrap(), "newton-cg"),
        (minimize(&f, x.clone(), &trust_ncg(), &stop).unwrap(), "trust-ncg"),
        (minimize(&f, x.clone(), &nonlinear_cg(), &stop).unwrap(), "cg"),
    ] {
        let ends = [Status::AtRounding, Status::Stalled, Status::GradientSmall];
        assert!(ends.contains(&outcome.status), "{what}: {:?}", outcome.status);
        assert!(outcome.iterations < 500 && outcome.value < 1e-9, "{what}: {} {:e}", outcome.iterations, outcome.value);
    }
}

/// The squares of this gradient overflow f32, and so do its slopes. The numbers themselves do not.
#[test]
fn large_gradients_are_finite_in_f32() {
    let x = tensor::<1>(&[1e7, -1e7], [2], &f64_device()).cast(DType::F32);
    let f = Function::of_vector(x.clone(), |x: Tensor<1>| (x.square().square() * 1e2).sum());
    let stop = Stop { gtol: 1e-3, max_iter: 1000, ..Stop::DEFAULT };
    for (outcome, what) in [
        (minimize(&f, x.clone(), &bfgs(), &stop).unwrap(), "bfgs"),
        (minimize(&f, x.clone(), &lbfgs(), &stop).unwrap(), "l-bfgs"),
        (minimize(&f, x.clone(), &newton(), &stop).unwrap(), "newton"),
        (minimize(&f, x.clone(), &newton_cg(), &stop).unwrap(), "newton-cg"),
        (minimize(&f, x.clone(), &nonlinear_cg(), &stop).unwrap(), "cg"),
    ] {
        assert!(outcome.success, "{what}: {} {:e}", outcome.message, outcome.value);
    }
}

/// Matrices of 652,000 rows fit into no memory.
#[test]
fn matrices_that_do_not_fit_are_refused() {
    let x = Tensor::<1>::zeros([652_000], &f64_device());
    let f = Function::of_vector(x.clone(), |x: Tensor<1>| (x - 1.0).square().sum());
    for error in [minimize(&f, x.clone(), &bfgs(), &TIGHT), minimize(&f, x.clone(), &newton(), &TIGHT)] {
        let error = error.unwrap_err();
        assert!(matches!(&error, SolverError::Memory(memory) if memory.needed > 1 << 40), "{error}");
        assert!(error.to_string().contains("652000 variables would need about"), "{error}");
    }
    assert!(minimize(&f, x, &lbfgs(), &TIGHT).unwrap().success);
}

/// A function whose gradient has the wrong sign.
struct Uphill;

impl Objective for Uphill {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        Ok((x.clone().square().sum(), x.clone() * -2.0))
    }
}
impl HessianProduct for Uphill {
    fn hvp(&self, _: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        Ok(v.clone() * 2.0)
    }
}
impl Hessian for Uphill {
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        Ok(Symmetric::from_fn(x.dims()[0], |i, j| if i == j { 2.0 } else { 0.0 }))
    }
}

#[test]
fn with_a_wrong_gradient_no_solver_moves_and_each_says_so() {
    let x = tensor(&[1.0, -2.0], [2], &f64_device());
    for (outcome, what) in [
        (minimize(&Uphill, x.clone(), &gradient_descent(), &TIGHT).unwrap(), "gd"),
        (minimize(&Uphill, x.clone(), &LineSearch::new(Bfgs::default(), Armijo::default()), &TIGHT).unwrap(), "armijo"),
        (minimize(&Uphill, x.clone(), &LineSearch::new(Bfgs::default(), HagerZhang::default()), &TIGHT).unwrap(), "hz"),
        (minimize(&Uphill, x.clone(), &lbfgs(), &TIGHT).unwrap(), "l-bfgs"),
        (minimize(&Uphill, x.clone(), &newton(), &TIGHT).unwrap(), "newton"),
        (minimize(&Uphill, x.clone(), &trust_ncg(), &TIGHT).unwrap(), "trust-ncg"),
    ] {
        assert_eq!(outcome.status, Status::NoProgress, "{what}");
        assert_close(&[outcome.value], &[5.0], 0.0, 0.0, what);
    }
}

/// A value of 1e8 has a rounding error of 1e-8, so that a gradient of 1e-12 is out of reach; |x| + x/2 has no gradient at its minimum.
#[test]
fn rounding_is_told_from_a_function_that_is_not_smooth() {
    let device = f64_device();
    let bowl = Function::of_vector(tensor(&[3.0, -4.0], [2], &device), |x: Tensor<1>| {
        (x.clone().square() + (x - 0.3).square().square()).sum() + 1e8
    });
    let corner = Function::of_vector(tensor(&[3.0, -4.0], [2], &device), |x: Tensor<1>| {
        let far = x - 0.3;
        (far.clone().abs() + far * 0.5).sum()
    });
    let stop = Stop { gtol: 1e-14, patience: 1000, ..TIGHT };
    type OfVector<'a> = Function<'a, burn::module::Param<Tensor<1>>, (), 1>;
    type Solve = fn(&OfVector<'_>, &Stop) -> Outcome;
    let solvers: [(&str, Solve); 3] = [
        ("bfgs", |f, stop| minimize(f, f.parameters(), &bfgs(), stop).unwrap()),
        ("l-bfgs", |f, stop| minimize(f, f.parameters(), &lbfgs(), stop).unwrap()),
        ("gd", |f, stop| minimize(f, f.parameters(), &gradient_descent(), stop).unwrap()),
    ];
    for (what, solve) in solvers {
        let rounded = solve(&bowl, &stop);
        assert!(
            matches!(rounded.status, Status::AtRounding | Status::GradientSmall | Status::Stalled),
            "{what}: {:?}, {:e}",
            rounded.status,
            rounded.grad_norm
        );
        let sharp = solve(&corner, &stop);
        assert!(
            !matches!(sharp.status, Status::AtRounding | Status::GradientSmall),
            "{what}: {:?} at {:?}",
            sharp.status,
            values(sharp.x)
        );
    }
}

/// A sum of terms of size 1e6 that cancel: with its scale stated, all solvers end at rounding, and not at a failed search.
#[test]
fn a_sum_that_cancels_ends_at_the_rounding_of_its_terms() {
    let device = f64_device();
    let f = Function::of_vector(tensor(&[2.0, 1.0], [2], &device), |x: Tensor<1>| {
        // (1e6 + f) − 1e6: the rounding of f is 1e-10.
        ((x.clone() - 0.7).square().sum() + 1e6) - 1e6
    });
    // A wrong slope is one of rounding, if the terms are large enough.
    let wrong = |scale: f64| {
        let f = Function::of_vector(tensor(&[2.0], [1], &device), |x: Tensor<1>| {
            (x.clone() - 0.7).abs().sum() + x.sum() * 0.5
        });
        minimize(&f.with_scale(scale), tensor(&[0.7], [1], &device), &bfgs(), &Stop { patience: 1000, ..TIGHT })
            .unwrap()
            .status
    };
    assert_eq!((wrong(0.0), wrong(1e12)), (Status::NoProgress, Status::AtRounding));
    let stop = Stop { gtol: 1e-13, ..TIGHT };
    let bounds =
        || kiln_optim::solver::Bounds::new(tensor(&[-5.0; 2], [2], &device), tensor(&[5.0; 2], [2], &device)).unwrap();
    for f in [f.clone(), f.with_scale(1e6)] {
        let ends = [
            ("bfgs", minimize(&f, f.parameters(), &bfgs(), &stop).unwrap()),
            ("l-bfgs", minimize(&f, f.parameters(), &lbfgs(), &stop).unwrap()),
            ("newton", minimize(&f, f.parameters(), &newton(), &stop).unwrap()),
            ("l-bfgs-b", minimize(&f, f.parameters(), &kiln_optim::solver::lbfgs_b(bounds()), &stop).unwrap()),
        ];
        for (what, outcome) in ends {
            assert_ne!(outcome.status, Status::NoProgress, "{what}: {:e}", outcome.grad_norm);
            assert_close(&values(outcome.x), &[0.7; 2], 0.0, 1e-4, what);
        }
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let device = f64_device();
    let f = quadratic(&device);
    let name = |result: Result<Outcome, SolverError>| match result {
        Err(SolverError::Option { name, .. }) => name,
        other => panic!("{other:?}"),
    };
    let wolfe = StrongWolfe { c1: 0.5, c2: 0.4, max_trials: 10 };
    assert_eq!(name(minimize(&f, f.parameters(), &LineSearch::new(Bfgs::default(), wolfe), &TIGHT)), "c1");
    assert_eq!(name(minimize(&f, f.parameters(), &lbfgs(), &Stop { gtol: -1.0, ..TIGHT })), "gtol");
    let none = LineSearch::new(Lbfgs { history_size: 0 }, StrongWolfe::default());
    assert_eq!(name(minimize(&f, f.parameters(), &none, &TIGHT)), "history_size");
    let restart =
        LineSearch::new(NonlinearCg { restart: Some(-1.0), ..NonlinearCg::default() }, StrongWolfe::default());
    assert_eq!(name(minimize(&f, f.parameters(), &restart, &TIGHT)), "restart");
    let idle = LineSearch::new(Steepest, Armijo { max_trials: 0, ..Armijo::default() });
    assert_eq!(name(minimize(&f, f.parameters(), &idle, &TIGHT)), "max_trials");
    let idle = LineSearch::new(NewtonCg { max_products: Some(0) }, StrongWolfe::default());
    assert_eq!(name(minimize(&f, f.parameters(), &idle, &TIGHT)), "max_products");
    let nothing = tensor(&[], [0], &device);
    assert_eq!(name(minimize(&Uphill, nothing, &lbfgs(), &TIGHT)), "start");
}

/// In f32 the gradient has an error of about 1e-7 times the second derivatives, which reach some thousands.
#[test]
fn all_problems_are_solved_in_f32() {
    let stop = Stop { gtol: 5e-4, ..TIGHT };
    for (problem, row) in cases() {
        let device = f64_device();
        let x = problem.start(&device).cast(DType::F32);
        let f = Function::of_vector(x.clone(), |x| problem.value(x));
        let best = row["scipy"]["BFGS"]["f"].as_f64().unwrap();
        for (outcome, what) in [
            (minimize(&f, x.clone(), &nonlinear_cg(), &stop).unwrap(), "cg"),
            (minimize(&f, x.clone(), &bfgs(), &stop).unwrap(), "bfgs"),
            (minimize(&f, x.clone(), &lbfgs(), &stop).unwrap(), "l-bfgs"),
            (minimize(&f, x.clone(), &newton_cg(), &stop).unwrap(), "newton-cg"),
            (minimize(&f, x.clone(), &trust_ncg(), &stop).unwrap(), "trust-ncg"),
        ] {
            assert!(outcome.success, "{} {what}: {} {:e}", problem.name, outcome.message, outcome.grad_norm);
            assert_close(&[outcome.value], &[best], 0.0, 1e-3, &format!("{} {what}", problem.name));
            assert_eq!(outcome.x.dtype(), DType::F32);
        }
    }
}

/// min Σ (x − c)²·1e-4/c from 1.5·c, where the gradient is much smaller than the rounding of x.
#[test]
fn large_minima_are_found_in_f32() {
    for c in [10.0, 1e3, 1e6] {
        let start = tensor::<1>(&[1.5 * c, 1.5 * c], [2], &f64_device()).cast(DType::F32);
        let f = Function::of_vector(start.clone(), |x: Tensor<1>| ((x - c).square() * (1e-4 / c)).sum());
        // A trust region has a radius of at most 1000.
        let stop = Stop { gtol: 1e-9, max_iter: 1000, ..Stop::DEFAULT };
        for (outcome, what) in [
            (minimize(&f, start.clone(), &bfgs(), &stop).unwrap(), "bfgs"),
            (minimize(&f, start.clone(), &lbfgs(), &stop).unwrap(), "l-bfgs"),
            (minimize(&f, start.clone(), &newton(), &stop).unwrap(), "newton"),
            (minimize(&f, start.clone(), &newton_cg(), &stop).unwrap(), "newton-cg"),
            (minimize(&f, start.clone(), &trust_ncg(), &stop).unwrap(), "trust-ncg"),
            (minimize(&f, start.clone(), &nonlinear_cg(), &stop).unwrap(), "cg"),
        ] {
            let what = format!("{what} for {c}: {} {:e}", outcome.message, outcome.grad_norm);
            assert!(outcome.success, "{what}");
            assert_close(&values(outcome.x), &[c, c], 1e-5, 0.0, &what);
        }
    }
}

/// ½·(x − 3)², whose products with the Hessian are no numbers.
struct WithoutProducts;

impl Objective for WithoutProducts {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        let away = x.clone() - 3.0;
        Ok((away.clone().square().sum() * 0.5, away))
    }
}

impl HessianProduct for WithoutProducts {
    fn hvp(&self, _: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        Ok(v.clone() * f64::NAN)
    }
}

/// A trust region then takes steps along the gradient.
#[test]
fn a_trust_region_goes_on_without_products() {
    let start = tensor::<1>(&[-5.0, 40.0], [2], &f64_device());
    let outcome = minimize(&WithoutProducts, start, &trust_ncg(), &TIGHT).unwrap();
    assert!(outcome.success, "{}", outcome.message);
    assert_close(&values(outcome.x), &[3.0, 3.0], 0.0, 1e-7, "the minimum");
}
