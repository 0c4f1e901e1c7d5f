//! ln Σ eˣ along an axis.

use burn::backend::TensorMetadata;
use burn_cubecl::{
    cubecl::{self, prelude::*},
    kernel::into_contiguous,
    ops::numeric::empty_device_contiguous_dtype,
    tensor::CubeTensor,
};

use super::super::launch::{count, dim, each, on_number, own, sums_of, whole};
use crate::cube::{UNITS, is_finite, largest_of_cube, sum_of_cube};
/// ln Σ eˣ along an axis of length `along`, with `behind` numbers from one entry of it to the next, and the softmax in `weights`. A thread
/// does a sum, or a cube does if `by_cube`.
#[cube(launch_unchecked)]
fn logsumexp_kernel<F: Float>(
    x: &[F],
    sums: &mut [F],
    weights: &mut [F],
    outputs: u32,
    along: u32,
    behind: u32,
    #[comptime] by_cube: bool,
) {
    let mut output = ABSOLUTE_POS;
    let mut lane = 0usize.runtime();
    let mut lanes = 1usize.runtime();
    if comptime!(by_cube) {
        output = CUBE_POS;
        lane = UNIT_POS as usize;
        lanes = comptime!(UNITS).runtime();
    }
    let (along, behind) = (along as usize, behind as usize);
    let is_there = output < outputs as usize;
    // A large number of cubes is a rectangle, the last of which have nothing to do.
    let last = if is_there { along } else { 0usize.runtime() };
    let first = if is_there { (output / behind) * along * behind + output % behind } else { 0usize.runtime() };
    let mut largest = x[first];
    let mut k = lane;
    while k < last {
        largest = max(largest, x[first + k * behind]);
        k += lanes;
    }
    if comptime!(by_cube) {
        largest = largest_of_cube::<F>(largest);
        sync_cube();
    }
    // An infinite maximum must not be subtracted: ∞ − ∞ would be NaN.
    let shift = if is_finite::<F>(largest) { largest } else { F::new(0.0) };
    let mut sum = F::new(0.0);
    let mut k = lane;
    while k < last {
        let at = first + k * behind;
        let weight = (x[at] - shift).exp();
        weights[at] = weight;
        sum += weight;
        k += lanes;
    }
    if comptime!(by_cube) {
        sum = sum_of_cube::<F>(sum);
    }
    let mut k = lane;
    while k < last {
        weights[first + k * behind] /= sum;
        k += lanes;
    }
    if is_there && lane == 0 {
        sums[output] = shift + sum.ln();
    }
}

/// The weights times the gradient of their sum.
#[cube(launch_unchecked)]
fn logsumexp_back_kernel<F: Float>(weights: &mut [F], grad: &[F], count: u32, along: u32, behind: u32) {
    let at = ABSOLUTE_POS;
    if at < count as usize {
        let (along, behind) = (along as usize, behind as usize);
        weights[at] *= grad[(at / (along * behind)) * behind + at % behind];
    }
}

/// The lengths along an axis and behind it.
fn along_and_behind(tensor: &CubeTensor, axis: usize) -> [usize; 2] {
    let shape = tensor.shape();
    [shape[axis], shape[axis + 1..].iter().product()]
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn logsumexp(x: CubeTensor, axis: usize) -> (CubeTensor, CubeTensor) {
    let x = into_contiguous(x);
    let ([along, behind], mut shape) = (along_and_behind(&x, axis), x.shape());
    let made = |shape| empty_device_contiguous_dtype(x.client.clone(), x.device.clone(), shape, x.dtype);
    let weights = made(shape.clone());
    shape[axis] = 1;
    let sums = made(shape);
    let outputs = count(&sums);
    if outputs > 0 {
        let (cubes, by_cube) = sums_of(outputs, along);
        on_number!(x.dtype, F => unsafe {
            logsumexp_kernel::launch_unchecked::<F>(
                &x.client,
                cubes,
                dim(),
                whole(&x),
                whole(&sums),
                whole(&weights),
                outputs as u32,
                along as u32,
                behind as u32,
                by_cube,
            );
        });
    }
    (sums, weights)
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn logsumexp_back(weights: CubeTensor, grad: CubeTensor, axis: usize) -> CubeTensor {
    let (weights, grad) = (own(weights), into_contiguous(grad));
    let [along, behind] = along_and_behind(&weights, axis);
    if count(&weights) > 0 {
        on_number!(weights.dtype, F => unsafe {
            logsumexp_back_kernel::launch_unchecked::<F>(
                &weights.client,
                each(count(&weights)),
                dim(),
                whole(&weights),
                whole(&grad),
                count(&weights) as u32,
                along as u32,
                behind as u32,
            );
        });
    }
    weights
}
