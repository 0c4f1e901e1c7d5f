//! The interior-point method on small problems: every way in which it ends.

use std::ops::ControlFlow;

use kiln_optim::{
    constrained::{
        ConstrainedStop, InteriorPoint, Multipliers, QuadraticProgram, SparseProblem, minimize_sparse,
        minimize_sparse_with,
    },
    solver::{SolverError, Status},
};
use kiln_testkit::assert_close;

use super::{
    f64_device,
    interior::{Random, by_default, random_programme},
    named, solve,
};

/// A function, its derivatives, and constraints of two unknowns, dense.
struct Small {
    objective: fn(&[f64]) -> f64,
    gradient: fn(&[f64]) -> [f64; 2],
    hessian: fn(&[f64], f64, &[f64]) -> [f64; 3],
    constraints: fn(&[f64]) -> Vec<f64>,
    jacobian: fn(&[f64]) -> Vec<f64>,
    equalities: usize,
    m: usize,
    bounds: [[f64; 2]; 2],
}

impl SparseProblem for Small {
    fn unknowns(&self) -> usize {
        2
    }
    fn equalities(&self) -> usize {
        self.equalities
    }
    fn inequalities(&self) -> usize {
        self.m - self.equalities
    }
    fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        (self.bounds[0].to_vec(), self.bounds[1].to_vec())
    }
    fn objective(&self, x: &[f64]) -> f64 {
        (self.objective)(x)
    }
    fn gradient(&self, x: &[f64], gradient: &mut [f64]) {
        gradient.copy_from_slice(&(self.gradient)(x));
    }
    fn constraints(&self, x: &[f64], values: &mut [f64]) {
        values.copy_from_slice(&(self.constraints)(x));
    }
    fn jacobian_places(&self) -> Vec<(usize, usize)> {
        (0..self.m).flat_map(|i| [(i, 0), (i, 1)]).collect()
    }
    fn jacobian(&self, x: &[f64], values: &mut [f64]) {
        values.copy_from_slice(&(self.jacobian)(x));
    }
    fn hessian_places(&self) -> Vec<(usize, usize)> {
        vec![(0, 0), (1, 0), (1, 1)]
    }
    fn hessian(&self, x: &[f64], factor: f64, multipliers: &[f64], values: &mut [f64]) {
        values.copy_from_slice(&(self.hessian)(x, factor, multipliers));
    }
}

const FREE: [[f64; 2]; 2] = [[f64::NEG_INFINITY; 2], [f64::INFINITY; 2]];

/// min x + y on x² + y² = 1, and with changes.
const CIRCLE: Small = Small {
    objective: |x| x[0] + x[1],
    gradient: |_| [1.0, 1.0],
    hessian: |_, _, y| [2.0 * y[0], 0.0, 2.0 * y[0]],
    constraints: |x| vec![x[0] * x[0] + x[1] * x[1] - 1.0],
    jacobian: |x| vec![2.0 * x[0], 2.0 * x[1]],
    equalities: 1,
    m: 1,
    bounds: FREE,
};

#[test]
fn fixed_unknowns_and_bounds_have_multipliers() {
    // x is fixed at 0.6, so y = −0.8, and L = x + y + λ·(x² + y² − 1) − ν·x has λ = 1/1.6 and ν = 1 + 1.2·λ.
    let fixed = Small { bounds: [[0.6, f64::NEG_INFINITY], [0.6, f64::INFINITY]], ..CIRCLE };
    let solution = by_default(&fixed, &[0.6, -0.5]);
    assert_close(&solution.outcome.to_vec(), &[0.6, -0.8], 1e-9, 0.0, "x");
    assert_close(&solution.multipliers.equality, &[0.625], 1e-8, 0.0, "λ");
    assert_close(&[solution.multipliers.lower[0], solution.multipliers.upper[0]], &[1.75, 0.0], 1e-8, 1e-8, "ν");
    // On the disc with x ≥ −0.6: the same with a bound.
    let disc = Small { equalities: 0, bounds: [[-0.6, f64::NEG_INFINITY], [f64::INFINITY; 2]], ..CIRCLE };
    let solution = by_default(&disc, &[5.0, 5.0]);
    assert_close(&solution.outcome.to_vec(), &[-0.6, -0.8], 1e-8, 0.0, "x");
    assert_close(&solution.multipliers.inequality, &[0.625], 1e-7, 0.0, "μ");
    assert_close(&[solution.multipliers.lower[0]], &[0.25], 1e-7, 0.0, "ν");
}

