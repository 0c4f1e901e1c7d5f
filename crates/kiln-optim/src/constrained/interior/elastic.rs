//! The problem of least violation.

use std::cell::RefCell;

use super::{iterate::Iterate, scaled::Scaled};
use crate::constrained::SparseProblem;

/// The cost of a violation.
const COST: f64 = 1000.0;

/// Minimise ρ·Σ (p + q) + ½ζ·Σ dᵢ²·(xᵢ − rᵢ)² subject to h(x) − p + q = 0, g(x) − p ≤ 0, p, q ≥ 0 and the bounds on x: the violation,
/// with a small cost for the distance from the reference r (Wächter and Biegler, 2006, section 3.3).
///
/// The unknowns are x, then p for each constraint, then q for each equality.
pub(super) struct Elastic<'e, 'p> {
    problem: RefCell<&'e mut Scaled<'p>>,
    reference: Vec<f64>,
    zeta: f64,
    n: usize,
    equalities: usize,
    m: usize,
    jacobian: usize,
    hessian: usize,
}

impl<'e, 'p> Elastic<'e, 'p> {
    pub(super) fn new(problem: &'e mut Scaled<'p>, reference: Vec<f64>, barrier: f64) -> Self {
        let (n, equalities, m) = (problem.n, problem.equalities, problem.m);
        let (jacobian, hessian) = (problem.jacobian_places.len(), problem.hessian_places.len());
        Self { problem: RefCell::new(problem), reference, zeta: barrier.sqrt(), n, equalities, m, jacobian, hessian }
    }

    /// The start: x, with the p and q that are best for the values of the constraints and slacks at x.
    pub(super) fn start(&self, x: &[f64], rows: &[f64], barrier: f64) -> Vec<f64> {
        let half = |c: f64| (barrier - COST * c) / (2.0 * COST);
        // The root of a quadratic equation, without cancellation.
        let q = |c: f64| {
            let (half, product) = (half(c), barrier * c.max(0.0) / (2.0 * COST));
            half + (half * half + product).sqrt()
        };
        let q: Vec<f64> = rows.iter().map(|&c| q(c).max(1e-8)).collect();
        let p = rows.iter().zip(&q).map(|(c, q)| (c + q).max(1e-8));
        x.iter().copied().chain(p).chain(q[..self.equalities].iter().copied()).collect()
    }

    /// Violation and barrier value of the problem itself at x, with the slacks that suit x.
    pub(super) fn merit(&self, x: &[f64], barrier: f64) -> [f64; 2] {
        let mut problem = self.problem.borrow_mut();
        let values = problem.values(x);
        let point = Iterate::at(&problem, x.to_vec(), &values.constraints, barrier);
        let value = point.barrier_value(&problem, values.objective, barrier);
        [point.violation(&problem, &values.constraints), if value.is_finite() { value } else { f64::INFINITY }]
    }

    fn weight(&self, i: usize) -> f64 {
        self.zeta * (1.0 / self.reference[i].abs().max(1.0)).powi(2)
    }
}

impl SparseProblem for Elastic<'_, '_> {
    fn unknowns(&self) -> usize {
        self.n + self.m + self.equalities
    }

    fn equalities(&self) -> usize {
        self.equalities
    }

    fn inequalities(&self) -> usize {
        self.m - self.equalities
    }

    fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        let (problem, more) = (self.problem.borrow(), self.m + self.equalities);
        let with = |bounds: &[f64], value: f64| [bounds, &vec![value; more]].concat();
        (with(&problem.lower, 0.0), with(&problem.upper, f64::INFINITY))
    }

    fn objective(&self, x: &[f64]) -> f64 {
        let violation: f64 = x[self.n..].iter().sum();
        let far: f64 = (0..self.n).map(|i| self.weight(i) * (x[i] - self.reference[i]).powi(2)).sum();
        COST * violation + 0.5 * far
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) {
        (0..self.n).for_each(|i| gradient[i] = self.weight(i) * (x[i] - self.reference[i]));
        gradient[self.n..].fill(COST);
    }

    fn constraints(&self, x: &[f64], values: &mut [f64]) {
        let found = self.problem.borrow_mut().values(&x[..self.n]);
        // Where f is not defined, x is of no use.
        let defined = if found.objective.is_finite() { 0.0 } else { f64::NAN };
        for (i, value) in found.constraints.iter().enumerate() {
            let q = if i < self.equalities { x[self.n + self.m + i] } else { 0.0 };
            values[i] = value - x[self.n + i] + q + defined;
        }
    }

    fn jacobian_places(&self) -> Vec<(usize, usize)> {
        let mut places = self.problem.borrow().jacobian_places.clone();
        places.extend((0..self.m).map(|i| (i, self.n + i)));
        places.extend((0..self.equalities).map(|i| (i, self.n + self.m + i)));
        places
    }

    fn jacobian(&self, x: &[f64], values: &mut [f64]) {
        let slopes = self.problem.borrow_mut().slopes(&x[..self.n]);
        values[..self.jacobian].copy_from_slice(&slopes.jacobian);
        values[self.jacobian..self.jacobian + self.m].fill(-1.0);
        values[self.jacobian + self.m..].fill(1.0);
    }

    fn hessian_places(&self) -> Vec<(usize, usize)> {
        let mut places = self.problem.borrow().hessian_places.clone();
        places.extend((0..self.n).map(|i| (i, i)));
        places
    }

    fn hessian(&self, x: &[f64], factor: f64, multipliers: &[f64], values: &mut [f64]) {
        let found = self.problem.borrow_mut().curvature(&x[..self.n], 0.0, multipliers);
        values[..self.hessian].copy_from_slice(&found);
        (0..self.n).for_each(|i| values[self.hessian + i] = factor * self.weight(i));
    }
}
