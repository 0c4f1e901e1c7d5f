//! Matrix products by the `gemm` crate, into memory that is not cleared first.

use std::mem::MaybeUninit;

use burn::backend::flex::FlexTensor;
use gemm::Parallelism;

use crate::{
    elementary::Float,
    flex::{threads_for, written},
};

/// Number of multiplications that take about as long as starting another thread: 2¹⁷ take some 4 µs on one core.
pub(super) const GRAIN: usize = 1 << 17;

/// A matrix in its own memory or a tensor's: entry (i, j) is at `start + i·row + j·column`.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a, E> {
    data: &'a [E],
    shape: [usize; 2],
    stride: [usize; 2],
}

impl<'a, E: Float> Matrix<'a, E> {
    /// A tensor of rank 2 with positive strides: see [`readable`].
    pub(super) fn of(tensor: &'a FlexTensor) -> Self {
        let layout = tensor.layout();
        let [rows, columns] = layout.shape()[..] else { panic!("a matrix has two axes") };
        let [row, column] = layout.strides()[..] else { panic!("a matrix has two axes") };
        let data = &tensor.storage::<E>()[layout.start_offset()..];
        let stride = [row, column].map(|s| usize::try_from(s).expect("strides are not negative"));
        Self { data, shape: [rows, columns], stride }
    }

    /// A matrix in row-major order.
    pub(super) fn rows_of(data: &'a [E], columns: usize) -> Self {
        Self { data, shape: [data.len() / columns.max(1), columns], stride: [columns, 1] }
    }

    /// The transposed matrix.
    pub(super) fn transposed(self) -> Self {
        let ([rows, columns], [row, column]) = (self.shape, self.stride);
        Self { shape: [columns, rows], stride: [column, row], ..self }
    }

    pub(super) fn rows(self) -> usize {
        self.shape[0]
    }

    pub(super) fn columns(self) -> usize {
        self.shape[1]
    }

    fn block(self, from: usize, count: usize) -> Self {
        let start = if count == 0 { 0 } else { from * self.stride[0] };
        Self { data: &self.data[start..], shape: [count, self.shape[1]], ..self }
    }

    /// Whether every entry is inside of the memory.
    fn is_sound(self) -> bool {
        let last = |axis: usize| (self.shape[axis] - 1) * self.stride[axis];
        self.shape.contains(&0) || last(0) + last(1) < self.data.len()
    }
}

/// The tensor itself if its strides are not negative (they are after `flip` only), otherwise a copy in order.
pub(super) fn readable(tensor: FlexTensor) -> FlexTensor {
    if tensor.layout().has_positive_strides() { tensor } else { tensor.to_contiguous() }
}

/// `left`·`right`, in row-major order.
pub(super) fn product<E: Float>(left: Matrix<'_, E>, right: Matrix<'_, E>) -> Vec<E> {
    product_then(left, right, &|_| {})
}

/// `left`·`right`, in row-major order. `finish` sees each block of rows while it is in the cache.
pub(super) fn product_then<E: Float>(
    left: Matrix<'_, E>,
    right: Matrix<'_, E>,
    finish: &(impl Fn(&mut [E]) + Sync),
) -> Vec<E> {
    let (rows, columns) = (left.rows(), right.columns());
    let size = rows.checked_mul(columns).expect("a product that fits into memory");
    let threads = threads_for(size.saturating_mul(right.rows()), GRAIN);
    // `gemm`'s order of summation depends on the sizes for products of at most 64 columns. Those are not cut, so that the number of
    // threads does not change the bits. A right matrix that is read across its rows is rearranged first: once by `gemm`'s own
    // threads, but anew for each block.
    let by_blocks = columns > 64 && right.stride[1] == 1;
    // SAFETY: either way writes all of its rows.
    #[allow(unsafe_code, reason = "memory that is written whole")]
    unsafe {
        written(size, |out| match (threads, by_blocks) {
            (1, _) => finish(multiply(out, left, right, Parallelism::None)),
            (_, false) => finish(multiply(out, left, right, Parallelism::Rayon(threads))),
            _ => block(out, left, right, threads, finish),
        })
    }
}

/// Writes all of `out`.
fn block<E: Float>(
    out: &mut [MaybeUninit<E>],
    left: Matrix<'_, E>,
    right: Matrix<'_, E>,
    threads: usize,
    finish: &(impl Fn(&mut [E]) + Sync),
) {
    let rows = left.shape[0];
    // Fewer rows would leave a core's registers half empty.
    const LEAST: usize = 8;
    if threads <= 1 || rows < 2 * LEAST {
        return finish(multiply(out, left, right, Parallelism::None));
    }
    let above = rows * (threads / 2) / threads;
    let (first, second) = out.split_at_mut(above * right.shape[1]);
    rayon::join(
        || block(first, left.block(0, above), right, threads / 2, finish),
        || block(second, left.block(above, rows - above), right, threads - threads / 2, finish),
    );
}

/// [`product`] by this thread alone, into memory at hand.
pub(super) fn multiply_alone<'o, E: Float>(
    out: &'o mut [MaybeUninit<E>],
    left: Matrix<'_, E>,
    right: Matrix<'_, E>,
) -> &'o mut [E] {
    multiply(out, left, right, Parallelism::None)
}

/// Adds `left`·`right` to `sum`, by this thread alone.
pub(super) fn add_product<E: Float>(sum: &mut [E], left: Matrix<'_, E>, right: Matrix<'_, E>) {
    assert_eq!(sum.len(), left.rows() * right.columns());
    // SAFETY: `sum` has as many numbers as the product, and each has a value.
    #[allow(unsafe_code, reason = "the interface of the `gemm` crate")]
    unsafe {
        into(sum.as_mut_ptr(), true, left, right, Parallelism::None);
    }
}

#[allow(unsafe_code, reason = "the interface of the `gemm` crate")]
fn multiply<'o, E: Float>(
    out: &'o mut [MaybeUninit<E>],
    left: Matrix<'_, E>,
    right: Matrix<'_, E>,
    parallelism: Parallelism,
) -> &'o mut [E] {
    assert_eq!(out.len(), left.rows() * right.columns());
    // SAFETY: `out` has as many numbers as the product. They are written completely without being read.
    unsafe {
        into(out.as_mut_ptr().cast::<E>(), false, left, right, parallelism);
        out.assume_init_mut()
    }
}

/// Writes `left`·`right`, or adds it.
///
/// # Safety
/// `out` must point to as many numbers as the product has, which nothing else uses. They are read only if `adds`.
#[allow(unsafe_code, reason = "the interface of the `gemm` crate")]
unsafe fn into<E: Float>(out: *mut E, adds: bool, left: Matrix<'_, E>, right: Matrix<'_, E>, parallelism: Parallelism) {
    let ([rows, inner], [_, columns]) = (left.shape, right.shape);
    assert!(left.is_sound() && right.is_sound() && right.shape[0] == inner);
    // SAFETY: as asserted and required, all entries of the three matrices are inside of their memories.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            out,
            1,
            columns as isize,
            adds,
            left.data.as_ptr(),
            left.stride[1] as isize,
            left.stride[0] as isize,
            right.data.as_ptr(),
            right.stride[1] as isize,
            right.stride[0] as isize,
            if adds { E::ONE } else { E::ZERO },
            E::ONE,
            false,
            false,
            false,
            parallelism,
        );
    }
}