#[test]
fn what_cannot_be_satisfied_is_infeasible() {
    // x² + y² = 1 and x + y = 3 cannot both hold: the least sum of violations is 3 − √2, at (1, 1)/√2, and the least sum of squares lies
    // a little outside of the circle.
    let contradiction = Small {
        constraints: |x| vec![x[0] * x[0] + x[1] * x[1] - 1.0, x[0] + x[1] - 3.0],
        jacobian: |x| vec![2.0 * x[0], 2.0 * x[1], 1.0, 1.0],
        equalities: 2,
        m: 2,
        ..CIRCLE
    };
    let solution = by_default(&contradiction, &[0.3, -0.4]);
    assert_eq!(solution.outcome.status, Status::Infeasible);
    assert!(!solution.outcome.success);
    let x = solution.outcome.to_vec();
    assert_close(&x, &[std::f64::consts::FRAC_1_SQRT_2; 2], 1e-4, 0.0, "the point of least violation");
    // Two halfspaces without a common point.
    let apart = QuadraticProgram::new(vec![0.0], [(0, 0, 1.0)]).inequality([(0, 0, 1.0), (1, 0, -1.0)], [0.0, -1.0]);
    assert_eq!(by_default(&apart, &[0.5]).outcome.status, Status::Infeasible);
    // Bounds that exclude the equality.
    let excluded = QuadraticProgram::new(vec![1.0; 2], [])
        .equality([(0, 0, 1.0), (0, 1, 1.0)], [3.0])
        .within(vec![0.0; 2], vec![1.0; 2]);
    assert_eq!(by_default(&excluded, &[0.5; 2]).outcome.status, Status::Infeasible);
}

#[test]
fn a_value_without_a_bound_and_functions_without_a_value_are_told() {
    let falls = QuadraticProgram::new(vec![-1.0, 0.0], []).inequality([(0, 0, -1.0), (0, 1, 1.0)], [1.0]);
    assert_eq!(by_default(&falls, &[0.0; 2]).outcome.status, Status::Unbounded);
    let undefined = Small { objective: |x| x[0].ln() + x[1], ..CIRCLE };
    assert_eq!(by_default(&undefined, &[-1.0, 0.0]).outcome.status, Status::NotFinite);
}

#[test]
fn degenerate_constraints_are_no_obstacle() {
    // The same equality twice, so that its multipliers are not unique.
    let twice = Small {
        constraints: |x| vec![x[0] * x[0] + x[1] * x[1] - 1.0; 2],
        jacobian: |x| [2.0 * x[0], 2.0 * x[1]].repeat(2),
        hessian: |_, _, y| [2.0 * (y[0] + y[1]), 0.0, 2.0 * (y[0] + y[1])],
        equalities: 2,
        m: 2,
        ..CIRCLE
    };
    let solution = by_default(&twice, &[0.2, -0.9]);
    assert_eq!(solution.outcome.status, Status::ResidualsSmall);
    assert_close(&[solution.outcome.value], &[-(2.0_f64.sqrt())], 1e-8, 0.0, "value");
    assert_close(&[solution.multipliers.equality.iter().sum()], &[0.5_f64.sqrt()], 1e-6, 0.0, "the sum of both");
    // An equality as two inequalities has no interior.
    let squeezed = QuadraticProgram::new(vec![0.0; 2], [(0, 0, 2.0), (1, 1, 2.0)])
        .inequality([(0, 0, 1.0), (0, 1, 1.0), (1, 0, -1.0), (1, 1, -1.0)], [1.0, -1.0]);
    let solution = by_default(&squeezed, &[3.0, -4.0]);
    assert_eq!(solution.outcome.status, Status::ResidualsSmall);
    assert_close(&solution.outcome.to_vec(), &[0.5; 2], 1e-6, 0.0, "x");
}

#[test]
fn a_warm_start_takes_fewer_iterations() {
    let mut random = Random(3);
    let programme = random_programme(&mut random, 400);
    let cold = by_default(&programme, &vec![0.0; 400]);
    let warm = InteriorPoint { barrier: 1e-8, multipliers: Some(cold.multipliers.clone()), ..InteriorPoint::default() };
    let stop = ConstrainedStop::default();
    let again = minimize_sparse(&programme, &cold.outcome.to_vec(), &warm, &stop).unwrap();
    assert!(again.outcome.success);
    assert_close(&[again.outcome.value], &[cold.outcome.value], 1e-9, 0.0, "value");
    assert!(
        2 * again.outcome.iterations <= cold.outcome.iterations,
        "{} and {} iterations",
        again.outcome.iterations,
        cold.outcome.iterations
    );
}

