//! Dense linear algebra for small matrices, on the host and in f64, by the `faer` crate.
//!
//! A Newton step, a covariance from a Hessian, the rank of the constraints that hold a point: what has at most some thousands of
//! rows. Larger systems are solved by products, with conjugate gradients.
//!
//! ```
//! use kiln_tensor::linalg::Symmetric;
//!
//! let matrix = Symmetric::from_fn(2, |i, j| if i == j { 2.0 } else { 1.0 });
//! let factor = matrix.cholesky().expect("its eigenvalues are 1 and 3");
//! let x = factor.solve(&[3.0, 3.0]);
//! assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-15));
//! ```

mod matrix;

use burn::tensor::{DType, Tensor};
use faer::{
    Mat, Side,
    linalg::solvers::{DenseSolveCore, Lblt, Llt, Solve},
};

pub use self::matrix::{Matrix, Svd};

/// A symmetric matrix of n rows.
#[derive(Clone, Debug)]
pub struct Symmetric(Mat<f64>);

impl Symmetric {
    /// The matrix with the entries `f(row, column)`, of which those with row ≥ column count.
    pub fn from_fn(n: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        Self(Mat::from_fn(n, n, |i, j| f(i.max(j), i.min(j))))
    }

    /// The matrix of ones along the diagonal.
    pub fn identity(n: usize) -> Self {
        Self(Mat::identity(n, n))
    }

    /// The largest absolute value of an entry; 0 of no rows.
    pub fn largest(&self) -> f64 {
        self.0.norm_max()
    }

    /// Reads a square tensor back from its device.
    ///
    /// # Panics
    /// When it is not square.
    pub fn from_tensor(matrix: Tensor<2>) -> Self {
        let [n, m] = matrix.dims();
        assert_eq!(n, m, "a symmetric matrix is square");
        let values: Vec<f64> = matrix.cast(DType::F64).into_data().try_into_vec_as().expect("just cast");
        Self::from_fn(n, |i, j| values[i * n + j])
    }

    /// Its number of rows.
    pub fn rows(&self) -> usize {
        self.0.nrows()
    }

    /// An entry.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.0[(row, column)]
    }

    /// Whether every entry is finite.
    pub fn is_finite(&self) -> bool {
        self.0.is_all_finite()
    }

    /// The matrix with `shift` added along its diagonal.
    #[must_use]
    pub fn shifted(&self, shift: f64) -> Self {
        let mut matrix = self.0.clone();
        (0..self.rows()).for_each(|i| matrix[(i, i)] += shift);
        Self(matrix)
    }

    /// Its product with a vector.
    pub fn multiply(&self, vector: &[f64]) -> Vec<f64> {
        entries(&(&self.0 * column(vector)))
    }

    /// Bᵀ·A·B.
    ///
    /// # Panics
    /// When B has another number of rows.
    #[must_use]
    pub fn restricted(&self, basis: &Matrix) -> Self {
        let product = basis.0.transpose() * &self.0 * &basis.0;
        Self::from_fn(product.nrows(), |i, j| 0.5 * (product[(i, j)] + product[(j, i)]))
    }

    /// L·Lᵀ, where the matrix is positive definite.
    pub fn cholesky(&self) -> Option<Cholesky> {
        if !self.is_finite() {
            return None;
        }
        self.0.llt(Side::Lower).ok().map(Cholesky)
    }

    /// P·L·D·Lᵀ·Pᵀ with blocks of one and two rows in D (Bunch and Kaufman, 1977), for any symmetric matrix.
    pub fn ldlt(&self) -> Ldlt {
        Ldlt(self.0.lblt(Side::Lower))
    }

    /// All eigenvalues and eigenvectors; none where an entry is not finite.
    pub fn eigen(&self) -> Option<Eigen> {
        if !self.is_finite() {
            return None;
        }
        let eigen = self.0.self_adjoint_eigen(Side::Lower).ok()?;
        let values = eigen.S().column_vector().iter().copied().collect();
        Some(Eigen { values, vectors: eigen.U().to_owned() })
    }
}

/// A matrix's Cholesky factor.
#[derive(Clone, Debug)]
pub struct Cholesky(Llt<f64>);

impl Cholesky {
    /// The x with A·x = b.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        entries(&self.0.solve(column(b)))
    }

    /// A⁻¹.
    pub fn inverse(&self) -> Symmetric {
        let inverse = self.0.inverse();
        Symmetric::from_fn(inverse.nrows(), |i, j| inverse[(i, j)])
    }

    /// ln det A.
    pub fn log_determinant(&self) -> f64 {
        let factor = self.0.L();
        2.0 * (0..factor.nrows()).map(|i| factor[(i, i)].ln()).sum::<f64>()
    }
}

