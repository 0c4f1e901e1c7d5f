//! ln Σ eˣ along an axis.

use burn::tensor::Tensor;

/// Returns ln Σ eˣ along the axis `dim`, which keeps the length 1: over classes, or over the particles of a bound.
///
/// It does not overflow. If all x are −∞ the result is −∞.
///
/// # Panics
/// If `dim` is not an axis of `x`.
pub fn logsumexp<const D: usize>(x: Tensor<D>, dim: usize) -> Tensor<D> {
    assert!(dim < D, "axis {dim} of a tensor of rank {D}");
    #[cfg(feature = "flex")]
    if super::by_kernel(&x) {
        use super::flex::Fused;
        use burn::backend::Dispatch;
        return Tensor::from_dispatch(Dispatch::fused_logsumexp(x.into_dispatch(), dim));
    }
    // An axis of no length has no largest entry.
    #[cfg(feature = "cube")]
    if super::on_cube(&x) && x.dims()[dim] > 0 {
        use super::cube::OnCube;
        use burn::backend::Dispatch;
        return Tensor::from_dispatch(Dispatch::on_cube_logsumexp(x.into_dispatch(), dim));
    }
    plain(x, dim)
}

fn plain<const D: usize>(x: Tensor<D>, dim: usize) -> Tensor<D> {
    let largest = x.clone().detach().max_dim(dim);
    let infinite = largest.clone().is_finite().bool_not();
    let shift = largest.mask_fill(infinite, 0.0);
    (x - shift.clone()).exp().sum_dim(dim).log() + shift
}

#[cfg(test)]
mod tests {
    use kiln_testkit::{f64_device, tensor, values};

    use super::*;
    use crate::fused::tests::{SIZES, agree, normals};

    #[test]
    fn the_kernel_agrees_with_tensor_operations_forward_and_back() {
        for (n, d) in SIZES {
            for dim in [0, 1, 2] {
                let with = |f: fn(Tensor<3>, usize) -> Tensor<3>| {
                    move |[x]: [Tensor<2>; 1]| f((x * 20.0).reshape([n, d, 1]).repeat_dim(2, 3), dim)
                };
                agree([normals([n, d], "x")], with(logsumexp), with(plain), &format!("{n}×{d}, axis {dim}"));
            }
        }
    }

    #[test]
    fn infinities_are_sums_of_their_own() {
        let (inf, none) = (f64::INFINITY, f64::NEG_INFINITY);
        let x = [none, none, inf, 0.0, none, 0.0, 1000.0, 1000.0];
        let sums = logsumexp(tensor::<2>(&x, [4, 2], &f64_device()), 1);
        assert_eq!(values(sums), [none, inf, 0.0, 1000.0 + std::f64::consts::LN_2]);
    }
}
