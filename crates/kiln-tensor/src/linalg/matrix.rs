//! A matrix of any shape.

use burn::tensor::{DType, Tensor};
use faer::{Mat, linalg::solvers::Svd as Factors};

use super::{
    registers::clearing,
    vector::{column, entries},
};

/// A matrix with m rows and n columns.
///
/// # Example
/// ```
/// use kiln_tensor::linalg::Matrix;
///
/// let plane = Matrix::from_fn(1, 3, |_, j| [1.0, 1.0, 0.0][j]);
/// let svd = plane.svd().expect("its entries are finite");
/// assert_eq!(svd.rank(1e-12), 1);
/// let within = svd.null_space(1e-12);
/// assert_eq!((within.rows(), within.columns()), (3, 2));
/// assert!(plane.multiply(&within.column(0))[0].abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct Matrix(pub(super) Mat<f64>);

impl Matrix {
    /// Returns the matrix with the entries `f(row, column)`.
    pub fn from_fn(rows: usize, columns: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        Self(Mat::from_fn(rows, columns, f))
    }

    /// Reads a tensor from its device.
    pub fn from_tensor(matrix: Tensor<2>) -> Self {
        let [rows, columns] = matrix.dims();
        let values: Vec<f64> = matrix.cast(DType::F64).into_data().try_into_vec_as().expect("just cast");
        Self::from_fn(rows, columns, |i, j| values[i * columns + j])
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.0.nrows()
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.0.ncols()
    }

    /// Returns an entry.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.0[(row, column)]
    }

    /// Returns a row.
    pub fn row(&self, index: usize) -> Vec<f64> {
        self.0.row(index).iter().copied().collect()
    }

    /// Returns a column.
    pub fn column(&self, index: usize) -> Vec<f64> {
        self.0.col(index).iter().copied().collect()
    }

    /// Returns whether every entry is finite.
    pub fn is_finite(&self) -> bool {
        self.0.is_all_finite()
    }

    /// Returns A·x `[m]`.
    ///
    /// # Panics
    /// If x does not have n entries.
    pub fn multiply(&self, x: &[f64]) -> Vec<f64> {
        clearing(|| entries(&(&self.0 * column(x))))
    }

    /// Returns Aᵀ·y `[n]`.
    ///
    /// # Panics
    /// If y does not have m entries.
    pub fn transpose_multiply(&self, y: &[f64]) -> Vec<f64> {
        clearing(|| entries(&(self.0.transpose() * column(y))))
    }

    /// Returns the singular value decomposition; none if an entry is not finite.
    pub fn svd(&self) -> Option<Svd> {
        if !self.is_finite() {
            return None;
        }
        // Of a tall matrix the vectors of the first n singular values are enough.
        let is_tall = self.rows() > self.columns();
        let svd = clearing(|| if is_tall { self.0.thin_svd() } else { self.0.svd() });
        svd.ok().map(Svd)
    }
}

/// A singular value decomposition A = U·Σ·Vᵀ.
#[derive(Clone, Debug)]
pub struct Svd(Factors<f64>);

impl Svd {
    /// Returns the min(m, n) singular values in decreasing order.
    pub fn values(&self) -> Vec<f64> {
        self.0.S().column_vector().iter().copied().collect()
    }

    /// Returns the number of singular values above `tolerance` times the largest one.
    pub fn rank(&self, tolerance: f64) -> usize {
        let values = self.values();
        let largest = values.first().copied().unwrap_or(0.0);
        values.iter().filter(|&&value| value > tolerance * largest).count()
    }

    /// Returns an orthonormal basis of the null space, {x: A·x = 0}, as columns. Their number is n minus the [`rank`](Self::rank).
    #[must_use]
    pub fn null_space(&self, tolerance: f64) -> Matrix {
        let (rank, v) = (self.rank(tolerance), self.0.V());
        Matrix(v.subcols(rank, v.ncols() - rank).to_owned())
    }

    /// Returns Uᵀ·b, for each singular value.
    ///
    /// # Panics
    /// If b does not have m entries.
    pub fn along(&self, b: &[f64]) -> Vec<f64> {
        let u = self.0.U();
        clearing(|| entries(&(u.subcols(0, self.values().len()).transpose() * column(b))))
    }

    /// Returns V·c `[n]`, with a coefficient for each singular value.
    ///
    /// # Panics
    /// If there are more or fewer coefficients.
    pub fn combined(&self, coefficients: &[f64]) -> Vec<f64> {
        clearing(|| entries(&(self.0.V().subcols(0, self.values().len()) * column(coefficients))))
    }

    /// Returns the shortest x among those that minimise ‖A·x − b‖. Singular values beyond the [`rank`](Self::rank) count as 0.
    pub fn solve(&self, b: &[f64], tolerance: f64) -> Vec<f64> {
        let (rank, values) = (self.rank(tolerance), self.values());
        let (u, v) = (self.0.U(), self.0.V());
        let along: Vec<f64> = clearing(|| entries(&(u.subcols(0, rank).transpose() * column(b))));
        let scaled: Vec<f64> = along.iter().zip(&values).map(|(a, value)| a / value).collect();
        clearing(|| entries(&(v.subcols(0, rank) * column(&scaled))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    #[test]
    fn a_matrix_of_rank_two() {
        // The third row is the sum of the others.
        let rows = [[1.0, 2.0, 0.0, -1.0], [0.0, 1.0, 1.0, 3.0], [1.0, 3.0, 1.0, 2.0]];
        let matrix = Matrix::from_fn(3, 4, |i, j| rows[i][j]);
        let svd = matrix.svd().unwrap();
        assert_eq!(svd.rank(1e-12), 2);
        let within = svd.null_space(1e-12);
        assert_eq!((within.rows(), within.columns()), (4, 2));
        for j in 0..2 {
            let vector = within.column(j);
            assert_close(&matrix.multiply(&vector), &[0.0; 3], 0.0, 1e-14, "A·x, of entries up to 3");
            assert_close(&[vector.iter().map(|x| x * x).sum()], &[1.0], 1e-14, 0.0, "length");
        }
        // The result is the shortest solution, which is a combination of the rows.
        let b = matrix.multiply(&[1.0, -1.0, 2.0, 0.5]);
        let x = svd.solve(&b, 1e-12);
        assert_close(&matrix.multiply(&x), &b, 0.0, 1e-13, "A·x = b, of entries up to 10");
        assert_close(&within.transpose_multiply(&x), &[0.0; 2], 0.0, 1e-13, "nothing of the null space");
        // A·V = U·Σ, so Uᵀ·A·V·c = Σ·c.
        let c = [1.0, -2.0, 0.5];
        let scaled: Vec<f64> = c.iter().zip(svd.values()).map(|(c, value)| c * value).collect();
        assert_close(&svd.along(&matrix.multiply(&svd.combined(&c))), &scaled, 0.0, 1e-13, "Σ·c, of entries up to 10");
    }

    #[test]
    fn what_is_not_finite_has_no_singular_values() {
        assert!(Matrix::from_fn(1, 2, |_, j| [f64::NAN, 1.0][j]).svd().is_none());
    }
}
