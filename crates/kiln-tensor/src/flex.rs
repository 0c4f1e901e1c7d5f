//! The numbers of tensors, and what every kernel does with rows of them.

use std::mem::MaybeUninit;

use burn::{
    backend::flex::{FlexTensor, Layout},
    tensor::{Bytes, Shape},
};

use rayon::prelude::*;

use crate::elementary::Float;

/// Runs the block with `E` as the float type of that name.
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

/// Elements that take about as long as another thread takes to begin with them: 2¹³ cost some 5 µs.
pub(crate) const GRAIN: usize = 1 << 13;

/// How many threads `work` is worth when each should have `grain` of it.
pub(crate) fn threads_for(work: usize, grain: usize) -> usize {
    rayon::current_num_threads().min(work / grain).max(1)
}

/// Rows of `width` elements that a thread should take at a time: enough to be worth it, and no more than fit its caches.
pub(crate) fn rows_at_a_time(width: usize) -> usize {
    (GRAIN / width.max(1)).max(1)
}

/// `n` numbers from `write`: large results are not worth being filled with zeros before.
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

/// Σ, in sixteen sums side by side: fast, and more exact than one after the other.
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

/// The tensor as one run of its numbers, from the beginning of its memory, to be read or written by `storage`.
pub(crate) fn whole(tensor: FlexTensor) -> FlexTensor {
    let n = tensor.layout().num_elements();
    if tensor.layout().contiguous_offsets() == Some((0, n)) { tensor } else { tensor.to_contiguous() }
}

/// The numbers of a [`whole`] tensor.
pub(crate) fn numbers<E: Float>(tensor: &FlexTensor) -> &[E] {
    &tensor.storage::<E>()[..tensor.layout().num_elements()]
}

/// The numbers of a [`whole`] tensor, to be written: they are copied first when another holds them too.
pub(crate) fn numbers_mut<E: Float>(tensor: &mut FlexTensor) -> &mut [E] {
    let n = tensor.layout().num_elements();
    if tensor.storage::<E>().len() > n {
        // The beginning of a larger memory, all of which would be copied with it.
        *tensor = tensor.to_contiguous();
    }
    tensor.storage_mut::<E>()
}

/// Runs `work` compiled for the widest vectors that the processor has.
#[inline(always)]
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Each row of `rows`, `[n, d]`, times its number of `by`, `[n]`; in place when nobody else holds the rows.
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
