//! Certificates hold, and changes to one are detected.

use burn::tensor::{Tensor, TensorData};
use kiln_optim::{
    constrained::{
        Certificate, CertificateError, ConstrainedProblem, ConstrainedStop, LagrangianHessian, Multipliers, Sqp,
        minimize_constrained,
    },
    problems::constrained,
    solver::{self, newton},
};
use kiln_testkit::{f64_device, tensor};

use super::{SQP, named, on_device, solve};

fn certified(name: &str) -> Certificate {
    let problem = named(name);
    let solution = solve(&problem, &SQP, &ConstrainedStop::default());
    Certificate::of(&on_device(&problem), &solution.outcome.x, &solution.multipliers).unwrap()
}

fn check(name: &str, certificate: &Certificate) -> Result<Certificate, CertificateError> {
    certificate.verify(&on_device(&named(name)), &super::f64_device())
}

#[test]
fn every_solution_is_certified_from_its_file() {
    for problem in constrained() {
        let solution = solve(&problem, &SQP, &ConstrainedStop::default());
        if !solution.outcome.success {
            continue;
        }
        let certificate = Certificate::of(&on_device(&problem), &solution.outcome.x, &solution.multipliers).unwrap();
        let file = serde_json::to_string(&certificate).unwrap();
        let read: Certificate = serde_json::from_str(&file).unwrap();
        assert_eq!(read, certificate, "{}", problem.name);
        check(problem.name, &read).unwrap_or_else(|error| panic!("{}: {error}", problem.name));
    }
}

#[test]
fn what_is_wrong_is_rejected() {
    for name in ["circle", "halfplane-quadratic", "categorical-mle", "hs71", "hs43", "hs35", "hs76", "hs100", "hs113"] {
        let right = certified(name);
        check(name, &right).unwrap();
        let refused = |what: &str, wrong: &Certificate| {
            assert!(check(name, wrong).is_err(), "{name}: {what}");
            // It is refused even if its other numbers are recomputed.
            let problem = on_device(&named(name));
            let x = Tensor::from_data(TensorData::new(wrong.x.clone(), [wrong.x.len()]), &super::f64_device());
            let anew = Certificate::with_tolerance(&problem, &x, &wrong.multipliers, wrong.tol);
            assert!(
                anew.is_err() || anew.is_ok_and(|anew| anew.verify(&problem, &super::f64_device()).is_err()),
                "{name}: {what}, anew"
            );
        };
        for j in 0..right.x.len() {
            for step in [1e-3, -1e-3] {
                let mut moved = right.clone();
                moved.x[j] += step;
                refused(&format!("x[{j}] moved by {step}"), &moved);
            }
        }
        let multipliers = |change: &dyn Fn(&mut Multipliers)| {
            let mut wrong = right.clone();
            change(&mut wrong.multipliers);
            wrong
        };
        let any = right.multipliers.equality.iter().chain(&right.multipliers.inequality).any(|m| m.abs() > 1e-3);
        assert!(any, "{name} has a multiplier");
        refused(
            "wrong signs",
            &multipliers(&|m| m.inequality.iter_mut().chain(&mut m.equality).for_each(|m| *m = -*m)),
        );
        refused(
            "a multiplier left out",
            &multipliers(&|m| {
                let left_out = m.equality.pop().or_else(|| m.inequality.pop());
                assert!(left_out.is_some());
            }),
        );
        refused(
            "multipliers of nought",
            &multipliers(&|m| m.inequality.iter_mut().chain(&mut m.equality).for_each(|m| *m = 0.0)),
        );
        let mut infeasible = right.clone();
        infeasible.x.iter_mut().for_each(|x| *x += 2.0);
        refused("an infeasible x", &infeasible);
        // Invented numbers.
        let edits: [fn(&mut Certificate); 9] = [
            |c| c.fun = f64::NAN,
            |c| c.residuals.primal = f64::NAN,
            |c| c.residuals.dual = -1.0,
            |c| c.fun += 1e-6,
            |c| c.residuals.stationarity += 1e-6,
            |c| c.active_rank += 1,
            |c| c.active.clear(),
            |c| c.second_order = None,
            |c| c.tol = 1.0,
        ];
        for (i, edit) in edits.iter().enumerate() {
            let mut wrong = right.clone();
            edit(&mut wrong);
            // Without an active constraint there is nothing to clear.
            assert!(wrong == right || check(name, &wrong).is_err(), "{name}: number {i} made up");
        }
    }
}

