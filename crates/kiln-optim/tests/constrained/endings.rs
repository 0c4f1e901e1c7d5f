//! Other endings, each with a status and a message.

use std::ops::ControlFlow;

use burn::tensor::Tensor;
use kiln_optim::{
    constrained::{
        AugmentedLagrangian, ConstrainedProblem, ConstrainedSolver, ConstrainedStop, ProblemError, Sqp,
        minimize_constrained,
    },
    solver::{SolverError, Status},
};
use kiln_testkit::{assert_close, values};

use super::{SQP, by_all_solvers, f64_device, named, solve};

#[test]
fn constraints_that_contradict_one_another() {
    for (solver, solution) in by_all_solvers(&named("infeasible"), &ConstrainedStop::default()) {
        let outcome = &solution.outcome;
        assert_eq!(outcome.status, Status::Infeasible, "{solver}");
        assert!(!outcome.success && outcome.message.contains("violates them least"), "{solver}");
        // On the diagonal by symmetry: (t, t) with the smallest (2t² − 1)² + (4 − 2t)², whose derivative Newton's method brings to 0.
        let mut t = 1.0f64;
        for _ in 0..50 {
            let slope = 8.0 * t * (2.0 * t * t - 1.0) - 4.0 * (4.0 - 2.0 * t);
            t -= slope / (48.0 * t * t);
        }
        assert_close(&values(outcome.x.clone()), &[t, t], 0.0, 1e-6, solver);
        assert_close(&[solution.residuals.primal], &[(2.0 * t * t - 1.0).max(4.0 - 2.0 * t)], 0.0, 1e-6, solver);
    }
}

#[test]
fn equations_without_a_solution() {
    let device = f64_device();
    let start = Tensor::<1>::from_data([1.0, 1.0], &device);
    let problem = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x.sum())
        .equality("nothing", |x: Tensor<1>| x.square().sum() + 1.0);
    for solution in [
        minimize_constrained(&problem, start.clone(), &SQP, &ConstrainedStop::default()).unwrap(),
        minimize_constrained(&problem, start.clone(), &AugmentedLagrangian::default(), &ConstrainedStop::default())
            .unwrap(),
    ] {
        assert_eq!(solution.outcome.status, Status::Infeasible);
        assert_close(&values(solution.outcome.x), &[0.0, 0.0], 0.0, 1e-5, "the least violation");
    }
}

#[test]
fn no_minimum() {
    for (solver, solution) in by_all_solvers(&named("unbounded"), &ConstrainedStop::default()) {
        let outcome = &solution.outcome;
        assert_eq!(outcome.status, Status::Unbounded, "{solver}");
        assert!(outcome.message.contains("no minimum"), "{solver}");
        // Newton-CG and the trust region have bounded steps, so they get less far.
        assert!(outcome.value < -100.0, "{solver}: {}", outcome.value);
    }
}

#[test]
fn constraints_said_three_times() {
    for (solver, solution) in by_all_solvers(&named("redundant"), &ConstrainedStop::default()) {
        assert_eq!(solution.outcome.status, Status::ResidualsSmall, "{solver}");
        assert_close(&values(solution.outcome.x), &[1.0 / 3.0; 3], 0.0, 1e-8, solver);
        // ∇f = 2/3 in each entry, however the multipliers share it.
        let [first, second] = solution.multipliers.equality[..] else { panic!("two equalities") };
        let sum = first + 2.0 * second - solution.multipliers.inequality[0];
        assert_close(&[sum], &[-2.0 / 3.0], 0.0, 1e-8, solver);
    }
}

