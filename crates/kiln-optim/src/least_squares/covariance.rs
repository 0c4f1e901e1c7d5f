//! The covariance of a solution.

use kiln_tensor::linalg::Matrix;

/// A covariance matrix `[n, n]`.
///
/// Entries of unknowns that the data do not determine, and of those that are held at a bound, are NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Covariance {
    n: usize,
    entries: Vec<f64>,
}

/// Singular values below this many machine epsilons of the largest one count as 0, per row or column.
const NONE: f64 = 10.0;

impl Covariance {
    /// (JᵀJ)⁻¹ of the unknowns that are not held.
    pub(super) fn of(jacobian: &Matrix, held: &[usize]) -> Self {
        let n = jacobian.columns();
        let free: Vec<usize> = (0..n).filter(|j| !held.contains(j)).collect();
        let mut entries = vec![f64::NAN; n * n];
        // Scaled columns, so that units do not decide about the rank.
        let norms: Vec<f64> = free.iter().map(|&j| crate::norms::norm(&jacobian.column(j))).collect();
        let scaled = Matrix::from_fn(jacobian.rows(), free.len(), |i, j| {
            jacobian.at(i, free[j]) / if norms[j] > 0.0 { norms[j] } else { 1.0 }
        });
        let Some(svd) = scaled.svd().filter(|_| !free.is_empty()) else { return Self { n, entries } };
        let values = svd.values();
        #[allow(clippy::cast_precision_loss, reason = "a number of rows or columns")]
        let rank = svd.rank(NONE * f64::EPSILON * scaled.rows().max(scaled.columns()) as f64);
        let unit = |k: usize| -> Vec<f64> { (0..values.len()).map(|l| if k == l { 1.0 } else { 0.0 }).collect() };
        let vectors: Vec<Vec<f64>> = (0..values.len()).map(|k| svd.combined(&unit(k))).collect();
        let fewer = free.len() - values.len();
        // An unknown is determined if no direction without curvature moves it.
        let is_determined: Vec<bool> = (0..free.len())
            .map(|j| {
                let within: f64 = vectors[..rank].iter().map(|vector| vector[j] * vector[j]).sum();
                (rank == values.len() && fewer == 0) || within > 1.0 - 1e-10
            })
            .collect();
        for (a, &i) in free.iter().enumerate() {
            for (b, &j) in free.iter().enumerate() {
                if is_determined[a] && is_determined[b] {
                    let sum: f64 = (0..rank).map(|k| vectors[k][a] / values[k] * (vectors[k][b] / values[k])).sum();
                    entries[i * n + j] = sum / norms[a] / norms[b];
                }
            }
        }
        Self { n, entries }
    }

    /// Returns the covariance multiplied by `factor`.
    #[must_use]
    pub fn scaled(mut self, factor: f64) -> Self {
        self.entries.iter_mut().for_each(|entry| *entry *= factor);
        self
    }

    /// Returns the number of unknowns.
    pub fn unknowns(&self) -> usize {
        self.n
    }

    /// Returns the covariance of two unknowns.
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.entries[i * self.n + j]
    }

    /// Returns the standard errors `[n]`, the square roots of the diagonal.
    pub fn standard_errors(&self) -> Vec<f64> {
        (0..self.n).map(|i| self.at(i, i).sqrt()).collect()
    }

    /// Returns the correlation of two unknowns.
    pub fn correlation(&self, i: usize, j: usize) -> f64 {
        if i == j && self.at(i, i).is_finite() { 1.0 } else { self.at(i, j) / (self.at(i, i) * self.at(j, j)).sqrt() }
    }
}
