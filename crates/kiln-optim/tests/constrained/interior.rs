//! The interior-point method on larger problems: the collection of Hock and Schittkowski, control beside Ipopt, quadratic programmes.

use kiln_optim::{
    constrained::{
        ConstrainedStop, InteriorPoint, LagrangianHessian, QuadraticProgram, Solution, SparseProblem, minimize_sparse,
    },
    problems::{VanDerPol, constrained},
    solver::Status,
};
use kiln_testkit::{assert_close, numbers, reference};

use super::{f64_device, solve};

/// Problems with several minima, in which it reaches another one than the published one, as Ipopt does on hs2, hs16, hs20 and hs44.
const OTHER_MINIMA: [(&str, f64); 4] =
    [("hs2", 4.941_229_318), ("hs16", 3.982_060_454), ("hs20", 40.198_729_81), ("hs44", -13.0)];

/// A linear congruential generator of numbers in (−1, 1).
pub(super) struct Random(pub(super) u64);

impl Random {
    #[allow(clippy::cast_precision_loss, reason = "a random number")]
    fn number(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

pub(super) fn by_default(problem: &impl SparseProblem, start: &[f64]) -> Solution {
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
pub(super) fn random_programme(random: &mut Random, n: usize) -> QuadraticProgram {
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
