//! Natural and cyclic cubic splines by their values at the knots (Wood, Generalized Additive Models, 2006, pages 145–147).

use super::sums::sum;

/// Returns the features of a natural cubic spline at `x`, one per knot, in row-major order.
pub(super) fn natural(knots: &[f64], x: &[f64]) -> Vec<f64> {
    let n = knots.len();
    let h: Vec<f64> = knots.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // The second derivatives at the inner knots are f = B⁻¹ D, and 0 at the bounds.
    let diagonal: Vec<f64> = h.windows(2).map(|h| (h[0] + h[1]) / 3.0).collect();
    let beside: Vec<f64> = h[1..].iter().take(h.len().saturating_sub(2)).map(|h| h / 6.0).collect();
    let mut inner = vec![vec![0.0; n]; n - 2];
    for (i, row) in inner.iter_mut().enumerate() {
        row[i] = 1.0 / h[i];
        row[i + 2] = 1.0 / h[i + 1];
        row[i + 1] = -row[i] - row[i + 2];
    }
    solve_tridiagonal(&beside, diagonal, &mut inner);
    let zero = || vec![vec![0.0; n]];
    let second: Vec<Vec<f64>> = [zero(), inner, zero()].concat();
    features(knots, x, n, &second)
}

/// Returns the features of a cyclic cubic spline at `x`, one per knot but the last, in row-major order.
pub(super) fn cyclic(knots: &[f64], x: &[f64]) -> Vec<f64> {
    let (lower, upper) = (knots[0], knots[knots.len() - 1]);
    let period = upper - lower;
    let wrap = |x: f64| match x {
        x if x > upper => lower + remainder(x - upper, period),
        x if x < lower => upper - remainder(lower - x, period),
        x => x,
    };
    let x: Vec<f64> = x.iter().map(|x| wrap(*x)).collect();
    let h: Vec<f64> = knots.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let n = h.len();
    let (mut b, mut d) = (vec![vec![0.0; n]; n], vec![vec![0.0; n]; n]);
    // Assigned in the order of formulaic, because entries coincide for two knots.
    b[0][0] = (h[n - 1] + h[0]) / 3.0;
    b[0][n - 1] = h[n - 1] / 6.0;
    b[n - 1][0] = h[n - 1] / 6.0;
    d[0][0] = -1.0 / h[0] - 1.0 / h[n - 1];
    d[0][n - 1] = 1.0 / h[n - 1];
    d[n - 1][0] = 1.0 / h[n - 1];
    for i in 1..n {
        b[i][i] = (h[i - 1] + h[i]) / 3.0;
        b[i][i - 1] = h[i - 1] / 6.0;
        b[i - 1][i] = h[i - 1] / 6.0;
        d[i][i] = -1.0 / h[i - 1] - 1.0 / h[i];
        d[i][i - 1] = 1.0 / h[i - 1];
        d[i - 1][i] = 1.0 / h[i - 1];
    }
    solve(b, &mut d);
    features(knots, &x, n, &d)
}

/// Returns the remainder, which is not negative for a positive divisor.
fn remainder(value: f64, divisor: f64) -> f64 {
    value.rem_euclid(divisor)
}

/// Returns the features from the second derivatives at the knots. With fewer features than knots the last knot is the first.
fn features(knots: &[f64], x: &[f64], n: usize, second: &[Vec<f64>]) -> Vec<f64> {
    let last = knots.len() - 1;
    let mut values = Vec::with_capacity(x.len() * n);
    for &x in x {
        // The knots j and j + 1 are around x.
        let j = knots.partition_point(|knot| *knot < x).saturating_sub(1).min(last - 1);
        let next = if j + 1 == n { 0 } else { j + 1 };
        let h = knots[j + 1] - knots[j];
        let (to, from) = (knots[j + 1] - x, x - knots[j]);
        let cube_to = if x > knots[last] { 0.0 } else { to * to * to / (6.0 * h) };
        let cube_from = if x < knots[0] { 0.0 } else { from * from * from / (6.0 * h) };
        let (a, a_next) = (to / h, from / h);
        let (c, c_next) = (cube_to - h * to / 6.0, cube_from - h * from / 6.0);
        for (i, (f, f_next)) in second[j].iter().zip(&second[next]).enumerate() {
            let one = |at: usize| f64::from(u8::from(at == i));
            values.push(a * one(j) + a_next * one(next) + c * f + c_next * f_next);
        }
    }
    values
}