#[test]
fn a_start_outside_of_the_domain() {
    // The constraints lead into the domain of the logarithm.
    for (solver, solution) in by_all_solvers(&named("outside-domain"), &ConstrainedStop::default()) {
        assert_eq!(solution.outcome.status, Status::ResidualsSmall, "{solver}");
        assert_close(&values(solution.outcome.x), &[2.0, 2.0], 0.0, 1e-6, solver);
    }
    // Nothing leads into it: the result is the point of least violation, with a message.
    let device = f64_device();
    let start = Tensor::<1>::from_data([-3.0, 5.0], &device);
    let problem = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x.slice(0..1).log())
        .equality("circle", |x: Tensor<1>| (x + 2.0).square().sum() - 1.0);
    for solution in [
        minimize_constrained(&problem, start.clone(), &SQP, &ConstrainedStop::default()).unwrap(),
        minimize_constrained(&problem, start.clone(), &AugmentedLagrangian::default(), &ConstrainedStop::default())
            .unwrap(),
    ] {
        assert_eq!(solution.outcome.status, Status::NotFinite);
        assert!(solution.outcome.message.contains("not finite"));
        assert!(solution.residuals.primal < 1e-8, "the circle is reached: {:?}", solution.residuals);
    }
    // The bound is the end of the domain of the logarithm: the start is moved inside.
    let problem = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x.clone().sum() - x.log().sum())
        .bounded(vec![0.0; 2], vec![f64::INFINITY; 2])
        .unwrap();
    let solution = minimize_constrained(&problem, start, &SQP, &ConstrainedStop::default()).unwrap();
    assert_close(&values(solution.outcome.x), &[1.0, 1.0], 0.0, 1e-8, "x − ln x");
}

#[test]
fn budgets_and_callbacks() {
    let problem = named("hs100");
    for max_iter in [0, 3] {
        let outcome = solve(&problem, &SQP, &ConstrainedStop { max_iter, ..ConstrainedStop::default() }).outcome;
        assert_eq!((outcome.status, outcome.iterations), (Status::Budget, max_iter));
        assert_eq!(outcome.history.len(), max_iter + 1);
    }
    let device = f64_device();
    let mut told = 0;
    let stopped = SQP
        .solve(&problem.problem(&device), problem.start(&device), &ConstrainedStop::default(), &mut |iteration| {
            told += 1;
            if iteration.iteration == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!((stopped.outcome.status, told), (Status::Stopped, 3));
}

#[test]
fn what_is_out_of_range_is_refused() {
    let (device, problem) = (f64_device(), named("circle"));
    let on_device = problem.problem(&device);
    let refused = |result: Result<_, SolverError>, option: &str| match result {
        Err(SolverError::Option { name, .. }) => assert_eq!(name, option),
        other => panic!("{option}: {:?}", other.map(|_: kiln_optim::constrained::Solution| ())),
    };
    let start = || problem.start(&device);
    refused(minimize_constrained(&on_device, start(), &Sqp { c1: 0.5, ..SQP }, &ConstrainedStop::default()), "c1");
    refused(
        minimize_constrained(&on_device, start(), &Sqp { max_trials: 0, ..SQP }, &ConstrainedStop::default()),
        "max_trials",
    );
    refused(
        minimize_constrained(
            &on_device,
            start(),
            &SQP,
            &ConstrainedStop { tol: Some(f64::NAN), ..ConstrainedStop::default() },
        ),
        "tol",
    );
    let short = minimize_constrained(&on_device, Tensor::zeros([3], &device), &SQP, &ConstrainedStop::default());
    assert!(matches!(short, Err(SolverError::Length { name: "start", expected: 2, got: 3 })));
    let wrong = AugmentedLagrangian { growth: 1.0, ..AugmentedLagrangian::default() };
    refused(minimize_constrained(&on_device, start(), &wrong, &ConstrainedStop::default()), "growth");
    let wrong = AugmentedLagrangian { penalty: Some(0.0), ..AugmentedLagrangian::default() };
    refused(minimize_constrained(&on_device, start(), &wrong, &ConstrainedStop::default()), "penalty");
    let bounded = |lower: Vec<f64>, upper: Vec<f64>| problem.problem(&device).bounded(lower, upper).err();
    let expected = ProblemError::Bounds { index: 1, lower: 2.0, upper: 1.0 };
    assert_eq!(bounded(vec![0.0, 2.0], vec![1.0, 1.0]), Some(expected));
    let expected = ProblemError::Length { name: "upper", expected: 2, got: 1 };
    assert_eq!(bounded(vec![0.0, 2.0], vec![1.0]), Some(expected));
}

/// An early stop in a compact box, or before a distant minimum, is not unboundedness.
#[test]
fn a_budget_is_a_budget() {
    let device = f64_device();
    for max_iter in [0, 1, 2] {
        let stop = ConstrainedStop { max_iter, ..ConstrainedStop::default() };
        let box_of_five = solve(&named("hs45"), &AugmentedLagrangian::default(), &stop).outcome;
        // The first step may end in the corner of the box that is the minimum.
        let is_solved = max_iter > 0 && box_of_five.success && (box_of_five.value - 1.0).abs() < 1e-9;
        assert!(is_solved || box_of_five.status == Status::Budget, "hs45 after {max_iter}: {:?}", box_of_five.status);
        let start = Tensor::<1>::from_data([0.0], &device);
        let far = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| (x - 1000.0).square().sum());
        let method = AugmentedLagrangian::new(kiln_optim::solver::gradient_descent());
        let outcome = minimize_constrained(&far, start, &method, &stop).unwrap().outcome;
        assert!(outcome.success || outcome.status == Status::Budget, "{:?}", outcome.status);
    }
}

/// The result does not depend on the constraints' units.
#[test]
fn feasible_constraints_in_small_units_are_not_called_infeasible() {
    let device = f64_device();
    for unit in [1e-6, 1.0, 1e6] {
        let start = Tensor::<1>::from_data([3.0, -1.0], &device);
        let problem = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x.square().sum()).equality(
            "curve",
            move |x: Tensor<1>| {
                let (x, y) = (x.clone().slice(0..1), x.slice(1..2));
                (y - x.powi_scalar(3) + 2.0) * unit
            },
        );
        for solution in [
            minimize_constrained(&problem, start.clone(), &SQP, &ConstrainedStop::default()).unwrap(),
            minimize_constrained(&problem, start.clone(), &AugmentedLagrangian::default(), &ConstrainedStop::default())
                .unwrap(),
        ] {
            assert_ne!(solution.outcome.status, Status::Infeasible, "in units of {unit}");
        }
    }
}

