//! Σ x² and max |x| in one pass.

use burn::{backend::flex::FlexTensor, tensor::ElementConversion};
use rayon::prelude::*;

use crate::{
    elementary::Float,
    flex::{GRAIN, numbers, on_float, tensor, vectorised, whole},
};

/// Both of shape `[1]`.
pub(super) fn squared_norm_and_max_abs(x: FlexTensor) -> [FlexTensor; 2] {
    let x = whole(x);
    on_float!(x.dtype(), E => {
        let blocks: Vec<[E; 2]> = numbers::<E>(&x)
            .par_chunks(GRAIN)
            .map(|block| {
                vectorised(
                    #[inline(always)]
                    || of_block(block),
                )
            })
            .collect();
        // The sums of the blocks are added in f64, because there may be thousands of blocks.
        let square: f64 = blocks.iter().map(|[square, _]| square.elem::<f64>()).sum();
        let largest = blocks.iter().fold(E::ZERO, |largest, [_, x]| x.or_more(largest));
        // A comparison ignores NaN; a sum does not.
        let largest = if square.is_nan() { square.elem::<E>() } else { largest };
        [tensor(vec![square.elem::<E>()], [1]), tensor(vec![largest], [1])]
    })
}

/// In parallel lanes, for vectors of any width.
#[inline(always)]
fn of_block<E: Float>(block: &[E]) -> [E; 2] {
    const LANES: usize = 32;
    let (mut squares, mut largest) = ([E::ZERO; LANES], [E::ZERO; LANES]);
    let chunks = block.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for lane in 0..LANES {
            squares[lane] += chunk[lane] * chunk[lane];
            largest[lane] = chunk[lane].abs().or_more(largest[lane]);
        }
    }
    for (lane, x) in rest.iter().enumerate() {
        squares[lane] += *x * *x;
        largest[lane] = x.abs().or_more(largest[lane]);
    }
    let square = squares.into_iter().fold(E::ZERO, |sum, x| sum + x);
    [square, largest.into_iter().fold(E::ZERO, |largest, x| x.or_more(largest))]
}
