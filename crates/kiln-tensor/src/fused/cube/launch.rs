//! What the launches of the kernels share.

use burn::{backend::TensorMetadata, tensor::Shape};
use burn_cubecl::{
    cubecl::prelude::*, kernel::into_contiguous, ops::numeric::empty_device_contiguous_dtype, tensor::CubeTensor,
};

use crate::cube::{UNITS, spread};

/// Runs the block with `F` as the float type of a tensor.
macro_rules! on_number {
    ($dtype:expr, $F:ident => $body:expr) => {
        match $dtype {
            burn::tensor::DType::F64 => {
                type $F = f64;
                $body
            }
            _ => {
                type $F = f32;
                $body
            }
        }
    };
}

pub(super) fn made<const D: usize>(like: &CubeTensor, shape: [usize; D]) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), Shape::from(shape), like.dtype)
}

/// The tensor as one run of numbers that nothing else uses.
pub(super) fn own(tensor: CubeTensor) -> CubeTensor {
    let tensor = into_contiguous(tensor);
    if tensor.can_mut() { tensor } else { tensor.copy() }
}

pub(super) fn count(tensor: &CubeTensor) -> usize {
    tensor.meta.num_elements()
}

/// The whole of a contiguous tensor.
#[allow(unsafe_code, reason = "the length is that of the tensor")]
pub(super) fn whole(tensor: &CubeTensor) -> BufferArg {
    unsafe { BufferArg::from_raw_parts(tensor.handle.clone(), count(tensor)) }
}

pub(super) fn dim() -> CubeDim {
    CubeDim::new_1d(UNITS as u32)
}

/// A thread for each of `threads`.
pub(super) fn each(threads: usize) -> CubeCount {
    spread(threads.div_ceil(UNITS))
}

pub(super) fn rows_and_columns(tensor: &CubeTensor) -> [usize; 2] {
    let shape = tensor.shape();
    [shape[0], shape[1]]
}

/// Numbers of a sum from which on a cube takes it, and not a thread.
const MANY: usize = 512;

/// The launch of `sums` sums of `along` numbers, and whether a cube takes each.
pub(super) fn sums_of(sums: usize, along: usize) -> (CubeCount, bool) {
    if along >= MANY { (spread(sums), true) } else { (each(sums), false) }
}

pub(super) use on_number;