/// hs72 has multipliers of 4e4 beside constraints of 1e-2, and hs74 constraints of size 1000.
#[test]
fn multipliers_reach_the_scale_of_their_constraints() {
    let stop = ConstrainedStop { max_iter: 3000, ..ConstrainedStop::default() };
    let (mut solved, mut tried) = (0, 0);
    for name in ["hs72", "hs74"] {
        let problem = named(name);
        let minimum = problem.minimum.unwrap();
        for (solver, solution) in by_all_solvers(&problem, &stop) {
            let outcome = &solution.outcome;
            tried += 1;
            if !outcome.success {
                // On hs74 two inner solvers do not get there, and say so.
                assert!(
                    name == "hs74" && (solver.contains("within") || solver.contains("trust")),
                    "{name} by {solver}"
                );
                continue;
            }
            solved += 1;
            assert!((outcome.value - minimum).abs() <= 1e-6 * minimum, "{name} by {solver}: {}", outcome.value);
        }
    }
    assert!(solved >= 14 && tried == 16, "{solved} of {tried}");
}

/// The same plane in two scales, and a plane of size 1e8.
#[test]
fn constraints_may_have_any_scale() {
    let device = f64_device();
    for large in [1e6, 1e8] {
        let start = Tensor::<1>::from_data([3.0, -1.0, 0.5], &device);
        let twice = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x.square().sum())
            .equality("plane", |x: Tensor<1>| x.sum() - 1.0)
            .equality("the same", move |x: Tensor<1>| (x.sum() - 1.0) * large);
        let once = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x.square().sum())
            .equality("plane", move |x: Tensor<1>| x.sum() * large - 1.0);
        for (problem, expected) in [(twice, 1.0 / 3.0), (once, 1.0 / (3.0 * large))] {
            let solution = minimize_constrained(
                &problem,
                start.clone(),
                &AugmentedLagrangian::default(),
                &ConstrainedStop::default(),
            )
            .unwrap();
            assert!(solution.outcome.success, "{large}: {} {:?}", solution.outcome.message, solution.residuals);
            assert_close(&values(solution.outcome.x), &[expected; 3], 1e-8, 1e-9, "the nearest point");
        }
    }
}