#[test]
fn independence_and_curvature_are_told() {
    // Three constraints with one gradient.
    let redundant = certified("redundant");
    assert_eq!((redundant.active_count, redundant.active_rank), (3, 1));
    assert_eq!(redundant.duality_gap.map(|gap| gap.abs() < 1e-9), Some(true));
    // A corner has no direction left.
    let corner = certified("hs44").second_order.unwrap();
    assert_eq!((corner.dimension, corner.smallest_eigenvalue, corner.sufficient), (0, None, true));
    // x + y on a circle of radius √2: the Hessian of L is 2λ·I = I.
    let circle = certified("circle").second_order.unwrap();
    assert_eq!(circle.dimension, 1);
    assert!((circle.smallest_eigenvalue.unwrap() - 1.0).abs() < 1e-8 && circle.sufficient);
    // (x − y)²: flat along a line of minima.
    let start = Tensor::<1>::from_data([1.0, 3.0], &super::f64_device());
    let problem =
        ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| (x.clone().slice(0..1) - x.slice(1..2)).square());
    let solution = minimize_constrained(&problem, start, &SQP, &ConstrainedStop::default()).unwrap();
    let certificate = Certificate::of(&problem, &solution.outcome.x, &solution.multipliers).unwrap();
    certificate.verify(&problem, &super::f64_device()).unwrap();
    let flat = certificate.second_order.unwrap();
    assert!(flat.smallest_eigenvalue.unwrap().abs() < 1e-12 && !flat.sufficient, "{flat:?}");
}

#[test]
fn a_function_without_constraints_has_one_too() {
    let device = super::f64_device();
    let start = Tensor::<1>::from_data([-1.2, 1.0], &device);
    let valley = |x: Tensor<1>| {
        let (x, y) = (x.clone().slice(0..1), x.slice(1..2));
        (y - x.clone().square()).square() * 100.0 + (x - 1.0).square()
    };
    let problem = ConstrainedProblem::of_vector(start.clone(), valley);
    let stop = solver::Stop { gtol: 1e-10, ..solver::Stop::default() };
    let outcome = solver::minimize(problem.objective(), start, &newton(), &stop).unwrap();
    let none = Multipliers { lower: vec![0.0; 2], upper: vec![0.0; 2], ..Multipliers::default() };
    let certificate = Certificate::of(&problem, &outcome.x, &none).unwrap();
    certificate.verify(&problem, &super::f64_device()).unwrap();
    // The Hessian [[802, −400], [−400, 200]] has the eigenvalues 501 ± √(301² + 400²).
    let smallest = 501.0 - (301f64.powi(2) + 400f64.powi(2)).sqrt();
    let found = certificate.second_order.unwrap().smallest_eigenvalue.unwrap();
    assert!((found - smallest).abs() < 1e-6, "{found}, not {smallest}");
}

#[test]
fn what_is_not_a_number_is_no_solution() {
    // ln x ≤ 0 at x = −1: the value is NaN, the derivative is finite.
    let start = Tensor::<1>::from_data([-1.0], &super::f64_device());
    let problem =
        ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| x * 0.0).inequality("log", |x: Tensor<1>| x.log());
    let none = Multipliers { inequality: vec![0.0], lower: vec![0.0], upper: vec![0.0], ..Multipliers::default() };
    let certificate = Certificate::of(&problem, &start, &none).unwrap();
    assert!(!certificate.holds() && certificate.verify(&problem, &super::f64_device()).is_err());
}

