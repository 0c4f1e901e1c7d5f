//! The interior-point method: the collection of Hock and Schittkowski, control beside Ipopt, quadratic programmes, and every way in which it
//! ends.

use std::ops::ControlFlow;

use kiln_optim::{
    constrained::{
        ConstrainedStop, InteriorPoint, LagrangianHessian, Multipliers, QuadraticProgram, Solution, SparseProblem,
        minimize_sparse, minimize_sparse_with,
    },
    problems::{VanDerPol, constrained},
    solver::{SolverError, Status},
};
use kiln_testkit::{assert_close, numbers, reference};

use super::{f64_device, named, solve};

/// Problems with several minima, in which it reaches another one than the published one, as Ipopt does on hs2, hs16, hs20 and hs44.
const OTHER_MINIMA: [(&str, f64); 4] =
    [("hs2", 4.941_229_318), ("hs16", 3.982_060_454), ("hs20", 40.198_729_81), ("hs44", -13.0)];

/// A linear congruential generator of numbers in (−1, 1).
struct Random(u64);

impl Random {
    #[allow(clippy::cast_precision_loss, reason = "a random number")]
    fn number(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

fn by_default(problem: &impl SparseProblem, start: &[f64]) -> Solution {
    f64_device();
    minimize_sparse(problem, start, &InteriorPoint::default(), &ConstrainedStop::default()).unwrap()
}

#[test]
fn the_collection_is_solved() {
    let (mut found, mut iterations) = (0, 0);
    for problem in constrained().iter().filter(|problem| problem.name.starts_with("hs")) {
        let stop = ConstrainedStop { check_minimum: false, ..ConstrainedStop::default() };
        let outcome = solve(problem, &InteriorPoint::default(), &stop).outcome;
        assert_eq!(outcome.status, Status::ResidualsSmall, "{}", problem.name);
        let other = OTHER_MINIMA.iter().find(|(name, _)| *name == problem.name);
        let minimum = other.map_or_else(|| problem.minimum.unwrap(), |(_, value)| *value);
        // The published minima have 8 to 10 digits.
        assert_close(&[outcome.value], &[minimum], 1e-7, 1e-8, problem.name);
        (found, iterations) = (found + 1, iterations + outcome.iterations);
    }
    assert_eq!(found, 70);
    // It took 870; SLSQP with ftol 1e-12 takes 796 on the 59 that it solves.
    assert!(iterations <= 900, "{iterations} iterations");
}

/// Without second derivatives.
#[test]
fn the_collection_is_solved_by_limited_memory_bfgs() {
    let solver = InteriorPoint { hessian: LagrangianHessian::Bfgs, ..InteriorPoint::default() };
    let (mut unsolved, mut iterations) = (Vec::new(), 0);
    for problem in constrained().iter().filter(|problem| problem.name.starts_with("hs")) {
        let stop = ConstrainedStop { check_minimum: false, max_iter: 3000, ..ConstrainedStop::default() };
        let outcome = solve(problem, &solver, &stop).outcome;
        assert_eq!(outcome.evaluations.hessians, 0, "{}", problem.name);
        iterations += outcome.iterations;
        if !outcome.success {
            unsolved.push(problem.name);
        }
    }
    assert_eq!(unsolved, [""; 0]);
    // It took 1084.
    assert!(iterations <= 1150, "{iterations} iterations");
}

#[test]
fn control_with_ten_thousand_unknowns_is_that_of_ipopt() {
    for row in reference("control")["problems"].as_array().unwrap() {
        let steps = usize::try_from(row["steps"].as_u64().unwrap()).unwrap();
        let control = VanDerPol { steps };
        let solution = by_default(&control, &control.start());
        assert_eq!(solution.outcome.status, Status::ResidualsSmall);
        // Ipopt's barrier leaves a gap of about 1e-11.
        assert_close(&[solution.outcome.value], &numbers(&row["value"]), 1e-10, 0.0, "value");
        let x = solution.outcome.to_vec();
        let places =
            row["places"].as_array().unwrap().iter().map(|place| usize::try_from(place.as_u64().unwrap()).unwrap());
        let found: Vec<f64> = places.map(|place| x[place]).collect();
        // The controls that are within their bounds are known to the square root of the error of the value.
        assert_close(&found, &numbers(&row["x"]), 0.0, 1e-6, "x");
        assert_close(&solution.multipliers.equality[..20], &numbers(&row["multipliers"]), 1e-6, 1e-6, "multipliers");
        assert!(solution.outcome.iterations <= 30, "{} iterations", solution.outcome.iterations);
    }
}

/// The derivatives of the control problem by central differences.
#[test]
fn the_control_problem_has_the_derivatives_that_it_says() {
    let control = VanDerPol { steps: 3 };
    let (n, m) = (control.unknowns(), control.equalities());
    let mut random = Random(1);
    let x: Vec<f64> = (0..n).map(|_| random.number()).collect();
    let y: Vec<f64> = (0..m).map(|_| random.number()).collect();
    let full = |places: &[(usize, usize)], values: &[f64], rows: usize, both: bool| {
        let mut matrix = vec![0.0; rows * n];
        for ((i, j), value) in places.iter().zip(values) {
            matrix[i * n + j] += value;
            if both && i != j {
                matrix[j * n + i] += value;
            }
        }
        matrix
    };
    // ∇(f + yᵀ·c), and the constraints.
    let at = |x: &[f64]| {
        let (mut slope, mut rows) = (vec![0.0; n], vec![0.0; control.jacobian_places().len()]);
        control.gradient(x, &mut slope);
        control.jacobian(x, &mut rows);
        let rows = full(&control.jacobian_places(), &rows, m, false);
        (0..n).for_each(|j| slope[j] += (0..m).map(|i| y[i] * rows[i * n + j]).sum::<f64>());
        let mut values = vec![0.0; m];
        control.constraints(x, &mut values);
        (slope, values, rows, control.objective(x))
    };
    let mut hessian = vec![0.0; control.hessian_places().len()];
    control.hessian(&x, 1.0, &y, &mut hessian);
    let hessian = full(&control.hessian_places(), &hessian, n, true);
    let (slope, _, rows, _) = at(&x);
    for j in 0..n {
        const H: f64 = 1e-5;
        let moved = |by: f64| {
            let mut x = x.clone();
            x[j] += by;
            at(&x)
        };
        let (up, down) = (moved(H), moved(-H));
        let value = |(_, values, _, f): &(Vec<f64>, Vec<f64>, Vec<f64>, f64)| {
            f + y.iter().zip(values).map(|(y, value)| y * value).sum::<f64>()
        };
        // An error of h² and of ε/h.
        assert_close(&[(value(&up) - value(&down)) / (2.0 * H)], &[slope[j]], 1e-8, 1e-9, "the gradient");
        for i in 0..m {
            assert_close(&[(up.1[i] - down.1[i]) / (2.0 * H)], &[rows[i * n + j]], 1e-8, 1e-9, "the Jacobian");
        }
        for i in 0..n {
            assert_close(&[(up.0[i] - down.0[i]) / (2.0 * H)], &[hessian[i * n + j]], 1e-8, 1e-9, "the Hessian");
        }
    }
}

/// A random convex programme with sparse rows: Q = MᵀM with three entries per row of M.
fn random_programme(random: &mut Random, n: usize) -> QuadraticProgram {
    let mut number = || random.number();
    let mut quadratic: Vec<(usize, usize, f64)> = (0..n).map(|i| (i, i, 1e-3)).collect();
    for i in 0..n {
        let row: Vec<(usize, f64)> =
            [i, (7 * i + 3) % n, (11 * i + 5) % n].into_iter().map(|j| (j, number())).collect();
        for (a, x) in &row {
            // Each pair of different places once.
            quadratic.extend(row.iter().filter(|(b, _)| b <= a).map(|(b, y)| (*a, *b, x * y)));
        }
    }
    let linear: Vec<f64> = (0..n).map(|_| number()).collect();
    let rows = |count: usize, number: &mut dyn FnMut() -> f64| -> Vec<(usize, usize, f64)> {
        (0..count).flat_map(|i| [(i, (3 * i) % n), (i, (5 * i + 1) % n)]).map(|(i, j)| (i, j, number())).collect()
    };
    let (equalities, inequalities) = (rows(n / 10, &mut number), rows(n / 2, &mut number));
    // Some point within the bounds satisfies all rows.
    let inside: Vec<f64> = (0..n).map(|_| 1.5 * number()).collect();
    let mut right = |rows: &[(usize, usize, f64)], count: usize, room: f64| {
        let mut right: Vec<f64> = (0..count).map(|_| room * number().abs()).collect();
        rows.iter().for_each(|(i, j, value)| right[*i] += value * inside[*j]);
        right
    };
    let (b, d) = (right(&equalities, n / 10, 0.0), right(&inequalities, n / 2, 0.3));
    QuadraticProgram::new(linear, quadratic)
        .equality(equalities, b)
        .inequality(inequalities, d)
        .within(vec![-2.0; n], vec![2.0; n])
}

/// For a convex problem the four conditions prove the minimum, so they are computed here from the matrices alone.
#[test]
fn convex_programmes_are_solved_whatever_the_factorisation() {
    let mut random = Random(7);
    for n in [5, 20, 60, 400, 2000] {
        let programme = random_programme(&mut random, n);
        let solution = by_default(&programme, &vec![0.0; n]);
        assert_eq!(solution.outcome.status, Status::ResidualsSmall, "{n}");
        let (x, multipliers) = (solution.outcome.to_vec(), &solution.multipliers);
        let m = programme.equalities() + programme.inequalities();
        let (mut slope, mut values) = (vec![0.0; n], vec![0.0; m]);
        programme.gradient(&x, &mut slope);
        programme.constraints(&x, &mut values);
        let mut rows = vec![0.0; programme.jacobian_places().len()];
        programme.jacobian(&x, &mut rows);
        let y: Vec<f64> = multipliers.equality.iter().chain(&multipliers.inequality).copied().collect();
        for ((i, j), value) in programme.jacobian_places().iter().zip(&rows) {
            slope[*j] += y[*i] * value;
        }
        let (h, g) = values.split_at(programme.equalities());
        for j in 0..n {
            let (low, high) = (multipliers.lower[j], multipliers.upper[j]);
            assert!((slope[j] - low + high).abs() < 2e-9, "{n}: stationarity {:e}", slope[j] - low + high);
            assert!(x[j].abs() <= 2.0 && low >= 0.0 && high >= 0.0);
            assert!(low * (x[j] + 2.0) < 2e-9 && high * (2.0 - x[j]) < 2e-9, "{n}: complementarity");
        }
        assert!(h.iter().all(|h| h.abs() < 1e-9) && g.iter().all(|g| *g < 1e-9), "{n}: feasibility");
        let products = g.iter().zip(&multipliers.inequality).map(|(g, mu)| (g * mu).abs());
        assert!(products.fold(0.0, f64::max) < 2e-9 && multipliers.inequality.iter().all(|mu| *mu >= 0.0), "{n}");
    }
}

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
