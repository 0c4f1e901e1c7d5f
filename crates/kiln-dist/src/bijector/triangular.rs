//! Maps from vectors to Cholesky factors of covariance and of correlation matrices.
//!
//! A k×k matrix is stored as its k² entries in row-major order along the last axis. Products with 0/1 matrices place the entries,
//! because gradients flow through products on all backends.

use std::f64::consts::LN_2;

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::special::softplus;

use super::Bijector;

/// The map from `[.., k(k + 1)/2]` onto the Cholesky factors of covariance matrices in `[.., k·k]`.
///
/// The input holds the lower triangle in row-major order, with the logarithms of the diagonal.
///
/// # Panics
/// Its methods panic if the length of the last axis is not k(k + 1)/2, or k² for the inverse.
/// [`Constraint::free`](crate::Constraint::free) returns an error instead.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Bijector, LowerCholesky};
///
/// // ln 1 on the diagonal, 0.5 below it.
/// let l = LowerCholesky.forward(Tensor::<1>::from_data([0.0, 0.5, 0.0], &Device::default()));
/// assert_eq!(l.try_into_vec_as::<f32>().unwrap(), [1.0, 0.0, 0.5, 1.0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LowerCholesky;

/// The map from `[.., k(k − 1)/2]` onto the Cholesky factors of k×k correlation matrices in `[.., k·k]`.
///
/// The factors are lower triangular with rows of norm 1 and a positive diagonal. The hyperbolic tangent of each input is a partial
/// correlation.
///
/// # Panics
/// Its methods panic if the length of the last axis is not k(k − 1)/2, or k² for the inverse.
/// [`Constraint::free`](crate::Constraint::free) returns an error instead.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Bijector, CorrelationCholesky};
///
/// // No correlation: the identity matrix.
/// let l = CorrelationCholesky.forward(Tensor::<1>::zeros([1], &Device::default()));
/// assert_eq!(l.try_into_vec_as::<f32>().unwrap(), [1.0, 0.0, 0.0, 1.0]);
/// ```
///
/// # References
/// Lewandowski, Kurowicka and Joe (2009); Stan's reference manual, section 10.12.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CorrelationCholesky;

/// Returns the number of rows of a matrix with `entries` on and below its diagonal.
fn rows_with_diagonal(entries: usize) -> usize {
    let rows = ((8 * entries + 1).isqrt() - 1) / 2;
    assert_eq!(rows * (rows + 1) / 2, entries, "a lower triangle has 1, 3, 6, 10, … entries, not {entries}");
    rows
}

/// Returns the number of rows of a square matrix with `entries`.
fn rows_of(entries: usize) -> usize {
    let rows = entries.isqrt();
    assert_eq!(rows * rows, entries, "a square matrix has 1, 4, 9, … entries, not {entries}");
    rows
}

/// Multiplies the last axis by the matrix `[from, to]` with the entries `entry(row, column)`.
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

/// Returns row and column of entry `index` of the lower triangle with diagonal, in row-major order.
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

    /// Returns the sum of the logarithms of the diagonal, `[.., 1]`.
    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        along(x, 1, |i, _| {
            let (row, column) = place(i);
            one_where(row == column)
        })
    }
}

impl CorrelationCholesky {
    /// Returns row and column of entry `index` of the lower triangle without diagonal, in row-major order.
    fn place(index: usize) -> (usize, usize) {
        let (row, column) = place(index);
        (row + 1, column)
    }

    /// Returns ln (1 − tanh² x).
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
        // ½·ln of the rest of the row's squared norm after the entries before.
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
        // An entry divided by the norm of the entries after it is the hyperbolic sine of the input.
        let entry = along(y.clone(), free, |e, i| one_where(Self::place(i) == (e / k, e % k)));
        let after = along(y.square(), free, |e, i| {
            let (row, column) = Self::place(i);
            one_where(e / k == row && e % k > column)
        });
        let sinh = entry / after.sqrt();
        // The inverse hyperbolic sine of |x| by ln(1 + t), which is exact for small x and has derivative 1 at zero.
        let negative = sinh.clone().lower_scalar(0.0);
        let size = sinh.clone().mask_where(negative.clone(), -sinh);
        let square = size.clone().square();
        let x = (size + square.clone() / ((square + 1.0).sqrt() + 1.0)).log1p();
        x.clone().mask_where(negative, -x)
    }

    /// Returns Σ (½·ln of the rest before each entry + ln(1 − tanh² x)) over the entries below the diagonal, `[.., 1]`.
    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        // The rest after an entry is a factor of all later entries of its row, up to the diagonal.
        along(Self::ln_left(x), 1, |i, _| {
            let (row, column) = Self::place(i);
            #[allow(clippy::cast_precision_loss, reason = "a number of entries")]
            let after = (row - column - 1) as f64;
            1.0 + 0.5 * after
        })
    }
}