#[test]
fn a_run_stops_when_it_is_told_to() {
    f64_device();
    let mut seen = 0;
    let callback = &mut |_: &_| {
        seen += 1;
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let (solver, stop) = (InteriorPoint::default(), ConstrainedStop::default());
    let solution = minimize_sparse_with(&CIRCLE, &[2.0, 0.5], &solver, &stop, callback).unwrap();
    assert_eq!((solution.outcome.status, solution.outcome.history.len()), (Status::Stopped, 3));
    let short = ConstrainedStop { max_iter: 2, ..stop };
    let solution = minimize_sparse(&CIRCLE, &[2.0, 0.5], &solver, &short).unwrap();
    assert_eq!((solution.outcome.status, solution.outcome.iterations), (Status::Budget, 2));
    // Also while the violation is made smaller: two halfspaces without a common point.
    let apart = QuadraticProgram::new(vec![0.0], [(0, 0, 1.0)]).inequality([(0, 0, 1.0), (1, 0, -1.0)], [0.0, -1.0]);
    let all = by_default(&apart, &[0.5]).outcome;
    let mut calls = 0;
    let solution = minimize_sparse_with(&apart, &[0.5], &solver, &stop, &mut |_| {
        calls += 1;
        if calls == all.history.len() + 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(all.status, Status::Infeasible);
    assert!(all.iterations > all.history.len() + 2, "most iterations are those of the restoration");
    assert_eq!(solution.unwrap().outcome.status, Status::Stopped);
}

#[test]
fn problems_that_do_not_fit_together_are_refused() {
    f64_device();
    let (solver, stop) = (InteriorPoint::default(), ConstrainedStop::default());
    let refused = |problem: &QuadraticProgram, start: &[f64], solver: &InteriorPoint| {
        minimize_sparse(problem, start, solver, &stop).unwrap_err().to_string()
    };
    let fine = QuadraticProgram::new(vec![0.0; 2], [(0, 0, 1.0), (1, 1, 1.0)]);
    assert_eq!(refused(&fine, &[0.0], &solver), "the start must have 2 numbers, not 1");
    let upper = QuadraticProgram::new(vec![0.0; 2], [(0, 1, 1.0)]);
    assert_eq!(
        refused(&upper, &[0.0; 2], &solver),
        "the Hessian has no place for an entry at row 0, column 1, counted from 0"
    );
    let far = fine.clone().equality([(0, 2, 1.0)], [1.0]);
    assert!(matches!(
        minimize_sparse(&far, &[0.0; 2], &solver, &stop),
        Err(SolverError::Place { name: "Jacobian", row: 0, column: 2 })
    ));
    let crossed = fine.clone().within(vec![1.0; 2], vec![0.0; 2]);
    assert_eq!(refused(&crossed, &[0.0; 2], &solver), "a lower bound must be at most its upper bound, not 1");
    assert!(refused(&fine.clone().within(vec![0.0], vec![1.0]), &[0.0; 2], &solver).starts_with("the lower bounds"));
    let without = InteriorPoint { multipliers: Some(Multipliers::default()), ..InteriorPoint::default() };
    assert!(refused(&fine, &[0.0; 2], &without).starts_with("the multipliers of lower bounds"));
    assert!(refused(&fine, &[0.0; 2], &InteriorPoint { barrier: 0.0, ..InteriorPoint::default() }).contains("barrier"));
}

#[test]
fn the_scaled_equalities_are_solved() {
    // min ‖x‖² with Σ x = 1, as a row of entries of any size.
    for size in [1e-6, 1.0, 1e6] {
        let programme = QuadraticProgram::new(vec![0.0; 3], (0..3).map(|i| (i, i, 2.0)))
            .equality((0..3).map(|j| (0, j, size)), [size]);
        let solution = by_default(&programme, &[1.0, -2.0, 5.0]);
        assert!(solution.outcome.success, "{size:e}: {}", solution.outcome.message);
        assert_close(&solution.outcome.to_vec(), &[1.0 / 3.0; 3], 0.0, 1e-9_f64.max(1e-9 / size), "x");
        // λ = −∂f/∂(right side), in the units of the row.
        assert_close(&[solution.multipliers.equality[0] * size], &[-2.0 / 3.0], 1e-6, 0.0, "λ");
    }
    assert!(solve(&named("hs33"), &InteriorPoint::default(), &ConstrainedStop::default()).outcome.value < -4.58);
}