/// A matrix's factors with pivots of either sign.
#[derive(Clone, Debug)]
pub struct Ldlt(Lblt<f64>);

impl Ldlt {
    /// The x with A·x = b; not finite where A is singular.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        entries(&self.0.solve(column(b)))
    }
}

/// Eigenvalues, and eigenvectors of length 1.
#[derive(Clone, Debug)]
pub struct Eigen {
    /// From the smallest.
    pub values: Vec<f64>,
    vectors: Mat<f64>,
}

impl Eigen {
    /// The eigenvector of an eigenvalue.
    pub fn vector(&self, index: usize) -> Vec<f64> {
        self.vectors.col(index).iter().copied().collect()
    }
}

fn column(vector: &[f64]) -> Mat<f64> {
    Mat::from_fn(vector.len(), 1, |i, _| vector[i])
}

fn entries(column: &Mat<f64>) -> Vec<f64> {
    column.col(0).iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    /// The Hilbert matrix, whose inverse is known in whole numbers.
    #[allow(clippy::cast_precision_loss, reason = "small indices")]
    fn hilbert(n: usize) -> Symmetric {
        Symmetric::from_fn(n, |i, j| 1.0 / (i + j + 1) as f64)
    }

    #[test]
    fn hilberts_matrix_is_solved_and_inverted() {
        // The condition number is 1.6e4; rounding is magnified by it.
        let (matrix, tolerance) = (hilbert(4), 1.6e4 * 4.0 * f64::EPSILON);
        let inverse = matrix.cholesky().unwrap().inverse();
        let first: Vec<f64> = (0..4).map(|j| inverse.at(0, j)).collect();
        assert_close(&first, &[16.0, -120.0, 240.0, -140.0], tolerance, 0.0, "the inverse");
        let b = matrix.multiply(&[1.0, 2.0, 3.0, 4.0]);
        for x in [matrix.cholesky().unwrap().solve(&b), matrix.ldlt().solve(&b)] {
            assert_close(&x, &[1.0, 2.0, 3.0, 4.0], tolerance, 0.0, "the solution");
        }
        // Its determinant is 1 / 6048000.
        let log_determinant = matrix.cholesky().unwrap().log_determinant();
        assert_close(&[log_determinant], &[-6_048_000f64.ln()], tolerance, 0.0, "ln det");
    }

    #[test]
    fn eigenvalues_of_the_second_difference() {
        let n = 12;
        let matrix = Symmetric::from_fn(n, |i, j| [2.0, -1.0, 0.0][(i - j).min(2)]);
        let eigen = matrix.eigen().unwrap();
        #[allow(clippy::cast_precision_loss, reason = "small indices")]
        let expected: Vec<f64> =
            (1..=n).map(|k| 2.0 - 2.0 * (std::f64::consts::PI * k as f64 / (n + 1) as f64).cos()).collect();
        assert_close(&eigen.values, &expected, 0.0, 1e-14, "eigenvalues, of a matrix of norm 4");
        let (value, vector) = (eigen.values[3], eigen.vector(3));
        let expected: Vec<f64> = vector.iter().map(|x| value * x).collect();
        assert_close(&matrix.multiply(&vector), &expected, 0.0, 1e-14, "its eigenvector");
    }

    #[test]
    fn what_has_no_factor_has_none() {
        let saddle = Symmetric::from_fn(2, |i, j| if i == j { 0.0 } else { 1.0 });
        assert!(saddle.cholesky().is_none());
        assert_close(&saddle.ldlt().solve(&[1.0, 2.0]), &[2.0, 1.0], 1e-15, 0.0, "a matrix with eigenvalues ±1");
        assert!(saddle.shifted(1.5).cholesky().is_some());
        let broken = Symmetric::from_fn(2, |_, _| f64::NAN);
        assert!(broken.cholesky().is_none() && broken.eigen().is_none());
    }

    #[test]
    fn a_tensor_of_f32_is_read_in_f64() {
        let tensor = Tensor::<2>::from_data([[2.0, 1.0], [1.0, 3.0]], &burn::tensor::Device::default());
        assert_close(&Symmetric::from_tensor(tensor).multiply(&[1.0, 1.0]), &[3.0, 4.0], 0.0, 0.0, "exact in f32");
    }
}