#[test]
fn an_unknown_that_is_fixed_is_like_an_equality() {
    // x² − y² with y = 1 is a minimum, although the curvature in y is negative. The multiplier is that of the upper bound.
    let start = Tensor::<1>::from_data([0.5, 1.0], &super::f64_device());
    let problem = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| {
        x.clone().slice(0..1).square() - x.slice(1..2).square()
    })
    .bounded(vec![f64::NEG_INFINITY, 1.0], vec![f64::INFINITY, 1.0])
    .unwrap();
    for sqp in [SQP, super::EXACT] {
        let solution = minimize_constrained(&problem, start.clone(), &sqp, &ConstrainedStop::default()).unwrap();
        let certificate = Certificate::of(&problem, &solution.outcome.x, &solution.multipliers).unwrap();
        certificate.verify(&problem, &super::f64_device()).unwrap();
        assert_eq!((certificate.active[0].constraint.as_str(), certificate.active_count), ("x[1] fixed", 1));
        assert!((certificate.active[0].multiplier - 2.0).abs() < 1e-8);
        let order = certificate.second_order.unwrap();
        assert!(order.dimension == 1 && order.sufficient, "{order:?}");
    }
}

/// Large multipliers that cancel one another would hide any residual gradient.
#[test]
fn multipliers_that_cancel_hide_nothing() {
    let device = super::f64_device();
    let made = |name: &str, x: Vec<f64>, change: &dyn Fn(&mut Multipliers)| {
        let (problem, n) = (on_device(&named(name)), x.len());
        let mut multipliers = certified(name).multipliers;
        change(&mut multipliers);
        let x = Tensor::from_data(TensorData::new(x, [n]), &device);
        let made = Certificate::with_tolerance(&problem, &x, &multipliers, 1e-6).unwrap();
        assert!(made.verify(&problem, &device).is_err(), "{name}: {multipliers:?}");
    };
    for large in [1e3, 1e9, 2e15, 1e17, 1e300, f64::INFINITY] {
        // A feasible point that is not the nearest one.
        made("redundant", vec![1.0, 0.0, 0.0], &|m| m.equality = vec![2.0 * large, -large]);
        made("redundant", vec![1.0, 0.0, 0.0], &|m| (m.equality[0], m.inequality[0]) = (large, large));
        made("hs71", vec![1.0, 5.0, 2.645_751_311_064_590_7, 2.645_751_311_064_590_7], &|m| {
            (m.lower[1], m.upper[1]) = (large, large);
        });
    }
}

/// SQP with BFGS needs gradients only; the exact Hessian and a certificate record the functions.
#[test]
fn a_captured_tensor_is_an_error_that_names_the_remedy() {
    let device = f64_device();
    let start = tensor::<1>(&[0.0; 2], [2], &device);
    let target = || tensor::<1>(&[1.0, 2.0], [2], &device);
    let captured = target();
    let problem =
        ConstrainedProblem::of_vector(start.clone(), move |x: Tensor<1>| (x - captured.clone()).square().sum())
            .equality("sum", |x: Tensor<1>| x.sum() - 1.0);
    let stop = ConstrainedStop::default();
    let solution = minimize_constrained(&problem, start.clone(), &SQP, &stop).unwrap();
    assert!(solution.outcome.success);
    let error = Certificate::of(&problem, &solution.outcome.x, &solution.multipliers).unwrap_err();
    assert!(error.to_string().contains("of_vector_with(start, data"), "{error}");
    let exact = Sqp { hessian: LagrangianHessian::Exact, ..SQP };
    let error = minimize_constrained(&problem, start.clone(), &exact, &stop).unwrap_err();
    assert!(error.to_string().contains("of_vector_with(start, data"), "{error}");

    let problem =
        ConstrainedProblem::of_vector_with(start.clone(), target(), |x, target: Tensor<1>| (x - target).square().sum())
            .equality_with("sum", |x: Tensor<1>, _| x.sum() - 1.0)
            .inequality_with("near", |x: Tensor<1>, target: Tensor<1>| (x - target).abs() - 10.0)
            .bounded([-5.0; 2], tensor::<1>(&[5.0; 2], [2], &device))
            .unwrap();
    let solution = minimize_constrained(&problem, start, &exact, &stop).unwrap();
    assert!(Certificate::of(&problem, &solution.outcome.x, &solution.multipliers).unwrap().holds());
}