/// Returns the mean of each of `width` features.
pub(super) fn means(values: &[f64], width: usize) -> Vec<f64> {
    let rows = (values.len() / width) as f64;
    let column = |at: usize| values.iter().skip(at).step_by(width).copied().collect::<Vec<f64>>();
    (0..width).map(|at| sum(&column(at)) / rows).collect()
}

/// Returns the features times an orthonormal basis of the directions across `means`: one feature less, of mean 0.
///
/// The basis has the columns but the first of LAPACK's reflection that maps `means` to the first axis.
pub(super) fn centred(values: &[f64], means: &[f64]) -> Vec<f64> {
    let rest: f64 = means[1..].iter().map(|mean| mean * mean).sum();
    let norm = (means[0] * means[0] + rest).sqrt().copysign(-means[0]);
    let (tau, scale) = if rest > 0.0 { ((norm - means[0]) / norm, means[0] - norm) } else { (0.0, 1.0) };
    let reflection: Vec<f64> = std::iter::once(1.0).chain(means[1..].iter().map(|mean| mean / scale)).collect();
    let row = |row: &[f64]| {
        let along: f64 = row.iter().zip(&reflection).map(|(value, v)| value * v).sum();
        let across = row.iter().zip(&reflection).skip(1).map(|(value, v)| value - tau * v * along);
        across.collect::<Vec<f64>>()
    };
    values.chunks_exact(means.len()).flat_map(row).collect()
}

/// Solves a tridiagonal system whose two diagonals beside the main one are equal, as LAPACK's `gtsv` does. The main diagonal
/// dominates, so that rows are never exchanged.
fn solve_tridiagonal(beside: &[f64], mut diagonal: Vec<f64>, right: &mut [Vec<f64>]) {
    let n = diagonal.len();
    for i in 1..n {
        let factor = beside[i - 1] / diagonal[i - 1];
        diagonal[i] -= factor * beside[i - 1];
        let (above, below) = right.split_at_mut(i);
        below[0].iter_mut().zip(&above[i - 1]).for_each(|(value, above)| *value -= factor * above);
    }
    for i in (0..n).rev() {
        let (above, below) = right.split_at_mut(i + 1);
        for (at, value) in above[i].iter_mut().enumerate() {
            if i + 1 < n {
                *value -= beside[i] * below[0][at];
            }
            *value /= diagonal[i];
        }
    }
}

/// Solves a system with several right sides by elimination with row exchanges. The matrix is not singular.
fn solve(mut matrix: Vec<Vec<f64>>, right: &mut [Vec<f64>]) {
    let n = matrix.len();
    for k in 0..n {
        let pivot = (k..n).max_by(|i, j| matrix[*i][k].abs().total_cmp(&matrix[*j][k].abs())).unwrap_or(k);
        matrix.swap(k, pivot);
        right.swap(k, pivot);
        for i in k + 1..n {
            let factor = matrix[i][k] / matrix[k][k];
            for rows in [&mut matrix[..], &mut *right] {
                let (above, below) = rows.split_at_mut(i);
                below[0].iter_mut().zip(&above[k]).for_each(|(value, above)| *value -= factor * above);
            }
        }
    }
    for i in (0..n).rev() {
        let (above, below) = right.split_at_mut(i + 1);
        for (factor, below) in matrix[i][i + 1..].iter().zip(below) {
            above[i].iter_mut().zip(below).for_each(|(value, below)| *value -= factor * *below);
        }
        above[i].iter_mut().for_each(|value| *value /= matrix[i][i]);
    }
}
