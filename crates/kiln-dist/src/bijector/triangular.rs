//! From vectors to triangular matrices with a positive diagonal, the Cholesky factors of covariances and of correlations.
//!
//! A matrix `[k, k]` is a vector of its k² entries, row after row, along the last axis. Numbers find their places by products with matrices
//! of zeros and ones, through which gradients flow on every backend.

use std::f64::consts::LN_2;

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::special::softplus;

use super::Bijector;

/// `[.., k(k + 1)/2]` onto the lower triangular matrices with a positive diagonal in `[.., k·k]`: the entries from the diagonal on down, row
/// after row, those of the diagonal by their logarithms.
///
/// # Panics
/// When the last axis is not of such a length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LowerCholesky;

/// `[.., k(k − 1)/2]` onto the Cholesky factors of k×k correlation matrices in `[.., k·k]`: lower triangular with rows of length 1 and a positive
/// diagonal. Along a row the hyperbolic tangent of each number is a partial correlation, the part of what is left of the row's length that
/// the entry takes (Lewandowski, Kurowicka and Joe, 2009; Stan's reference manual, 10.12).
///
/// # Panics
/// When the last axis is not of such a length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CorrelationCholesky;

/// The number of rows of a matrix with `entries` on and below its diagonal.
fn rows_with_diagonal(entries: usize) -> usize {
    let rows = ((8 * entries + 1).isqrt() - 1) / 2;
    assert_eq!(rows * (rows + 1) / 2, entries, "a triangle has 1, 3, 6, 10, … entries");
    rows
}

/// The number of rows of a matrix of `entries`.
pub(super) fn rows_of(entries: usize) -> usize {
    let rows = entries.isqrt();
    assert_eq!(rows * rows, entries, "a square matrix has 1, 4, 9, … entries");
    rows
}

/// A product of the last axis with the matrix `[from, to]` of what `entry` gives.
fn along<const D: usize>(x: Tensor<D>, to: usize, entry: impl Fn(usize, usize) -> f64) -> Tensor<D> {
    let mut shape = x.dims();
    let from = shape[D - 1];
    if from == 0 || to == 0 {
        shape[D - 1] = to;
        return Tensor::zeros(shape, (&x.device(), x.dtype()));
    }
    let entries: Vec<f64> = (0..from * to).map(|i| entry(i / to, i % to)).collect();
    let matrix =
        Tensor::<2>::from_data(TensorData::new(entries, [from, to]), (&x.device().without_autodiff(), x.dtype()));
    shape[D - 1] = to;
    let rows = shape[..D - 1].iter().product();
    x.reshape([rows, from]).matmul(matrix).reshape(shape)
}

fn one_where(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// Row and column of the entry `index`, of those on and below the diagonal, row after row.
fn place(index: usize) -> (usize, usize) {
    let row = ((8 * index + 1).isqrt() - 1) / 2;
    (row, index - row * (row + 1) / 2)
}

impl<const D: usize> Bijector<D> for LowerCholesky {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        let k = rows_with_diagonal(x.dims()[D - 1]);
        let at = |index: usize, entry: usize| place(index) == (entry / k, entry % k);
        let below = along(x.clone(), k * k, |i, e| one_where(at(i, e) && e / k != e % k));
        let diagonal = along(x, k, |i, d| one_where(place(i) == (d, d))).exp();
        below + along(diagonal, k * k, |d, e| one_where(e == d * k + d))
    }

    fn inverse(&self, y: Tensor<D>) -> Tensor<D> {
        let k = rows_of(y.dims()[D - 1]);
        let free = k * (k + 1) / 2;
        let at = |entry: usize, index: usize| place(index) == (entry / k, entry % k);
        let below = along(y.clone(), free, |e, i| one_where(at(e, i) && e / k != e % k));
        let diagonal = along(y, k, |e, d| one_where(e == d * k + d)).log();
        below + along(diagonal, free, |d, i| one_where(place(i) == (d, d)))
    }

    /// The sum of the diagonal's logarithms, `[.., 1]`.
    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        along(x, 1, |i, _| {
            let (row, column) = place(i);
            one_where(row == column)
        })
    }
}

impl CorrelationCholesky {
    /// Row and column of the entry `index`, of those below the diagonal.
    fn place(index: usize) -> (usize, usize) {
        let (row, column) = place(index);
        (row + 1, column)
    }

    /// ln (1 − tanh² x).
    fn ln_left<const D: usize>(x: Tensor<D>) -> Tensor<D> {
        (x.clone() + softplus(x * -2.0) - LN_2) * -2.0
    }

    fn rows<const D: usize>(x: &Tensor<D>) -> usize {
        match x.dims()[D - 1] {
            0 => 1,
            entries => rows_with_diagonal(entries) + 1,
        }
    }
}

impl<const D: usize> Bijector<D> for CorrelationCholesky {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        let k = Self::rows(&x);
        let taken = along(x.clone().tanh(), k * k, |i, e| one_where(Self::place(i) == (e / k, e % k)));
        // ½·ln of what the entries before leave of the row's squared length.
        let left = along(Self::ln_left(x), k * k, |i, e| {
            let ((row, column), (of, before)) = (Self::place(i), (e / k, e % k));
            0.5 * one_where(row == of && column < before && before <= of)
        });
        let diagonal: Vec<f64> = (0..k * k).map(|e| one_where(e / k == e % k)).collect();
        let like = (&left.device().without_autodiff(), left.dtype());
        let diagonal = Tensor::<1>::from_data(TensorData::new(diagonal, [k * k]), like).unsqueeze();
        (taken + diagonal) * left.exp()
    }

    fn inverse(&self, y: Tensor<D>) -> Tensor<D> {
        let k = rows_of(y.dims()[D - 1]);
        let free = k * (k - 1) / 2;
        // An entry, over the root of what the entries after it have of the row's squared length, is the hyperbolic sine.
        let entry = along(y.clone(), free, |e, i| one_where(Self::place(i) == (e / k, e % k)));
        let after = along(y.square(), free, |e, i| {
            let (row, column) = Self::place(i);
            one_where(e / k == row && e % k > column)
        });
        let sinh = entry / after.sqrt();
        // The inverse of its size, by ln(1 + t) for the small ones' sake; of a derivative that is 1 at zero.
        let negative = sinh.clone().lower_scalar(0.0);
        let size = sinh.clone().mask_where(negative.clone(), -sinh);
        let square = size.clone().square();
        let x = (size + square.clone() / ((square + 1.0).sqrt() + 1.0)).log1p();
        x.clone().mask_where(negative, -x)
    }

    /// Σ (½·ln of what is left before each entry + ln(1 − tanh² x)), `[.., 1]`, for the entries below the diagonal.
    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        // The k-th of a row is left over by all that come after it, up to the diagonal.
        along(Self::ln_left(x), 1, |i, _| {
            let (row, column) = Self::place(i);
            #[allow(clippy::cast_precision_loss, reason = "a number of entries")]
            let after = (row - column - 1) as f64;
            1.0 + 0.5 * after
        })
    }
}
