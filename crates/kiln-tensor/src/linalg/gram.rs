//! Products Aᵀ·B of matrices with many rows and few columns.

use faer::{
    Accum, MatMut, MatRef, Par,
    linalg::matmul::{
        matmul,
        triangular::{self, BlockStructure},
    },
};

use super::registers::clearing;

/// Adds Aᵀ·B `[a, b]` to `out`, in row-major order. A `[n, a]` and B `[n, b]` are stored column by column.
///
/// With `symmetric`, the caller knows that Aᵀ·B is symmetric, and only the entries with row ≥ column are computed.
///
/// # Panics
/// If the numbers of entries do not fit.
///
/// # Example
/// ```
/// use kiln_tensor::linalg::add_gram;
///
/// // Rows (1, 2) and (3, 4).
/// let a = [1.0, 3.0, 2.0, 4.0];
/// let mut out = [0.0; 4];
/// add_gram(&mut out, &a, &a, 2, false);
/// assert_eq!(out, [10.0, 14.0, 14.0, 20.0]);
/// ```
pub fn add_gram(out: &mut [f64], a: &[f64], b: &[f64], n: usize, symmetric: bool) {
    let matrix = |values| MatRef::from_column_major_slice(values, n, values.len() / n.max(1));
    let (a, b): (MatRef<'_, f64>, MatRef<'_, f64>) = (matrix(a), matrix(b));
    let out = MatMut::from_row_major_slice_mut(out, a.ncols(), b.ncols());
    clearing(|| {
        if symmetric {
            let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
            triangular::matmul(out, lower, Accum::Add, a.transpose(), full, b, full, 1.0, Par::Seq);
        } else {
            matmul(out, Accum::Add, a.transpose(), b, 1.0, Par::Seq);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    #[test]
    fn products_are_added_and_the_lower_half_is_enough() {
        // Rows (1, 2, 3) and (4, 5, 6), column by column.
        let values = [1.0, 4.0, 2.0, 5.0, 3.0, 6.0];
        let mut out = [1.0; 2];
        add_gram(&mut out, &values[4..], &values[..4], 2, false);
        assert_close(&out, &[28.0, 37.0], 0.0, 0.0, "3·1 + 6·4 and 3·2 + 6·5, plus the 1 that was there");
        let mut out = [0.0; 4];
        add_gram(&mut out, &values[..4], &values[..4], 2, true);
        assert_close(&out, &[17.0, 0.0, 22.0, 29.0], 0.0, 0.0, "the lower half");
    }
}
