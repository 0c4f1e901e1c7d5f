//! Proofs that columns do not depend on each other.

/// The share of a column's sum of squares that is left beside the columns before it, above which the Gram matrix proves that it is
/// independent. Rounding there is about 1e-16 times the number of columns.
const INDEPENDENT: f64 = 1e-6;

/// Returns whether a Cholesky factorisation of the Gram matrix of columns of length 1, in row-major order, shows that each column has
/// much of its own. The matrix is overwritten. Only its lower half is used.
pub(crate) fn is_clearly_definite(gram: &mut [f64], d: usize) -> bool {
    for j in 0..d {
        for k in 0..j {
            let factor = gram[j * d + k];
            for i in j..d {
                gram[i * d + j] -= gram[i * d + k] * factor;
            }
        }
        let pivot = gram[j * d + j];
        if pivot.is_nan() || pivot < INDEPENDENT {
            return false;
        }
        let root = pivot.sqrt();
        (j..d).for_each(|i| gram[i * d + j] /= root);
    }
    true
}
