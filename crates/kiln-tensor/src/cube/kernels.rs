//! The kernels of a step: the size of the gradient, what follows from it, and the update.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use super::{
    layout::{Layout, UNITS},
    reduce::{is_finite, largest_of_cube, sum_of_cube},
};
use crate::program::{Op, Program};

/// Numbers that a cube leaves of its part of the gradient: Σ g², max |g|, and how many threads saw a NaN or an infinity.
pub(super) const PARTIAL: usize = 3;

/// The numbers of a `limits`: the largest norm, the largest entry, and the tolerance of the gradient.
pub(super) const LIMITS: usize = 3;

/// What ends the steps until the host looks.
pub(super) mod halt {
    /// The loss or an entry of the gradient is not finite.
    pub(crate) const NOT_FINITE: u32 = 1;
    /// No entry of the gradient is larger than the tolerance.
    pub(crate) const CONVERGED: u32 = 2;
    /// The sum of squares overflowed, although every entry is finite, and the gradient is to be clipped.
    pub(crate) const OVERFLOW: u32 = 3;
}

/// Writes the [`PARTIAL`] numbers of every cube's part of the gradients.
#[cube(launch_unchecked)]
pub(super) fn summarise<F: Float>(
    gradients: &Sequence<Box<[F]>>,
    partials: &mut [F],
    control: &[u32],
    #[comptime] first_cube: usize,
    #[comptime] layout: Layout,
) {
    let unit = UNIT_POS as usize;
    let cube = CUBE_POS;
    let mut square = F::new(0.0);
    let mut most = F::new(0.0);
    let mut bad = F::new(0.0);
    #[unroll]
    for slot in 0..comptime!(layout.slots()) {
        let begin = comptime!(layout.begin(slot));
        let end = comptime!(layout.begin(slot + 1));
        let length = comptime!(layout.length(slot));
        if cube >= begin && cube < end {
            let gradient = gradients.index(slot);
            #[unroll]
            for k in 0..comptime!(layout.per_unit) {
                let at = (cube - begin) * comptime!(layout.per_unit * UNITS) + unit + comptime!(k * UNITS);
                if at < length {
                    let g = gradient[at];
                    square += g * g;
                    most = max(most, g.abs());
                    if !is_finite::<F>(g) {
                        bad = F::new(1.0);
                    }
                }
            }
        }
    }
    let square = sum_of_cube::<F>(square);
    // The memory of a reduction may be used again when all threads have read its result.
    sync_cube();
    let most = largest_of_cube::<F>(most);
    sync_cube();
    let bad = sum_of_cube::<F>(bad);
    // After a halt the numbers of the step that caused it stay, so that the host can say which gradient it was.
    if unit == 0 && control[1] == 0 {
        let at = (cube + first_cube) * PARTIAL;
        partials[at] = square;
        partials[at + 1] = most;
        partials[at + 2] = bad;
    }
}

/// Logs the loss, its terms and the size of the gradient, and decides whether the step is taken, and with which factor.
#[cube(launch_unchecked)]
pub(super) fn decide<F: Float>(
    scalars: &Sequence<Box<[F]>>,
    partials: &[F],
    control: &mut [u32],
    factor: &mut [F],
    log: &mut [F],
    limits: &[F],
    cubes: u32,
    #[comptime] count: usize,
    #[comptime] clips: bool,
    #[comptime] tests: bool,
) {
    let unit = UNIT_POS as usize;
    let mut square = F::new(0.0);
    let mut most = F::new(0.0);
    let mut bad = F::new(0.0);
    let mut cube = unit;
    while cube < cubes as usize {
        square += partials[cube * PARTIAL];
        most = max(most, partials[cube * PARTIAL + 1]);
        bad += partials[cube * PARTIAL + 2];
        cube += UNITS;
    }
    let square = sum_of_cube::<F>(square);
    // The memory of a reduction may be used again when all threads have read its result.
    sync_cube();
    let most = largest_of_cube::<F>(most);
    sync_cube();
    let bad = sum_of_cube::<F>(bad);
    if unit == 0 && control[1] == 0 {
        let row = control[0] as usize;
        let at = row * comptime!(count + 2);
        #[unroll]
        for k in 0..count {
            let scalar = scalars.index(k);
            log[at + k] = scalar[0];
        }
        log[at + count] = square;
        log[at + count + 1] = most;
        control[0] += 1;
        let loss = scalars.index(0);
        if !is_finite::<F>(loss[0]) || bad > F::new(0.0) {
            control[1] = halt::NOT_FINITE;
        } else {
            if comptime!(tests) && most <= limits[2] {
                control[1] = halt::CONVERGED;
            }
            if comptime!(clips) {
                if is_finite::<F>(square) {
                    let norm = square.sqrt();
                    if norm > limits[0] {
                        factor[0] = limits[0] / norm;
                    } else {
                        factor[0] = F::new(1.0);
                    }
                } else if control[1] == 0 {
                    control[1] = halt::OVERFLOW;
                }
            }
        }
    }
}

