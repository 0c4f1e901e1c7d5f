//! The product of two matrices.

use burn::tensor::Tensor;

/// Returns the product `[n, m]` of matrices `[n, k]` and `[k, m]`.
///
/// On a GPU it is computed as [`set_matmul_precision`](super::set_matmul_precision) says: in f32 by default, where Burn's `matmul`
/// may round f32 factors to TF32. Elsewhere the two are the same.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::fused::matmul;
///
/// let device = Device::default();
/// let (a, b) = (Tensor::from_data([[1.0, 2.0]], &device), Tensor::from_data([[3.0], [4.0]], &device));
/// assert_eq!(matmul(a, b).into_scalar::<f32>(), 11.0);
/// ```
///
/// # Panics
/// If the shapes or float types do not fit together.
pub fn matmul(lhs: Tensor<2>, rhs: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "cube")]
    if super::on_cube(&lhs) {
        use super::cube::OnCube;
        use burn::backend::Dispatch;
        assert_eq!(lhs.dims()[1], rhs.dims()[0], "the first matrix has as many columns as the second has rows");
        let (lhs, rhs) = (lhs.into_dispatch(), rhs.into_dispatch());
        return Tensor::from_dispatch(Dispatch::on_cube_product(lhs, rhs, super::matmul_precision()));
    }
    lhs.matmul(rhs)
}
