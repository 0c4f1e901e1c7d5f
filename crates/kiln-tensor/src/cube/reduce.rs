//! Reductions over the threads of a cube, and whether a number is finite.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::layout::UNITS;

/// The sum of a number of every thread of the cube, for all of its threads.
#[cube]
pub(crate) fn sum_of_cube<F: Float>(number: F) -> F {
    let mut sums = Shared::new_slice(UNITS);
    let unit = UNIT_POS as usize;
    sums[unit] = number;
    sync_cube();
    let mut half = comptime!(UNITS / 2).runtime();
    while half > 0 {
        if unit < half {
            let other = sums[unit + half];
            sums[unit] += other;
        }
        sync_cube();
        half /= 2;
    }
    sums[0]
}

/// The largest of a number of every thread of the cube, for all of its threads.
#[cube]
pub(crate) fn largest_of_cube<F: Float>(number: F) -> F {
    let mut numbers = Shared::new_slice(UNITS);
    let unit = UNIT_POS as usize;
    numbers[unit] = number;
    sync_cube();
    let mut half = comptime!(UNITS / 2).runtime();
    while half > 0 {
        if unit < half {
            let largest = max(numbers[unit], numbers[unit + half]);
            numbers[unit] = largest;
        }
        sync_cube();
        half /= 2;
    }
    numbers[0]
}

/// Looks at the bits: a compiler for a GPU may assume that a comparison sees no NaN.
#[cube]
pub(crate) fn is_finite<F: Float>(x: F) -> bool {
    // The size of the type that the kernel is compiled for: that of `F` in Rust says nothing.
    let bits = F::size_bits().comptime();
    let high = if comptime!(bits == 64) {
        u32::cast_from(u64::reinterpret(x) >> 32u64) & 0x7ff0_0000u32
    } else {
        (u32::reinterpret(x) & 0x7f80_0000u32) >> 3u32
    };
    high != comptime!(if bits == 64 { 0x7ff0_0000u32 } else { 0x0ff0_0000u32 })
}
