//! The QR factorisation with column pivoting.

use faer::{
    Conj, Mat,
    dyn_stack::{MemBuffer, MemStack},
    get_global_parallelism,
    linalg::{householder, solvers::ColPivQr},
};

use super::{Matrix, registers::clearing};

/// A factorisation A·P = Q·R, in which P orders the columns so that the diagonal of R decreases.
///
/// A small entry at the end of a graded matrix keeps its digits, unlike a small singular value.
///
/// # Example
/// ```
/// use kiln_tensor::linalg::Matrix;
///
/// let matrix = Matrix::from_fn(3, 2, |i, j| [[0.0, 3.0], [1.0, 0.0], [0.0, 4.0]][i][j]);
/// let qr = matrix.pivoted_qr().expect("its entries are finite");
/// assert_eq!(qr.order(), [1, 0]);
/// assert!((qr.r(0, 0).abs() - 5.0).abs() < 1e-14 && (qr.r(1, 1).abs() - 1.0).abs() < 1e-15);
/// ```
#[derive(Clone, Debug)]
pub struct PivotedQr(ColPivQr<f64>);

impl PivotedQr {
    /// Returns an entry of R `[min(m, n), n]`.
    pub fn r(&self, row: usize, column: usize) -> f64 {
        if row > column { 0.0 } else { self.0.R()[(row, column)] }
    }

    /// Returns the column of A that each column of R belongs to.
    pub fn order(&self) -> Vec<usize> {
        self.0.P().arrays().0.to_vec()
    }

    /// Returns the first min(m, n) entries of Qᵀ·b.
    ///
    /// # Panics
    /// If b does not have m entries.
    pub fn along(&self, b: &[f64]) -> Vec<f64> {
        let (basis, factor) = (self.0.Q_basis(), self.0.Q_coeff());
        let mut product = Mat::from_fn(b.len(), 1, |i, _| b[i]);
        let scratch = householder::apply_block_householder_sequence_transpose_on_the_left_in_place_scratch::<f64>(
            basis.nrows(),
            factor.nrows(),
            1,
        );
        clearing(|| {
            householder::apply_block_householder_sequence_transpose_on_the_left_in_place_with_conj(
                basis,
                factor,
                Conj::No,
                product.as_mut(),
                get_global_parallelism(),
                MemStack::new(&mut MemBuffer::new(scratch)),
            );
        });
        product.col(0).iter().take(basis.nrows().min(self.0.R().ncols())).copied().collect()
    }
}

impl Matrix {
    /// Returns the QR factorisation with column pivoting; none if an entry is not finite.
    pub fn pivoted_qr(&self) -> Option<PivotedQr> {
        self.is_finite().then(|| clearing(|| PivotedQr(self.0.col_piv_qr())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    #[test]
    fn the_factors_are_those_of_the_matrix() {
        let a =
            Matrix::from_fn(5, 3, |i, j| ((i + 1) * (j + 2)) as f64 + if i == j { 3.0 } else { 0.1 * (i * i) as f64 });
        let qr = a.pivoted_qr().unwrap();
        let order = qr.order();
        // AᵀA in the new order is RᵀR, and Aᵀb is RᵀQᵀb.
        for j in 0..3 {
            for k in 0..3 {
                let gram: f64 = (0..5).map(|i| a.at(i, order[j]) * a.at(i, order[k])).sum();
                let square: f64 = (0..3).map(|i| qr.r(i, j) * qr.r(i, k)).sum();
                assert_close(&[square], &[gram], 1e-13, 0.0, "RᵀR");
            }
        }
        let b = [1.0, -2.0, 0.5, 3.0, 0.25];
        let (along, products) = (qr.along(&b), a.transpose_multiply(&b));
        for j in 0..3 {
            let product: f64 = (0..=j).map(|i| qr.r(i, j) * along[i]).sum();
            assert_close(&[product], &[products[order[j]]], 1e-13, 0.0, "RᵀQᵀb");
        }
        assert!(qr.r(0, 0).abs() >= qr.r(1, 1).abs() && qr.r(1, 1).abs() >= qr.r(2, 2).abs());
        assert_eq!(along.len(), 3);
    }

    #[test]
    fn a_tiny_row_keeps_its_digits() {
        // The last equation is 1e-30 of the others.
        let a = Matrix::from_fn(3, 3, |i, j| [[2.0, 1.0, 1.0], [1.0, 2.0, 1.0], [1e-30, 3e-30, 7e-30]][i][j]);
        let qr = a.pivoted_qr().unwrap();
        let determinant: f64 = (0..3).map(|i| qr.r(i, i)).product();
        assert_close(&[determinant.abs()], &[17e-30], 1e-13, 0.0, "the determinant");
    }
}
