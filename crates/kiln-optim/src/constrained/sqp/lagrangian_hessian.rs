//! The quadratic model of a step.

use kiln_tensor::linalg::Symmetric;

use super::super::{evaluated::Evaluated, kkt::Multipliers, quadratic::Step};

/// The quadratic model of the Lagrangian in [`Sqp`](super::Sqp).
///
/// # Example
/// ```
/// use kiln_optim::constrained::{LagrangianHessian, Sqp};
///
/// let sqp = Sqp { hessian: LagrangianHessian::Exact, ..Sqp::default() };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LagrangianHessian {
    /// Estimated from gradients by BFGS, with Powell's damping (1978), which keeps it positive definite.
    #[default]
    Bfgs,
    /// The exact Hessian of the Lagrangian. If it is not convex, ρAᵀA of the active constraints is added; if that is not enough,
    /// its eigenvalues are replaced by their absolute values.
    Exact,
}

/// B after a step s along which the gradient of the Lagrangian changed by y (Nocedal and Wright, 2006, procedure 18.2).
pub(super) fn damped_bfgs(b: &Symmetric, s: &[f64], y: &[f64]) -> Symmetric {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let bs = b.multiply(s);
    let (curvature, learnt) = (dot(s, &bs), dot(s, y));
    let theta = if learnt >= 0.2 * curvature { 1.0 } else { 0.8 * curvature / (curvature - learnt) };
    let r: Vec<f64> = y.iter().zip(&bs).map(|(y, bs)| theta * y + (1.0 - theta) * bs).collect();
    let along = dot(s, &r);
    let next = Symmetric::from_fn(b.rows(), |i, j| b.at(i, j) - bs[i] * bs[j] / curvature + r[i] * r[j] / along);
    if along > 0.0 && curvature > 0.0 && next.is_finite() { next } else { b.clone() }
}

/// The gradients of the active constraints.
pub(super) struct ActiveRows {
    equalities: Vec<Vec<f64>>,
    /// Inequalities, with their index.
    inequalities: Vec<(usize, Vec<f64>)>,
    /// Unknowns at a bound.
    bounds: Vec<usize>,
}

impl ActiveRows {
    /// The equalities, and the inequalities and bounds whose multiplier is larger than their slack.
    pub(super) fn new(at: &Evaluated, multipliers: &Multipliers, (lower, upper): (&[f64], &[f64])) -> Self {
        let Evaluated { x, values, slopes } = at;
        let held = (0..values.inequality.len()).filter(|&i| multipliers.inequality[i] > -values.inequality[i]);
        let bound = |j: &usize| multipliers.lower[*j] > x[*j] - lower[*j] || multipliers.upper[*j] > upper[*j] - x[*j];
        Self {
            equalities: (0..values.equality.len()).map(|i| slopes.equality.row(i)).collect(),
            inequalities: held.map(|i| (i, slopes.inequality.row(i))).collect(),
            bounds: (0..x.len()).filter(bound).collect(),
        }
    }

    /// Drops the inequalities and bounds without a multiplier in `step`. Returns whether there were any.
    pub(super) fn let_go(&mut self, step: &Step) -> bool {
        let before = self.inequalities.len() + self.bounds.len();
        let Multipliers { inequality, lower, upper, .. } = &step.multipliers;
        let none = 1e-9 * step.multipliers.largest();
        self.inequalities.retain(|(i, _)| inequality[*i] > none);
        self.bounds.retain(|&j| lower[j] > none || upper[j] > none);
        self.inequalities.len() + self.bounds.len() < before
    }

    /// Σ a·aᵀ.
    fn gram(&self, n: usize) -> Symmetric {
        let rows = || self.equalities.iter().chain(self.inequalities.iter().map(|(_, row)| row));
        Symmetric::from_fn(n, |i, j| {
            let bound = i == j && self.bounds.contains(&i);
            rows().map(|row| row[i] * row[j]).sum::<f64>() + f64::from(u8::from(bound))
        })
    }

    /// Removes the contribution of `weight`·Σ a·aᵀ from the multipliers: `weight`·(a·d).
    pub(super) fn correct(&self, step: &mut Step, weight: f64) {
        if weight == 0.0 {
            return;
        }
        let Step { d, multipliers, .. } = step;
        let along = |row: &[f64]| weight * row.iter().zip(&*d).map(|(a, d)| a * d).sum::<f64>();
        self.equalities.iter().zip(&mut multipliers.equality).for_each(|(row, multiplier)| *multiplier += along(row));
        for (i, row) in &self.inequalities {
            multipliers.inequality[*i] = (multipliers.inequality[*i] + along(row)).max(0.0);
        }
        for &j in &self.bounds {
            let net = multipliers.upper[j] - multipliers.lower[j] + weight * d[j];
            (multipliers.lower[j], multipliers.upper[j]) = ((-net).max(0.0), net.max(0.0));
        }
    }
}

/// Returns a convex model with the same minimum along the active constraints, and the weight with which these were added. If there
/// is none, returns a model whose eigenvalues are at least `floor`.
pub(super) fn convexified(hessian: &Symmetric, active: &ActiveRows, floor: f64) -> (Symmetric, f64) {
    let n = hessian.rows();
    let size = hessian.largest().max(1e-8);
    let convex = |matrix: &Symmetric| matrix.shifted(-1e-8 * size).cholesky().is_some();
    if convex(hessian) {
        return (hessian.clone(), 0.0);
    }
    let gram = active.gram(n);
    for weight in [1.0, 100.0, 1e4].map(|weight| weight * size) {
        let model = Symmetric::from_fn(n, |i, j| hessian.at(i, j) + weight * gram.at(i, j));
        if convex(&model) {
            return (model, weight);
        }
    }
    let Some(eigen) = hessian.eigen() else { return (Symmetric::identity(n), 0.0) };
    let vectors: Vec<Vec<f64>> = (0..n).map(|k| eigen.vector(k)).collect();
    let values: Vec<f64> = eigen.values.iter().map(|value| value.abs().max(floor).max(1e-8 * size)).collect();
    (Symmetric::from_fn(n, |i, j| (0..n).map(|k| values[k] * vectors[k][i] * vectors[k][j]).sum()), 0.0)
}
