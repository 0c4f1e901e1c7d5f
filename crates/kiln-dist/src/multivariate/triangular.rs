//! Differentiable Cholesky factorisation and triangular solves for batches of small matrices.

use burn::tensor::Tensor;

/// Returns the Cholesky factor of A `[n, k, k]`, column by column. A matrix that is not positive definite gives NaN.
pub(super) fn cholesky(a: &Tensor<3>) -> Tensor<3> {
    let [n, k, _] = a.dims();
    let mut factor: Option<Tensor<3>> = None;
    for j in 0..k {
        // The part of the column that earlier columns do not explain, from the diagonal down.
        let column = a.clone().slice([0..n, j..k, j..j + 1]);
        let column = match &factor {
            Some(factor) => {
                let row = factor.clone().slice([0..n, j..j + 1]).transpose();
                column - factor.clone().slice([0..n, j..k]).matmul(row)
            }
            None => column,
        };
        let pivot = column.clone().slice([0..n, 0..1]).sqrt();
        let below = column / pivot;
        let column = match j {
            0 => below,
            _ => Tensor::cat(vec![Tensor::zeros([n, j, 1], (&below.device(), below.dtype())), below], 1),
        };
        factor = Some(match factor {
            Some(factor) => Tensor::cat(vec![factor, column], 2),
            None => column,
        });
    }
    factor.expect("a matrix has at least one column")
}

/// Solves L·X = B row by row for a lower triangular L `[n, k, k]` and B `[n, k, m]`. Either n may be 1.
pub(super) fn solve_lower(l: &Tensor<3>, b: &Tensor<3>) -> Tensor<3> {
    let [_, k, m] = b.dims();
    let n = l.dims()[0].max(b.dims()[0]);
    let (l, b) = (l.clone().expand([n, k, k]), b.clone().expand([n, k, m]));
    let mut solved: Option<Tensor<3>> = None;
    for j in 0..k {
        let row = b.clone().slice([0..n, j..j + 1]);
        let row = match &solved {
            Some(solved) => row - l.clone().slice([0..n, j..j + 1, 0..j]).matmul(solved.clone()),
            None => row,
        };
        let row = row / l.clone().slice([0..n, j..j + 1, j..j + 1]);
        solved = Some(match solved {
            Some(solved) => Tensor::cat(vec![solved, row], 1),
            None => row,
        });
    }
    solved.expect("a system has at least one row")
}

/// Returns the diagonal, `[n, k]`.
pub(super) fn diagonal(a: &Tensor<3>) -> Tensor<2> {
    let [n, k, _] = a.dims();
    let entry = |i| a.clone().slice([0..n, i..i + 1, i..i + 1]).reshape([n, 1]);
    Tensor::cat((0..k).map(entry).collect(), 1)
}

/// Turns the rows of `[n, k]` into column vectors `[n, k, 1]`.
pub(super) fn columns(x: Tensor<2>) -> Tensor<3> {
    x.unsqueeze_dim(2)
}

/// Turns column vectors `[n, k, 1]` into the rows of `[n, k]`.
pub(super) fn vectors(x: Tensor<3>) -> Tensor<2> {
    x.squeeze_dim(2)
}
