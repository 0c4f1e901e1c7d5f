//! The triangle of a QR factorisation, found in blocks of rows.

use std::ops::Range;

use crate::blocks::map;

/// What turns the factors of an orthonormal basis into those of the features.
#[derive(Debug)]
pub(super) struct Triangle {
    /// Feature j as a sum of the first j + 1 vectors, at unit length.
    pub(super) rows: Vec<Vec<f64>>,
    pub(super) means: Vec<f64>,
    pub(super) lengths: Vec<f64>,
}

impl Triangle {
    /// Turns scaled columns of n numbers into the basis.
    pub(super) fn orthonormalise(&self, columns: &mut [f64], n: usize, scale: &[f64]) {
        for (j, row) in self.rows.iter().enumerate() {
            let (before, rest) = columns.split_at_mut(j * n);
            let column = &mut rest[..n];
            let unit = scale[j] / self.lengths[j];
            column.iter_mut().for_each(|x| *x *= unit);
            for (part, earlier) in row.iter().zip(before.chunks_exact(n.max(1))) {
                column.iter_mut().zip(earlier).for_each(|(x, q)| *x -= part * q);
            }
            column.iter_mut().for_each(|x| *x /= row[j]);
        }
    }

    /// Returns the coefficients of the features in their own units, and what they add to the intercept.
    pub(super) fn in_own_units(&self, scaled: &[f64]) -> (Vec<f64>, f64) {
        let mut own = scaled.to_vec();
        for j in (0..own.len()).rev() {
            own[j] /= self.rows[j][j];
            let factor = own[j];
            for (i, entry) in own.iter_mut().enumerate().take(j) {
                *entry -= factor * self.rows[j][i];
            }
        }
        own.iter_mut().zip(&self.lengths).for_each(|(b, length)| *b /= length);
        let constant = -own.iter().zip(&self.means).map(|(b, mean)| b * mean).sum::<f64>();
        (own, constant)
    }
}

/// Returns the triangle R of a QR factorisation of d columns, in row-major order. `fill` writes some rows column by column. Blocks come
/// in parts, whose triangles are found in parallel.
///
/// # References
/// Demmel, Grigori, Hoemmen and Langou (2012), *Communication-optimal parallel and sequential QR and LU factorizations*, section 4.
pub(super) fn factor(
    parts: &[Vec<Range<usize>>],
    d: usize,
    fill: impl Fn(Range<usize>, &mut [f64], &mut Vec<f64>) + Sync,
) -> Vec<f64> {
    let of_part = |blocks: &Vec<Range<usize>>| {
        let (mut triangle, mut columns, mut buffer) = (vec![0.0; d * d], Vec::new(), Vec::new());
        for rows in blocks {
            let n = rows.len();
            columns.resize(n * d, 0.0);
            fill(rows.clone(), &mut columns, &mut buffer);
            reduce(&mut triangle, &mut columns, d, n);
        }
        triangle
    };
    merge(map(parts, of_part), d)
}

/// Returns the triangle of all rows from those of their parts.
pub(super) fn merge(triangles: Vec<Vec<f64>>, d: usize) -> Vec<f64> {
    let mut total = vec![0.0; d * d];
    for triangle in triangles {
        let mut columns: Vec<f64> = (0..d * d).map(|k| triangle[(k % d) * d + k / d]).collect();
        reduce(&mut total, &mut columns, d, d);
    }
    total
}

/// Takes n more rows into a triangle, by Householder reflections. The rows are overwritten.
fn reduce(triangle: &mut [f64], columns: &mut [f64], d: usize, n: usize) {
    for j in 0..d {
        let (column, later) = columns[j * n..].split_at_mut(n);
        let below: f64 = column.iter().map(|x| x * x).sum();
        if below == 0.0 {
            continue;
        }
        let first = triangle[j * d + j];
        let length = (first * first + below).sqrt();
        let pivot = if first > 0.0 { first + length } else { first - length };
        triangle[j * d + j] = if first > 0.0 { -length } else { length };
        // The reflection I − v·vᵀ/(length·|pivot|) with v = (pivot, column).
        let scale = (length * pivot.abs()).recip();
        for (k, other) in (j + 1..d).zip(later.chunks_exact_mut(n)) {
            let upper = &mut triangle[j * d + k];
            let product = pivot * *upper + column.iter().zip(&*other).map(|(v, x)| v * x).sum::<f64>();
            let factor = product * scale;
            *upper -= factor * pivot;
            other.iter_mut().zip(&*column).for_each(|(x, v)| *x -= factor * v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    /// RᵀR = XᵀX, to rounding.
    #[test]
    fn the_triangle_has_the_products_of_the_columns() {
        let (n, d) = (100, 4);
        let entry = |i: usize, j: usize| ((i * (j + 3) * 7) % (11 + j)) as f64 - 4.0;
        let fill = |rows: Range<usize>, out: &mut [f64], _: &mut Vec<f64>| {
            for j in 0..d {
                rows.clone().enumerate().for_each(|(at, i)| out[j * rows.len() + at] = entry(i, j));
            }
        };
        let parts = vec![vec![0..30, 30..31], vec![31..100]];
        let triangle = factor(&parts, d, fill);
        for j in 0..d {
            for k in 0..d {
                assert!(k >= j || triangle[j * d + k] == 0.0);
                let product: f64 = (0..n).map(|i| entry(i, j) * entry(i, k)).sum();
                let of_triangle: f64 = (0..d).map(|i| triangle[i * d + j] * triangle[i * d + k]).sum();
                assert_close(&[of_triangle], &[product], 1e-12, 1e-10, "a product of columns");
            }
        }
    }
}
