//! What certificates prove, and what solvers do at points that are no minima.

use burn::{module::Param, tensor::Tensor};
use kiln_optim::{
    constrained::{
        AugmentedLagrangian, Certifiable, Certificate, ConstrainedProblem, ConstrainedStop, Multipliers, Proof,
        minimize_constrained,
    },
    solver::Status,
};
use kiln_testkit::{assert_close, f64_device, tensor};

use super::{EXACT, SQP, named, on_device, solve};

type Problem = ConstrainedProblem<'static, Param<Tensor<1>>, ()>;
type F = fn(Tensor<1>) -> Tensor<1>;

fn x(v: &Tensor<1>) -> Tensor<1> {
    v.clone().slice(0..1)
}

fn y(v: &Tensor<1>) -> Tensor<1> {
    v.clone().slice(1..2)
}

fn free(f: F, n: usize) -> Problem {
    ConstrainedProblem::of_vector(tensor(&vec![0.0; n], [n], &f64_device()), f)
}

fn bounded(f: F, lower: [f64; 2], upper: [f64; 2]) -> Problem {
    free(f, 2).bounded(lower, upper).unwrap()
}

const INFINITE: f64 = f64::INFINITY;

/// Stationary points that are no minima.
fn saddles() -> Vec<(&'static str, Problem, Vec<f64>)> {
    let at_origin = vec![0.0, 0.0];
    vec![
        ("x² − y²", free(|v| x(&v).square() - y(&v).square(), 2), at_origin.clone()),
        ("x·y", free(|v| x(&v) * y(&v), 2), at_origin.clone()),
        ("x³ − 3·x·y²", free(|v| x(&v).powi_scalar(3) - x(&v) * y(&v).square() * 3.0, 2), at_origin.clone()),
        ("−x² − y²", free(|v| v.square().sum().neg(), 2), at_origin.clone()),
        ("x² − y⁴", free(|v| x(&v).square() - y(&v).powi_scalar(4), 2), at_origin.clone()),
        ("x⁴ − y⁴", free(|v| x(&v).powi_scalar(4) - y(&v).powi_scalar(4), 2), at_origin.clone()),
        ("x³", free(|v| v.powi_scalar(3), 1), vec![0.0]),
        ("(x² − 1)²", free(|v| (v.square() - 1.0).square(), 1), vec![0.0]),
        ("cos x + cos y", free(|v| v.cos().sum(), 2), at_origin.clone()),
        ("x² + 3·x·y + y²", free(|v| v.clone().square().sum() + x(&v) * y(&v) * 3.0, 2), at_origin.clone()),
        ("−x² for x ≥ 0", bounded(|v| y(&v).square() - x(&v).square(), [0.0, -1.0], [1.0, 1.0]), at_origin.clone()),
        ("x·y for x ≥ 0", bounded(|v| x(&v) * y(&v), [0.0, -INFINITE], [INFINITE; 2]), at_origin.clone()),
        ("−x·y for x, y ≥ 0", bounded(|v| (x(&v) * y(&v)).neg(), [0.0; 2], [INFINITE; 2]), at_origin.clone()),
        ("x² − y² for y ≤ 0", bounded(|v| x(&v).square() - y(&v).square(), [-1.0; 2], [1.0, 0.0]), at_origin.clone()),
        (
            "−x³ for x ≥ 0",
            bounded(|v| y(&v).square() - x(&v).powi_scalar(3), [0.0, -1.0], [1.0, 1.0]),
            at_origin.clone(),
        ),
        (
            "x + y on a circle, at its highest",
            free(|v| v.sum(), 2).equality("circle", |v: Tensor<1>| v.square().sum() - 2.0),
            vec![1.0, 1.0],
        ),
        (
            "x·y on a circle, at its highest",
            free(|v| x(&v) * y(&v), 2).equality("circle", |v: Tensor<1>| v.square().sum() - 2.0),
            vec![1.0, 1.0],
        ),
        (
            "−x² − y² in a disc",
            free(|v| v.square().sum().neg(), 2).inequality("disc", |v: Tensor<1>| v.square().sum() - 1.0),
            at_origin.clone(),
        ),
        (
            "y − x² for y ≥ 0",
            free(|v| y(&v) - x(&v).square(), 2).inequality("above", |v: Tensor<1>| y(&v).neg()),
            at_origin.clone(),
        ),
        (
            "y − x² for y ≥ −x²/4",
            free(|v| y(&v) - x(&v).square(), 2).inequality("above", |v: Tensor<1>| y(&v).neg() - x(&v).square() * 0.25),
            at_origin.clone(),
        ),
        ("hs33", on_device(&named("hs33")), vec![0.0, 0.0, 2.0]),
    ]
}

fn certificate(problem: &Problem, at: &[f64]) -> Certificate {
    let point = tensor(at, [at.len()], &f64_device());
    let multipliers: Multipliers = problem.multipliers(&point, 1e-9).unwrap().unwrap();
    Certificate::of(problem, &point, &multipliers).unwrap()
}

