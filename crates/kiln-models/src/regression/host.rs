//! Passes over rows in the memory of the CPU, without temporaries of their size.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::linalg::add_gram;
use rayon::prelude::*;

use super::definite::is_clearly_definite;
use crate::blocks::{blocks, map, parts, sums};

/// Subtracts the mean of each column and divides by √(σ² + penalty²), with shares of the rows that sum to 1. Returns means and scales. A
/// constant column and a row without a share become 0.
pub(super) fn rescale(rows: &mut [f64], d: usize, shares: &[f64], penalty: f64) -> (Vec<f64>, Vec<f64>) {
    if d == 0 {
        return (Vec::new(), Vec::new());
    }
    let mut range = vec![(f64::INFINITY, f64::NEG_INFINITY); d];
    for (row, share) in rows.chunks_exact(d).zip(shares) {
        if *share > 0.0 {
            range.iter_mut().zip(row).for_each(|((low, high), x)| (*low, *high) = (low.min(*x), high.max(*x)));
        }
    }
    let n = shares.len();
    let of_block =
        |block: &Range<usize>| rows[block.start * d..block.end * d].chunks_exact(d).zip(&shares[block.clone()]);
    // Relative to the smallest value, which is exact if all values are close together.
    let above = sums((n, d), d, |sums, block, (): &mut ()| {
        for (row, share) in of_block(&block).filter(|(_, share)| **share > 0.0) {
            sums.iter_mut().zip(row.iter().zip(&range)).for_each(|(sum, (x, (low, _)))| *sum += share * (x - low));
        }
    });
    // In units of the largest deviation, whose square could overflow.
    let largest: Vec<f64> = range
        .iter()
        .zip(&above)
        .map(|((low, high), above)| above.max(high - low - above))
        .map(|largest| if largest > 0.0 { largest } else { 1.0 })
        .collect();
    let squares = sums((n, d), d, |sums, block, (): &mut ()| {
        for (row, share) in of_block(&block).filter(|(_, share)| **share > 0.0) {
            for (j, sum) in sums.iter_mut().enumerate() {
                let relative = ((row[j] - range[j].0) - above[j]) / largest[j];
                *sum += share * relative * relative;
            }
        }
    });
    let is_constant = |j: usize| range[j].0 >= range[j].1;
    let scale = |j: usize| {
        let deviation = if is_constant(j) { 1.0 } else { squares[j].sqrt() * largest[j] };
        let larger = deviation.max(penalty);
        (deviation / larger).hypot(penalty / larger) * larger
    };
    let scales: Vec<f64> = (0..d).map(scale).collect();
    let constant: Vec<bool> = (0..d).map(is_constant).collect();
    rows.par_chunks_exact_mut(d).zip(shares).for_each(|(row, share)| {
        for (j, x) in row.iter_mut().enumerate() {
            let counts = *share > 0.0 && !constant[j];
            *x = if counts { ((*x - range[j].0) - above[j]) / scales[j] } else { 0.0 };
        }
    });
    (range.iter().zip(above).map(|((low, _), above)| low + above).collect(), scales)
}

/// Returns a matrix Aᵀ·diag(w)·A for each pair of columns row ≥ column of k, with the weights `[n]` that `weights` returns, where A is
/// the inputs `[n, d]` with a column of ones.
pub(super) fn products(inputs: &Tensor<2>, k: usize, weights: impl Fn(usize, usize) -> Tensor<1>) -> Vec<Vec<f64>> {
    let [n, d] = inputs.dims();
    let width = d + 1;
    let mut all = vec![Vec::new(); k * k];
    for row in 0..k {
        for column in 0..=row {
            let weights: Vec<f64> = read(weights(row, column));
            all[row * k + column] = sums((n, width), width * width, |sum, block, (): &mut ()| {
                let m = block.len();
                let rows = rows(inputs, &block);
                let (mut columns, weights) = (vec![1.0; m * width], &weights[block]);
                for (j, column) in columns.chunks_exact_mut(m).take(d).enumerate() {
                    column.iter_mut().zip(rows.iter().skip(j).step_by(d)).for_each(|(x, own)| *x = *own);
                }
                let mut scaled = columns.clone();
                scaled
                    .chunks_exact_mut(m)
                    .for_each(|column| column.iter_mut().zip(weights).for_each(|(x, weight)| *x *= weight));
                add_gram(sum, &columns, &scaled, m, true);
            });
            mirror(&mut all[row * k + column], width);
        }
    }
    all
}

