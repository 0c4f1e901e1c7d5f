//! Blocks of rows, and how their sums are divided among threads.

use std::{ops::Range, sync::OnceLock};

use rayon::prelude::*;

/// About the number of entries of a block, which should stay in the processor's second cache.
const BLOCK: usize = 16_384;

/// Returns the ranges of rows that make the blocks of a matrix. They depend on the shape only.
#[allow(clippy::single_range_in_vec_init, reason = "a block is a range")]
pub(crate) fn blocks(rows: usize, width: usize) -> Vec<Range<usize>> {
    let size = (BLOCK / width.max(1)).clamp(16, 1024);
    (0..rows).step_by(size).map(|start| start..(start + size).min(rows)).collect()
}

/// Groups blocks into parts that are summed one after the other: few enough that `size` numbers per part fit into memory. The parts
/// depend on the shape only, so that the number of threads does not change a bit.
pub(crate) fn parts(blocks: Vec<Range<usize>>, size: usize) -> Vec<Vec<Range<usize>>> {
    const NUMBERS: usize = 8_000_000;
    let count = (NUMBERS / size.max(1)).clamp(4, 64).min(blocks.len().max(1));
    let each = blocks.len().div_ceil(count).max(1);
    blocks.chunks(each).map(<[_]>::to_vec).collect()
}

/// Calls `each` for every item, on all threads, and returns the results in order.
pub(crate) fn map<I: Sync, T: Send + Sync>(items: &[I], each: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let results: Vec<OnceLock<T>> = items.iter().map(|_| OnceLock::new()).collect();
    share(items.len(), &|i| assert!(results[i].set(each(&items[i])).is_ok(), "an item has one result"));
    results.into_iter().map(|result| result.into_inner().expect("every item has a result")).collect()
}

/// Calls `each` for the numbers below `count`, on all threads.
///
/// The function is not generic, because the code that divides work among threads is large: it is compiled once, and not for each closure.
fn share(count: usize, each: &(dyn Fn(usize) + Sync)) {
    (0..count).into_par_iter().for_each(each);
}

/// Sums vectors of `size` numbers over the blocks of a matrix. `add` gets scratch memory that a thread keeps from block to block.
pub(crate) fn sums<S: Default>(
    (rows, width): (usize, usize),
    size: usize,
    add: impl Fn(&mut [f64], Range<usize>, &mut S) + Sync,
) -> Vec<f64> {
    sums_of(blocks(rows, width), size, add)
}

/// The same over some blocks.
pub(crate) fn sums_of<S: Default>(
    blocks: Vec<Range<usize>>,
    size: usize,
    add: impl Fn(&mut [f64], Range<usize>, &mut S) + Sync,
) -> Vec<f64> {
    let all = map(&parts(blocks, size), |blocks| {
        let (mut sum, mut scratch) = (vec![0.0; size], S::default());
        blocks.iter().for_each(|block| add(&mut sum, block.clone(), &mut scratch));
        sum
    });
    all.iter().fold(vec![0.0; size], |mut total, part| {
        total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
        total
    })
}
