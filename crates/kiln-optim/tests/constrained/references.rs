//! The reference problems with their multipliers, by every solver.

use kiln_optim::{constrained::ConstrainedStop, solver::Status};
use kiln_testkit::{assert_close, numbers, reference, values};

use super::{by_all_solvers, named};

#[test]
fn every_solver_finds_points_and_multipliers() {
    for row in reference("minimisers")["constrained"].as_array().unwrap() {
        let problem = named(&row["problem"].as_str().unwrap().replace('_', "-"));
        // Multipliers are up to 15, so values to 1e-9 need smaller residuals.
        for (solver, solution) in
            by_all_solvers(&problem, &ConstrainedStop { tol: Some(3e-11), ..ConstrainedStop::default() })
        {
            let what = format!("{} by {solver}", problem.name);
            let outcome = &solution.outcome;
            assert_eq!(outcome.status, Status::ResidualsSmall, "{what}: {:?}", solution.residuals);
            assert!(solution.residuals.largest() <= 1e-8, "{what}: {:?}", solution.residuals);
            assert_close(&values(outcome.x.clone()), &numbers(&row["x"]), 0.0, 1e-7, &what);
            assert_close(&[outcome.value], &numbers(&row["f"]), 0.0, 1e-9, &what);
            let multipliers = &solution.multipliers;
            for (kind, found) in [("eq", &multipliers.equality), ("ineq", &multipliers.inequality)] {
                let known = &row["multipliers"][kind];
                if !known.is_null() {
                    assert_close(found, &numbers(known), 0.0, 1e-6, &format!("{what}: multipliers"));
                }
            }
        }
    }
}

/// The published multipliers (Hock and Schittkowski, 1981; the example of IPOPT), to the printed digits.
#[test]
fn hs71_has_its_multipliers() {
    for (solver, solution) in
        by_all_solvers(&named("hs71"), &ConstrainedStop { tol: Some(3e-11), ..ConstrainedStop::default() })
    {
        assert_close(&[solution.outcome.value], &[17.014_017_3], 0.0, 5e-8, solver);
        let multipliers = &solution.multipliers;
        // L = f + λ·(Σx² − 40) + μ·(25 − Πx) + …
        assert_close(&multipliers.inequality, &[0.552_293_7], 0.0, 1e-7, solver);
        assert_close(&multipliers.equality, &[0.161_468_6], 0.0, 1e-7, solver);
        assert_close(&multipliers.lower, &[1.087_871_2, 0.0, 0.0, 0.0], 0.0, 1e-6, solver);
    }
}

/// A multiplier is the decrease of the minimum per unit by which its constraint is relaxed. Here 25 − Πx ≤ −ε is tighter.
#[test]
fn a_multiplier_is_the_price_of_its_constraint() {
    use super::{EXACT, f64_device};
    use burn::tensor::Tensor;
    use kiln_optim::constrained::{ConstrainedProblem, minimize_constrained};

    let device = f64_device();
    let start = Tensor::<1>::from_data([1.0, 5.0, 5.0, 1.0], &device);
    let stop = ConstrainedStop { tol: Some(1e-12), ..ConstrainedStop::default() };
    let relaxed = |product: f64, squares: f64| {
        let problem = ConstrainedProblem::of_vector(start.clone(), |x: Tensor<1>| {
            let of = |i: usize| x.clone().slice(i..=i);
            of(0) * of(3) * (of(0) + of(1) + of(2)) + of(2)
        })
        .inequality("product", move |x: Tensor<1>| {
            let of = |i: usize| x.clone().slice(i..=i);
            (of(0) * of(1) * of(2) * of(3)).neg() + 25.0 + product
        })
        .equality("squares", move |x: Tensor<1>| x.square().sum() - 40.0 - squares)
        .bounded(vec![1.0; 4], vec![5.0; 4])
        .unwrap();
        minimize_constrained(&problem, start.clone(), &EXACT, &stop).unwrap()
    };
    let h = 1e-4;
    let slope = |ends: [f64; 2]| (ends[1] - ends[0]) / (2.0 * h);
    let multipliers = relaxed(0.0, 0.0).multipliers;
    let product = slope([-h, h].map(|e| relaxed(e, 0.0).outcome.value));
    let squares = slope([-h, h].map(|e| relaxed(0.0, e).outcome.value));
    // The values have an error of 1e-11, divided by 2e-4, and the difference one of h².
    assert_close(&[product], &multipliers.inequality, 0.0, 1e-6, "the product");
    assert_close(&[-squares], &multipliers.equality, 0.0, 1e-6, "the squares");
}
