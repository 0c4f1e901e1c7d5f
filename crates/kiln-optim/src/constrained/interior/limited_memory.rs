//! The Hessian of the Lagrangian, estimated from gradients by limited-memory BFGS.

use std::collections::VecDeque;

use kiln_tensor::linalg::Symmetric;

use crate::norms::dot;

/// Number of steps that are remembered, as in Ipopt.
const MEMORY: usize = 6;
/// The limits of σ.
const SIGMA: (f64, f64) = (1e-8, 1e8);

/// B = σ·I − V·M⁻¹·Vᵀ with V = [σ·S, Y] and M = [σ·SᵀS, L; Lᵀ, −D]: the steps are the columns of S, and the changes of ∇L those of Y (Byrd,
/// Nocedal and Schnabel, *Representations of quasi-Newton matrices*, 1994, theorem 2.3). It is positive definite.
#[derive(Clone, Debug)]
pub(super) struct LimitedMemory {
    pairs: VecDeque<(Vec<f64>, Vec<f64>)>,
    sigma: f64,
}

/// The low-rank part of B, −V·M⁻¹·Vᵀ.
#[derive(Clone, Debug)]
pub(super) struct LowRank {
    /// The columns of V.
    pub(super) columns: Vec<Vec<f64>>,
    pub(super) middle: Symmetric,
}

impl LimitedMemory {
    pub(super) fn new() -> Self {
        Self { pairs: VecDeque::new(), sigma: 1.0 }
    }

    /// σ.
    pub(super) fn sigma(&self) -> f64 {
        self.sigma
    }

    /// None as long as nothing is known.
    pub(super) fn low_rank(&self) -> Option<LowRank> {
        let (k, sigma) = (self.pairs.len(), self.sigma);
        if k == 0 {
            return None;
        }
        let scaled = self.pairs.iter().map(|(s, _)| s.iter().map(|s| sigma * s).collect::<Vec<f64>>());
        let columns = scaled.chain(self.pairs.iter().map(|(_, y)| y.clone())).collect();
        let (s, y) = (|i: usize| &self.pairs[i].0, |i: usize| &self.pairs[i].1);
        // Row ≥ column.
        let middle = Symmetric::from_fn(2 * k, |i, j| match (i < k, j < k) {
            (true, true) => sigma * dot(s(i), s(j)),
            (false, false) if i == j => -dot(s(i - k), y(i - k)),
            (false, false) => 0.0,
            // The transpose of L, which is below its diagonal.
            _ if j > i - k => dot(s(j), y(i - k)),
            _ => 0.0,
        });
        Some(LowRank { columns, middle })
    }

    /// B·v.
    pub(super) fn multiply(&self, v: &[f64]) -> Vec<f64> {
        let mut out: Vec<f64> = v.iter().map(|v| self.sigma * v).collect();
        if let Some(low_rank) = self.low_rank() {
            low_rank.add_product(v, &mut out);
        }
        out
    }

    /// Learns that ∇L changed by y along a step s. Powell's damping keeps B positive definite.
    pub(super) fn learn(&mut self, s: &[f64], y: &[f64]) {
        let bs = self.multiply(s);
        let (curvature, learnt) = (dot(s, &bs), dot(s, y));
        let theta = if learnt >= 0.2 * curvature { 1.0 } else { 0.8 * curvature / (curvature - learnt) };
        let y: Vec<f64> = y.iter().zip(&bs).map(|(y, bs)| theta * y + (1.0 - theta) * bs).collect();
        let along = dot(s, &y);
        if !(along > 0.0 && along.is_finite() && curvature > 0.0) {
            return;
        }
        if self.pairs.len() == MEMORY {
            self.pairs.pop_front();
        }
        self.sigma = (along / dot(s, s)).clamp(SIGMA.0, SIGMA.1);
        self.pairs.push_back((s.to_vec(), y));
    }
}

impl LowRank {
    /// Adds −V·M⁻¹·Vᵀ·v.
    pub(super) fn add_product(&self, v: &[f64], out: &mut [f64]) {
        let along: Vec<f64> = self.columns.iter().map(|column| dot(column, v)).collect();
        let weights = self.middle.ldlt().solve(&along);
        for (weight, column) in weights.iter().zip(&self.columns) {
            out.iter_mut().zip(column).for_each(|(out, column)| *out -= weight * column);
        }
    }
}

#[cfg(test)]
mod tests {
    use kiln_testkit::assert_close;

    use super::*;

    /// The compact form is that of the updates one by one (Nocedal and Wright, 2006, equation 6.19).
    #[test]
    fn it_is_the_matrix_of_the_updates() {
        let hessian = Symmetric::from_fn(4, |i, j| if i == j { 2.0 + i as f64 } else { 0.3 });
        let steps = [[1.0, 0.2, -0.3, 0.1], [0.1, -1.0, 0.4, 0.2], [0.5, 0.5, 0.5, -2.0]];
        let mut model = LimitedMemory::new();
        steps.iter().for_each(|s| model.learn(s, &hessian.multiply(s)));
        let mut b = Symmetric::from_fn(4, |i, j| if i == j { model.sigma() } else { 0.0 });
        for s in &steps {
            let (y, bs) = (hessian.multiply(s), b.multiply(s));
            let (sy, sbs) = (dot(s, &y), dot(s, &bs));
            let old = b.clone();
            b = Symmetric::from_fn(4, |i, j| old.at(i, j) - bs[i] * bs[j] / sbs + y[i] * y[j] / sy);
        }
        let v = [0.7, -0.2, 1.0, 0.4];
        assert_close(&model.multiply(&v), &b.multiply(&v), 1e-12, 1e-12, "B·v");
        // The secant equation of the last step.
        assert_close(&model.multiply(&steps[2]), &hessian.multiply(&steps[2]), 1e-12, 1e-12, "B·s = y");
    }

    #[test]
    fn it_stays_positive_definite() {
        let mut model = LimitedMemory::new();
        for k in 0..20 {
            let angle = f64::from(k);
            let s = [angle.cos(), angle.sin(), 0.5];
            // Negative curvature in the second variable.
            model.learn(&s, &[3.0 * s[0], -2.0 * s[1], s[2]]);
            let rows: Vec<Vec<f64>> =
                (0..3).map(|i| model.multiply(&[0, 1, 2].map(|j| if i == j { 1.0 } else { 0.0 }))).collect();
            assert!(Symmetric::from_fn(3, |i, j| rows[i][j]).cholesky().is_some(), "after {k} steps");
        }
    }
}