/// Returns Xᵀ·R, `[d, k]`, for inputs X `[n, d]` and residuals R `[n, k]`. A transposed matrix would be copied.
pub(super) fn pulled_back(inputs: &Tensor<2>, residuals: &Tensor<2>) -> Tensor<2> {
    let ([n, d], [_, k]) = (inputs.dims(), residuals.dims());
    let sum = sums((n, d + k), d * k, |sum, block, (): &mut ()| {
        let rows = rows(inputs, &block);
        let residuals = self::rows(residuals, &block);
        for (row, residuals) in rows.chunks_exact(d.max(1)).zip(residuals.chunks_exact(k.max(1))) {
            for (sums, x) in sum.chunks_exact_mut(k.max(1)).zip(row) {
                sums.iter_mut().zip(residuals).for_each(|(sum, residual)| *sum += x * residual);
            }
        }
    });
    Tensor::from_data(TensorData::new(sum, [d, k]), (&inputs.device(), inputs.dtype()))
}

/// Returns the largest sum of squares of a row.
pub(super) fn largest_square(inputs: &Tensor<2>) -> f64 {
    let [n, d] = inputs.dims();
    let of_part = |blocks: &Vec<Range<usize>>| {
        blocks.iter().fold(0.0, |largest: f64, block| {
            let rows = rows(inputs, block);
            let squares = rows.chunks_exact(d.max(1)).map(|row| row.iter().map(|x| x * x).sum::<f64>());
            squares.fold(largest, |largest, square| if square.is_nan() { f64::NAN } else { largest.max(square) })
        })
    };
    let all = map(&parts(blocks(n, d), 1), of_part);
    all.into_iter().fold(0.0, |largest, part| if part.is_nan() { f64::NAN } else { largest.max(part) })
}

/// Some rows, in row-major order.
fn rows(tensor: &Tensor<2>, block: &Range<usize>) -> Vec<f64> {
    read(tensor.clone().narrow(0, block.start, block.len()).flatten::<1>(0, 1))
}

/// Copies the lower half of a symmetric matrix to the upper one.
fn mirror(matrix: &mut [f64], width: usize) {
    for i in 0..width {
        for j in 0..i {
            matrix[j * width + i] = matrix[i * width + j];
        }
    }
}

fn read(tensor: Tensor<1>) -> Vec<f64> {
    tensor.into_data().try_into_vec_as().expect("a float tensor converts to f64")
}

/// Returns whether the Gram matrix of the columns of rows `[n, d]`, less their means and at length 1, proves that none depends on others.
pub(super) fn are_clearly_independent(rows: &[f64], d: usize) -> bool {
    let n = rows.len() / d;
    if n <= d {
        // Less their means, so many columns depend on each other.
        return false;
    }
    let first = &rows[..d];
    let of_block = |block: Range<usize>| rows[block.start * d..block.end * d].chunks_exact(d);
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    let count = n as f64;
    let means: Vec<f64> = sums((n, d), d, |sums, block, (): &mut ()| {
        for row in of_block(block) {
            sums.iter_mut().zip(row.iter().zip(first)).for_each(|(sum, (x, first))| *sum += x - first);
        }
    });
    let means: Vec<f64> = means.iter().zip(first).map(|(sum, first)| first + sum / count).collect();
    let mut gram = sums((n, d), d * d, |gram, block, (): &mut ()| {
        let m = block.len();
        let mut columns = vec![0.0; m * d];
        for (i, row) in of_block(block).enumerate() {
            row.iter().zip(&means).enumerate().for_each(|(j, (x, mean))| columns[j * m + i] = x - mean);
        }
        add_gram(gram, &columns, &columns, m, true);
    });
    let lengths: Vec<f64> = (0..d).map(|j| gram[j * d + j].sqrt()).collect();
    // A column of rounding errors has no length worth its name.
    let has_length = |j: usize| lengths[j].is_finite() && lengths[j] > 1e-9 * means[j].abs() * count.sqrt();
    if !(0..d).all(has_length) {
        return false;
    }
    for i in 0..d {
        (0..=i).for_each(|j| gram[i * d + j] /= lengths[i] * lengths[j]);
    }
    is_clearly_definite(&mut gram, d)
}
