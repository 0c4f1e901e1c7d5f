//! Parameters below f32, whose steps are computed and whose state is kept in f32.
//!
//! In bf16, 0.999·v rounds to v, so that a moment would never decay; in f16, Adam's δ of 1e-8 is 0.

use burn::tensor::{DType, Tensor};

/// Returns a tensor in f32 if it has fewer bits, and as it is otherwise.
pub(super) fn widened<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    if matches!(tensor.dtype(), DType::F16 | DType::BF16) { tensor.cast(DType::F32) } else { tensor }
}

/// Returns a tensor in the float type of a parameter.
pub(super) fn narrowed<const D: usize>(tensor: Tensor<D>, dtype: DType) -> Tensor<D> {
    if tensor.dtype() == dtype { tensor } else { tensor.cast(dtype) }
}
