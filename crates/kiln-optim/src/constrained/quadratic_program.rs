//! Quadratic programmes with sparse matrices.

use super::SparseProblem;

/// An entry of a sparse matrix: row, column and value.
type Entry = (usize, usize, f64);

/// The problem to minimise ½·xᵀ·Q·x + cᵀ·x subject to A·x = b, G·x ≤ d and bounds on x, with sparse matrices.
///
/// Q need not be convex, but then the solution is a local minimum.
///
/// # Example
/// A portfolio of three assets with the smallest variance among those with an expected return of at least 0.08:
///
/// ```
/// use kiln_optim::constrained::{ConstrainedStop, InteriorPoint, QuadraticProgram, minimize_sparse};
///
/// let portfolio = QuadraticProgram::new(vec![0.0; 3], [(0, 0, 0.04), (1, 1, 0.09), (2, 1, 0.02), (2, 2, 0.01)])
///     .equality([(0, 0, 1.0), (0, 1, 1.0), (0, 2, 1.0)], [1.0])
///     .inequality([(0, 0, -0.09), (0, 1, -0.12), (0, 2, -0.05)], [-0.08])
///     .within(vec![0.0; 3], vec![f64::INFINITY; 3]);
/// let solution = minimize_sparse(&portfolio, &[1.0 / 3.0; 3], &InteriorPoint::default(), &ConstrainedStop::default())?;
/// let x = solution.outcome.to_vec();
/// assert!(solution.outcome.success && (x.iter().sum::<f64>() - 1.0).abs() < 1e-9);
/// assert!(0.09 * x[0] + 0.12 * x[1] + 0.05 * x[2] > 0.08 - 1e-9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QuadraticProgram {
    linear: Vec<f64>,
    /// The lower half of Q.
    quadratic: Vec<Entry>,
    /// The rows of A, then those of G.
    rows: Vec<Entry>,
    right: Vec<f64>,
    equalities: usize,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl QuadraticProgram {
    /// Returns the programme with the linear part c `[n]` and the entries of the lower half of Q: row ≥ column. Entries with the same place
    /// are added.
    pub fn new(linear: Vec<f64>, quadratic: impl IntoIterator<Item = (usize, usize, f64)>) -> Self {
        let n = linear.len();
        Self {
            linear,
            quadratic: quadratic.into_iter().collect(),
            lower: vec![f64::NEG_INFINITY; n],
            upper: vec![f64::INFINITY; n],
            ..Self::default()
        }
    }

    /// Adds the rows A·x = b. The rows of `entries` are counted from 0 in each call.
    #[must_use]
    pub fn equality(
        mut self,
        entries: impl IntoIterator<Item = (usize, usize, f64)>,
        right: impl IntoIterator<Item = f64>,
    ) -> Self {
        let (before, right): (usize, Vec<f64>) = (self.equalities, right.into_iter().collect());
        self.rows.iter_mut().filter(|(row, ..)| *row >= before).for_each(|(row, ..)| *row += right.len());
        self.rows.extend(entries.into_iter().map(|(row, column, value)| (before + row, column, value)));
        self.equalities += right.len();
        self.right.splice(before..before, right);
        self
    }

    /// Adds the rows G·x ≤ d. The rows of `entries` are counted from 0 in each call.
    #[must_use]
    pub fn inequality(
        mut self,
        entries: impl IntoIterator<Item = (usize, usize, f64)>,
        right: impl IntoIterator<Item = f64>,
    ) -> Self {
        let before = self.right.len();
        self.rows.extend(entries.into_iter().map(|(row, column, value)| (before + row, column, value)));
        self.right.extend(right);
        self
    }

    /// Keeps x within bounds, `[n]` each; −∞ and ∞ mean no bound.
    #[must_use]
    pub fn within(mut self, lower: Vec<f64>, upper: Vec<f64>) -> Self {
        (self.lower, self.upper) = (lower, upper);
        self
    }

    /// Adds Q·x to `out`.
    fn add_product(&self, x: &[f64], out: &mut [f64]) {
        for &(row, column, value) in &self.quadratic {
            out[row] += value * x[column];
            if row != column {
                out[column] += value * x[row];
            }
        }
    }
}

impl SparseProblem for QuadraticProgram {
    fn unknowns(&self) -> usize {
        self.linear.len()
    }

    fn equalities(&self) -> usize {
        self.equalities
    }

    fn inequalities(&self) -> usize {
        self.right.len() - self.equalities
    }

    fn bounds(&self) -> (Vec<f64>, Vec<f64>) {
        (self.lower.clone(), self.upper.clone())
    }

    fn objective(&self, x: &[f64]) -> f64 {
        let mut product = vec![0.0; x.len()];
        self.add_product(x, &mut product);
        x.iter().zip(product.iter().zip(&self.linear)).map(|(x, (product, c))| x * (0.5 * product + c)).sum()
    }

    fn gradient(&self, x: &[f64], gradient: &mut [f64]) {
        gradient.copy_from_slice(&self.linear);
        self.add_product(x, gradient);
    }

    fn constraints(&self, x: &[f64], values: &mut [f64]) {
        values.iter_mut().zip(&self.right).for_each(|(value, right)| *value = -right);
        self.rows.iter().for_each(|&(row, column, value)| values[row] += value * x[column]);
    }

    fn jacobian_places(&self) -> Vec<(usize, usize)> {
        self.rows.iter().map(|&(row, column, _)| (row, column)).collect()
    }

    fn jacobian(&self, _: &[f64], values: &mut [f64]) {
        values.iter_mut().zip(&self.rows).for_each(|(value, row)| *value = row.2);
    }

    fn hessian_places(&self) -> Vec<(usize, usize)> {
        self.quadratic.iter().map(|&(row, column, _)| (row, column)).collect()
    }

    fn hessian(&self, _: &[f64], factor: f64, _: &[f64], values: &mut [f64]) {
        values.iter_mut().zip(&self.quadratic).for_each(|(value, entry)| *value = factor * entry.2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp, reason = "whole numbers")]
    fn rows_may_be_added_in_any_order() {
        let programme = QuadraticProgram::new(vec![1.0, 2.0], [(0, 0, 2.0), (1, 0, 3.0)])
            .inequality([(0, 1, 5.0)], [7.0])
            .equality([(0, 0, 1.0)], [4.0])
            .inequality([(0, 0, 6.0)], [8.0])
            .equality([(0, 1, 2.0)], [9.0]);
        let mut values = vec![0.0; 4];
        programme.constraints(&[10.0, 100.0], &mut values);
        // The equalities are first.
        assert_eq!(values, [10.0 - 4.0, 200.0 - 9.0, 500.0 - 7.0, 60.0 - 8.0]);
        assert_eq!((programme.equalities(), programme.inequalities()), (2, 2));
        // ½·(2·100 + 2·3·1000) + 10 + 200.
        assert_eq!(programme.objective(&[10.0, 100.0]), 100.0 + 3000.0 + 210.0);
        let mut gradient = vec![0.0; 2];
        programme.gradient(&[10.0, 100.0], &mut gradient);
        assert_eq!(gradient, [1.0 + 20.0 + 300.0, 2.0 + 30.0]);
    }
}
