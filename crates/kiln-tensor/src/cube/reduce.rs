//! Reductions over the threads of a cube.

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
