//! Matrices from their products with vectors.

use burn::tensor::Tensor;

use super::DerivativeError;

/// The symmetric matrix `[n, n]` from its products with vectors, made exactly symmetric.
pub(super) fn matrix_of_products(
    like: &Tensor<1>,
    product: impl Fn(&Tensor<1>) -> Result<Tensor<1>, DerivativeError>,
) -> Result<Tensor<2>, DerivativeError> {
    let [n] = like.dims();
    let units = Tensor::<2>::eye(n, &like.device()).cast(like.dtype());
    let column = |i| product(&units.clone().slice(i..=i).reshape([n]));
    let matrix: Tensor<2> = Tensor::stack((0..n).map(column).collect::<Result<_, _>>()?, 0);
    Ok((matrix.clone() + matrix.transpose()) * 0.5)
}
