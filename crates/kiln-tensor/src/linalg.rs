//! Dense linear algebra for small matrices, on the host in f64, by the `faer` crate.
//!
//! It serves problems of at most some thousands of rows: a Newton step, a covariance from a Hessian, the rank of active
//! constraints. Solve larger systems with conjugate gradients.
//!
//! # Example
//! ```
//! use kiln_tensor::linalg::Symmetric;
//!
//! let matrix = Symmetric::from_fn(2, |i, j| if i == j { 2.0 } else { 1.0 });
//! let x = matrix.cholesky().expect("it is positive definite").solve(&[3.0, 3.0]);
//! assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-15));
//! ```

mod gram;
mod matrix;
mod qr;
mod registers;
mod vector;

use burn::tensor::{DType, Tensor};
use faer::{
    Mat, Side,
    linalg::solvers::{DenseSolveCore, Lblt, Llt, Solve},
};

pub use self::{
    gram::add_gram,
    matrix::{Matrix, Svd},
    qr::PivotedQr,
};
use self::{
    registers::clearing,
    vector::{column, entries},
};

/// A symmetric matrix with n rows.
///
/// # Example
/// ```
/// use kiln_tensor::linalg::Symmetric;
///
/// let matrix = Symmetric::from_fn(2, |i, j| if i == j { 2.0 } else { 1.0 });
/// let eigen = matrix.eigen().expect("its entries are finite");
/// assert!((eigen.values[0] - 1.0).abs() < 1e-15 && (eigen.values[1] - 3.0).abs() < 1e-14);
/// ```
#[derive(Clone, Debug)]
pub struct Symmetric(Mat<f64>);

impl Symmetric {
    /// Returns the matrix with the entries `f(row, column)`. Only entries with row ≥ column are used.
    pub fn from_fn(n: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        Self(Mat::from_fn(n, n, |i, j| f(i.max(j), i.min(j))))
    }

    /// Returns the identity matrix.
    pub fn identity(n: usize) -> Self {
        Self(Mat::identity(n, n))
    }

    /// Returns the largest absolute entry; 0 without rows.
    pub fn largest(&self) -> f64 {
        self.0.norm_max()
    }

    /// Reads a square tensor from its device.
    ///
    /// # Panics
    /// If it is not square.
    pub fn from_tensor(matrix: Tensor<2>) -> Self {
        let [n, m] = matrix.dims();
        assert_eq!(n, m, "a symmetric matrix is square");
        let values: Vec<f64> = matrix.cast(DType::F64).into_data().try_into_vec_as().expect("just cast");
        Self::from_fn(n, |i, j| values[i * n + j])
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.0.nrows()
    }

    /// Returns an entry.
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.0[(row, column)]
    }

    /// Returns whether every entry is finite.
    pub fn is_finite(&self) -> bool {
        self.0.is_all_finite()
    }

    /// Returns the matrix with `shift` added to its diagonal.
    #[must_use]
    pub fn shifted(&self, shift: f64) -> Self {
        let mut matrix = self.0.clone();
        (0..self.rows()).for_each(|i| matrix[(i, i)] += shift);
        Self(matrix)
    }

    /// Returns the product with a vector.
    pub fn multiply(&self, vector: &[f64]) -> Vec<f64> {
        clearing(|| entries(&(&self.0 * column(vector))))
    }

    /// Returns Bᵀ·A·B.
    ///
    /// # Panics
    /// If B has another number of rows.
    #[must_use]
    pub fn restricted(&self, basis: &Matrix) -> Self {
        let product = clearing(|| basis.0.transpose() * &self.0 * &basis.0);
        Self::from_fn(product.nrows(), |i, j| 0.5 * (product[(i, j)] + product[(j, i)]))
    }

    /// Returns the Cholesky factorisation L·Lᵀ if the matrix is positive definite.
    pub fn cholesky(&self) -> Option<Cholesky> {
        if !self.is_finite() {
            return None;
        }
        clearing(|| self.0.llt(Side::Lower)).ok().map(Cholesky)
    }

    /// Returns the factorisation P·L·D·Lᵀ·Pᵀ of any symmetric matrix, with blocks of one and two rows in D (Bunch and Kaufman,
    /// 1977).
    pub fn ldlt(&self) -> Ldlt {
        Ldlt(clearing(|| self.0.lblt(Side::Lower)))
    }

    /// Returns all eigenvalues and eigenvectors; none if an entry is not finite.
    pub fn eigen(&self) -> Option<Eigen> {
        if !self.is_finite() {
            return None;
        }
        if self.rows() == 0 {
            return Some(Eigen { values: Vec::new(), vectors: Mat::new() });
        }
        let eigen = clearing(|| self.0.self_adjoint_eigen(Side::Lower)).ok()?;
        let values = eigen.S().column_vector().iter().copied().collect();
        Some(Eigen { values, vectors: eigen.U().to_owned() })
    }
}