/// How the gradient reaches the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Taken {
    /// It is multiplied by the factor of the step.
    pub(super) scaled: bool,
    /// Its entries are clamped.
    pub(super) clamped: bool,
}

/// Runs the program on every element, unless the steps have halted.
#[cube(launch_unchecked)]
pub(super) fn update<F: Float>(
    gradients: &Sequence<Box<[F]>>,
    states: &mut Sequence<Box<[F]>>,
    coefficients: &[F],
    control: &[u32],
    factor: &[F],
    limits: &[F],
    from: u32,
    per_step: u32,
    #[comptime] layout: Layout,
    #[comptime] program: Program,
    #[comptime] taken: Taken,
) {
    if control[1] != 0 {
        terminate!();
    }
    let unit = UNIT_POS as usize;
    let cube = CUBE_POS;
    // The step has been counted already.
    let from = (control[0] - 1) as usize * per_step as usize + from as usize;
    #[unroll]
    for slot in 0..comptime!(layout.slots()) {
        let begin = comptime!(layout.begin(slot));
        let end = comptime!(layout.begin(slot + 1));
        let length = comptime!(layout.length(slot));
        let first = comptime!(slot * program.outputs.len());
        if cube >= begin && cube < end {
            let gradient = gradients.index(slot);
            #[unroll]
            for k in 0..comptime!(layout.per_unit) {
                let at = (cube - begin) * comptime!(layout.per_unit * UNITS) + unit + comptime!(k * UNITS);
                if at < length {
                    let mut g = gradient[at];
                    if comptime!(taken.scaled) {
                        g *= factor[0];
                    }
                    if comptime!(taken.clamped) {
                        g = max(min(g, limits[1]), -limits[1]);
                    }
                    let mut done = Sequence::<F>::new();
                    #[unroll]
                    for i in 0..comptime!(program.ops.len()) {
                        let op = comptime!(program.ops[i]);
                        match op {
                            Op::State(n) => {
                                let state = states.index(comptime!(first + n));
                                done.push(state[at]);
                            }
                            Op::Gradient => done.push(g),
                            Op::Coefficient(n) => done.push(coefficients[from + n]),
                            Op::Add(a, b) => done.push(*done.index(a) + *done.index(b)),
                            Op::Sub(a, b) => done.push(*done.index(a) - *done.index(b)),
                            Op::Mul(a, b) => done.push(*done.index(a) * *done.index(b)),
                            Op::Div(a, b) => done.push(*done.index(a) / *done.index(b)),
                            Op::Neg(a) => done.push(-*done.index(a)),
                            Op::Sqrt(a) => done.push((*done.index(a)).sqrt()),
                        }
                    }
                    #[unroll]
                    for n in 0..comptime!(program.outputs.len()) {
                        let value = *done.index(comptime!(program.outputs[n]));
                        let state = states.index_mut(comptime!(first + n));
                        state[at] = value;
                    }
                }
            }
        }
    }
}
