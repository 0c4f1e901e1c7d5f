//! Access to the numbers of Flex tensors, and helpers of all kernels.

use std::mem::MaybeUninit;

use burn::{
    backend::flex::{FlexTensor, Layout},
    tensor::{Bytes, Shape},
};

use rayon::prelude::*;

use crate::elementary::Float;

/// Runs the block with `E` as the float type of a tensor.
macro_rules! on_float {
    ($dtype:expr, $E:ident => $body:expr) => {
        match $dtype {
            burn::tensor::DType::F64 => {
                type $E = f64;
                $body
            }
            _ => {
                type $E = f32;
                $body
            }
        }
    };
}
pub(crate) use on_float;

/// Number of elements that take about as long as starting another thread: 2¹³ take some 5 µs.
pub(crate) const GRAIN: usize = 1 << 13;

/// Number of threads for `work`, with at least `grain` of it each.
pub(crate) fn threads_for(work: usize, grain: usize) -> usize {
    rayon::current_num_threads().min(work / grain).max(1)
}

/// Number of rows of `width` elements for one thread at a time: enough to be worth it, and few enough for its caches.
pub(crate) fn rows_at_a_time(width: usize) -> usize {
    (GRAIN / width.max(1)).max(1)
}

/// Returns `n` numbers from `write`, without filling them with zeros first.
///
/// # Safety
/// `write` must write every number.
#[allow(unsafe_code, reason = "the standard library's way to skip the zeros")]
pub(crate) unsafe fn written<E: Float>(n: usize, write: impl FnOnce(&mut [MaybeUninit<E>])) -> Vec<E> {
    let mut numbers = Vec::with_capacity(n);
    write(&mut numbers.spare_capacity_mut()[..n]);
    // SAFETY: the capacity is there, and `write` wrote all of it.
    unsafe { numbers.set_len(n) };
    numbers
}

/// The sum, in sixteen parallel sums, which is faster and more accurate than one.
#[inline(always)]
pub(crate) fn sum<E: Float>(numbers: &[E]) -> E {
    const LANES: usize = 16;
    let mut sums = [E::ZERO; LANES];
    let chunks = numbers.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied();
    for chunk in chunks {
        for (sum, &x) in sums.iter_mut().zip(chunk) {
            *sum += x;
        }
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            let other = sums[lane + width];
            sums[lane] += other;
        }
        width /= 2;
    }
    rest.fold(sums[0], |sum, x| sum + x)
}

/// A tensor of these numbers.
pub(crate) fn tensor<E: Float>(values: Vec<E>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape.into()), E::dtype())
}

/// The tensor as one contiguous run of numbers from the start of its memory, for `storage`.
pub(crate) fn whole(tensor: FlexTensor) -> FlexTensor {
    let n = tensor.layout().num_elements();
    if tensor.layout().contiguous_offsets() == Some((0, n)) { tensor } else { tensor.to_contiguous() }
}

/// The numbers of a [`whole`] tensor.
pub(crate) fn numbers<E: Float>(tensor: &FlexTensor) -> &[E] {
    &tensor.storage::<E>()[..tensor.layout().num_elements()]
}

/// The numbers of a [`whole`] tensor, for writing. They are copied first if they are shared.
pub(crate) fn numbers_mut<E: Float>(tensor: &mut FlexTensor) -> &mut [E] {
    let n = tensor.layout().num_elements();
    if tensor.storage::<E>().len() > n {
        // It is the start of a larger memory, which would be copied as a whole.
        *tensor = tensor.to_contiguous();
    }
    tensor.storage_mut::<E>()
}

/// Runs `work` compiled for the processor's widest vectors.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Each row of `rows`, `[n, d]`, times its number of `by`, `[n]`; in place if the rows are not shared.
pub(crate) fn scale_rows(rows: FlexTensor, by: FlexTensor) -> FlexTensor {
    let (mut rows, by) = (whole(rows), whole(by));
    let d = rows.layout().shape()[1].max(1);
    on_float!(by.dtype(), E => {
        let block = rows_at_a_time(d);
        let blocks = numbers_mut::<E>(&mut rows).par_chunks_mut(block * d).zip(numbers::<E>(&by).par_chunks(block));
        blocks.for_each(|(rows, by)| {
            vectorised(
                #[inline(always)]
                || {
                    for (row, &by) in rows.chunks_exact_mut(d).zip(by) {
                        row.iter_mut().for_each(|x| *x *= by);
                    }
                },
            );
        });
    });
    rows
}
