//! The norms of a gradient.

use burn::tensor::Tensor;

/// Returns Σ x² and max |x|, each `[1]`, without waiting for the device. They have no gradient. A NaN in `x` makes both NaN.
pub fn squared_norm_and_max_abs<const D: usize>(x: Tensor<D>) -> [Tensor<1>; 2] {
    let x = x.without_autodiff();
    #[cfg(feature = "flex")]
    if super::by_kernel(&x) {
        return super::flex::squared_norm_and_max_abs(x);
    }
    plain(x)
}

fn plain<const D: usize>(x: Tensor<D>) -> [Tensor<1>; 2] {
    [x.clone().square().sum(), x.abs().max()]
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device, TensorData};

    use super::*;
    use crate::{Stream, fused::tests::SIZES};

    #[test]
    fn the_kernel_agrees_with_tensor_operations() {
        for (n, d) in SIZES {
            let data = TensorData::new(Stream::new(0, "x", 0, 0).normal_vec(n * d), [n, d]);
            for (dtype, epsilon) in [(DType::F32, f64::from(f32::EPSILON)), (DType::F64, f64::EPSILON)] {
                let x = Tensor::<2>::from_data(data.clone(), (&Device::default(), dtype));
                let values = |[a, b]: [Tensor<1>; 2]| [a.into_scalar::<f64>(), b.into_scalar::<f64>()];
                let (kernel, plain) = (values(squared_norm_and_max_abs(x.clone())), values(plain(x)));
                assert_eq!(kernel[1].to_bits(), plain[1].to_bits(), "the largest of {n}×{d}");
                assert!((kernel[0] / plain[0] - 1.0).abs() < 100.0 * epsilon, "{n}×{d}: {kernel:?} and {plain:?}");
            }
        }
        let x = Tensor::<1>::from_data([1.0, f32::NAN, 2.0], &Device::default());
        assert!(squared_norm_and_max_abs(x).into_iter().all(|norm| norm.into_scalar::<f32>().is_nan()));
    }
}