#[test]
fn no_certificate_of_a_minimum_is_accepted_at_a_saddle() {
    let all = saddles();
    assert!(all.len() >= 20);
    for (name, problem, at) in all {
        let honest = certificate(&problem, &at);
        assert_eq!(honest.proves, Some(Proof::Stationary), "{name}: {honest:?}");
        let found = honest.verify(&problem, &f64_device()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.proves, Some(Proof::Stationary), "{name}");
        for claim in [Proof::StrictLocalMinimum, Proof::GlobalMinimum] {
            // Whatever else the file says.
            let mut forged = honest.clone();
            forged.proves = Some(claim);
            assert!(forged.verify(&problem, &f64_device()).is_err(), "{name}: {claim}");
            let order = forged.second_order.as_mut().unwrap();
            (order.sufficient, order.downhill) = (true, None);
            assert!(forged.verify(&problem, &f64_device()).is_err(), "{name}: {claim}");
            forged.second_order.as_mut().unwrap().smallest_eigenvalue = Some(1.0);
            assert!(forged.verify(&problem, &f64_device()).is_err(), "{name}: {claim}");
        }
    }
}

#[test]
fn a_direction_downhill_is_one() {
    let degenerate = ["x³ − 3·x·y²", "x² − y⁴", "x⁴ − y⁴", "x³", "−x³ for x ≥ 0"];
    for (name, problem, at) in saddles() {
        let order = certificate(&problem, &at).second_order.unwrap();
        if degenerate.contains(&name) {
            assert!(!order.sufficient && order.downhill.is_none(), "{name}: {order:?}");
            continue;
        }
        let downhill = order.downhill.unwrap_or_else(|| panic!("{name}: no direction"));
        assert!(downhill.curvature < 0.0, "{name}");
        let length: f64 = downhill.direction.iter().map(|d| d * d).sum();
        assert_close(&[length], &[1.0], 1e-12, 0.0, name);
    }
}

#[test]
fn certificates_tell_three_kinds_apart() {
    let proves = |problem: &Problem, at: &[f64]| certificate(problem, at).proves.unwrap();
    let bowl: F = |v| v.square().sum();
    assert_eq!(proves(&free(bowl, 2), &[0.0, 0.0]), Proof::StrictLocalMinimum);
    assert_eq!(proves(&free(bowl, 2).convex(), &[0.0, 0.0]), Proof::GlobalMinimum);
    assert_eq!(proves(&free(|v| v.powi_scalar(4), 1), &[0.0]), Proof::Stationary);
    // On the quadrant x·y is at least 0, and strictly above with a little of the squares, although the Hessian is indefinite.
    let product = |v: Tensor<1>| x(&v) * y(&v);
    assert_eq!(proves(&bounded(product, [0.0; 2], [1.0; 2]), &[0.0, 0.0]), Proof::Stationary);
    let curved: F = |v| x(&v) * y(&v) + v.square().sum() * 0.1;
    assert_eq!(proves(&bounded(curved, [0.0; 2], [1.0; 2]), &[0.0, 0.0]), Proof::StrictLocalMinimum);
}

/// hs16 and hs20 have two minima each, and hs33 has a point that satisfies the first-order conditions and is no minimum.
#[test]
fn local_minima_are_told_from_none() {
    for method in [&SQP, &EXACT] {
        for name in ["hs16", "hs20"] {
            let problem = named(name);
            let solution = solve(&problem, method, &ConstrainedStop::default());
            assert_eq!(solution.outcome.status, Status::ResidualsSmall, "{name}");
            let certificate =
                Certificate::of(&on_device(&problem), &solution.outcome.x, &solution.multipliers).unwrap();
            assert_eq!(certificate.proves, Some(Proof::StrictLocalMinimum), "{name}");
        }
        let solution = solve(&named("hs33"), method, &ConstrainedStop::default());
        assert_eq!(solution.outcome.status, Status::ResidualsSmall);
        // √2 − 6, to the tolerance 1e-9 times the scale of the gradient, 11.
        assert_close(&[solution.outcome.value], &[2f64.sqrt() - 6.0], 1e-8, 0.0, "hs33");
        let unchecked = ConstrainedStop { check_minimum: false, ..ConstrainedStop::default() };
        let solution = solve(&named("hs33"), method, &unchecked);
        assert_close(&[solution.outcome.value], &[-4.0], 1e-6, 0.0, "hs33 without the test");
    }
    let solution = solve(&named("hs33"), &AugmentedLagrangian::default(), &ConstrainedStop::default());
    assert_close(&[solution.outcome.value], &[2f64.sqrt() - 6.0], 1e-8, 0.0, "hs33 by multipliers");
}

/// From the top of a hill, in the middle of a disc.
#[test]
fn a_solver_leaves_the_top_of_a_hill() {
    let problem = free(|v| v.square().sum().neg(), 2).inequality("disc", |v: Tensor<1>| v.square().sum() - 1.0);
    let start = tensor(&[0.0, 0.0], [2], &f64_device());
    let solution = minimize_constrained(&problem, start, &SQP, &ConstrainedStop::default()).unwrap();
    // Every point of the circle is a minimum, and none is strict.
    assert_eq!(solution.outcome.status, Status::ResidualsSmall, "{}", solution.outcome.message);
    assert_close(&[solution.outcome.value], &[-1.0], 1e-9, 0.0, "the rim");
    assert_eq!(solution.outcome.history.len(), solution.outcome.iterations + 1);
}