/// A Cholesky factorisation.
#[derive(Clone, Debug)]
pub struct Cholesky(Llt<f64>);

impl Cholesky {
    /// Solves A·x = b.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        clearing(|| entries(&self.0.solve(column(b))))
    }

    /// Returns A⁻¹.
    pub fn inverse(&self) -> Symmetric {
        let inverse = clearing(|| self.0.inverse());
        Symmetric::from_fn(inverse.nrows(), |i, j| inverse[(i, j)])
    }

    /// Returns ln det A.
    pub fn log_determinant(&self) -> f64 {
        let factor = self.0.L();
        2.0 * (0..factor.nrows()).map(|i| factor[(i, i)].ln()).sum::<f64>()
    }
}

/// A factorisation with pivots of either sign.
#[derive(Clone, Debug)]
pub struct Ldlt(Lblt<f64>);

impl Ldlt {
    /// Returns the numbers of positive, negative and zero eigenvalues of A, which are those of D (Sylvester's law of inertia).
    pub fn inertia(&self) -> [usize; 3] {
        let (diagonal, below) = (self.0.B_diag().column_vector(), self.0.B_subdiag().column_vector());
        let (mut counts, mut k) = ([0; 3], 0);
        let mut count = |value: f64| {
            counts[if value > 0.0 {
                0
            } else if value < 0.0 {
                1
            } else {
                2
            }] += 1
        };
        while k < diagonal.nrows() {
            let (a, c) = (diagonal[k], if k + 1 < diagonal.nrows() { below[k] } else { 0.0 });
            if c == 0.0 {
                count(a);
                k += 1;
                continue;
            }
            let b = diagonal[k + 1];
            let determinant = a * b - c * c;
            // A block of two rows with a determinant below 0 has one eigenvalue of each sign.
            count(if determinant < 0.0 { 1.0 } else { a + b });
            count(if determinant < 0.0 {
                -1.0
            } else if determinant > 0.0 {
                a + b
            } else {
                0.0
            });
            k += 2;
        }
        counts
    }

    /// Solves A·x = b. The result is not finite if A is singular.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        clearing(|| entries(&self.0.solve(column(b))))
    }
}

/// Eigenvalues, with eigenvectors of length 1.
#[derive(Clone, Debug)]
pub struct Eigen {
    /// The eigenvalues in increasing order.
    pub values: Vec<f64>,
    vectors: Mat<f64>,
}

impl Eigen {
    /// Returns the eigenvector of an eigenvalue.
    pub fn vector(&self, index: usize) -> Vec<f64> {
        self.vectors.col(index).iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    /// The Hilbert matrix, whose inverse has integer entries.
    #[allow(clippy::cast_precision_loss, reason = "small indices")]
    fn hilbert(n: usize) -> Symmetric {
        Symmetric::from_fn(n, |i, j| 1.0 / (i + j + 1) as f64)
    }

    #[test]
    fn hilberts_matrix_is_solved_and_inverted() {
        // The condition number is 1.6e4, which magnifies rounding.
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
        assert!(Symmetric::identity(0).eigen().unwrap().values.is_empty());
    }

    #[test]
    fn a_factorisation_counts_the_signs_of_eigenvalues() {
        let of = |n: usize, f: fn(usize, usize) -> f64| Symmetric::from_fn(n, f).ldlt().inertia();
        assert_eq!(of(3, |i, j| if i == j { [2.0, -1.0, 3.0][i] } else { 0.0 }), [2, 1, 0]);
        assert_eq!(of(2, |i, j| if i == j { 0.0 } else { 1.0 }), [1, 1, 0], "a block of two rows");
        // Two unknowns under one constraint.
        let matrix = |i: usize, j: usize| [[2.0, 0.0, 1.0], [0.0, 3.0, -1.0], [1.0, -1.0, 0.0]][i][j];
        assert_eq!(of(3, matrix), [2, 1, 0]);
        assert_eq!(of(2, |_, _| 0.0), [0, 0, 2]);
    }

    #[test]
    fn a_tensor_of_f32_is_read_in_f64() {
        let tensor = Tensor::<2>::from_data([[2.0, 1.0], [1.0, 3.0]], &burn::tensor::Device::default());
        assert_close(&Symmetric::from_tensor(tensor).multiply(&[1.0, 1.0]), &[3.0, 4.0], 0.0, 0.0, "exact in f32");
    }
}
