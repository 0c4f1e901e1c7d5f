//! Aᵀ·B for matrices with many rows and few columns, such as the gradient of a regression.

use burn_cubecl::{
    cubecl::{self, prelude::*},
    kernel::into_contiguous,
    ops::{permute, reshape},
    tensor::CubeTensor,
};

use super::super::launch::{dim, made, on_number, rows_and_columns, whole};
use crate::cube::UNITS;

/// Rows from which on, and entries of the product up to which, the rows are divided among cubes.
const MANY_ROWS: usize = 4096;
const FEW_ENTRIES: usize = 4096;
/// Rows of a cube at least, and cubes along the rows at most.
const ROWS: usize = 256;
const MOST_CUBES: usize = 1024;

/// The sums of aᵀ·b over parts of the rows. A cube has a part of the rows and `width` entries of the product, for each of which `lanes`
/// of its units take every `lanes`-th row.
#[cube(launch_unchecked)]
fn tall_kernel<F: Float>(a: &[F], b: &[F], sums: &mut [F], rows: u32, columns: u32, by: u32, width: u32, lanes: u32) {
    let (rows, columns, by) = (rows as usize, columns as usize, by as usize);
    let (width, lanes) = (width as usize, lanes as usize);
    let unit = UNIT_POS as usize;
    let entry = CUBE_POS_Y as usize * width + unit % width;
    let lane = unit / width;
    if lane < lanes && entry < columns * by {
        let per_cube = rows.div_ceil(CUBE_COUNT_X as usize);
        let first = CUBE_POS_X as usize * per_cube;
        let last = min(first + per_cube, rows);
        let (i, j) = (entry / by, entry % by);
        let mut sum = F::new(0.0);
        let mut row = first + lane;
        while row < last {
            sum += a[row * columns + i] * b[row * by + j];
            row += lanes;
        }
        sums[(CUBE_POS_X as usize * lanes + lane) * columns * by + entry] = sum;
    }
}

/// Whether the first factor is a transposed matrix with many rows, and the product small.
pub(super) fn is_tall(lhs: &CubeTensor, rhs: &CubeTensor) -> bool {
    let ([m, k], [_, n]) = (rows_and_columns(lhs), rows_and_columns(rhs));
    let strides = lhs.meta.strides();
    k >= MANY_ROWS && m * n <= FEW_ENTRIES && strides[0] == 1 && strides[1] == m
}

/// The product for which [`is_tall`] holds.
#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(super) fn tall(lhs: CubeTensor, rhs: CubeTensor) -> CubeTensor {
    let (a, b) = (into_contiguous(permute(lhs, &[1, 0])), into_contiguous(rhs));
    let ([rows, columns], [_, by]) = (rows_and_columns(&a), rows_and_columns(&b));
    let entries = columns * by;
    let width = entries.min(UNITS);
    let lanes = UNITS / width;
    let cubes = (rows / ROWS).clamp(1, MOST_CUBES);
    let sums = made(&a, [cubes * lanes, entries]);
    on_number!(a.dtype, F => unsafe {
        tall_kernel::launch_unchecked::<F>(
            &a.client,
            CubeCount::Static(cubes as u32, entries.div_ceil(width) as u32, 1),
            dim(),
            whole(&a),
            whole(&b),
            whole(&sums),
            rows as u32,
            columns as u32,
            by as u32,
            width as u32,
            lanes as u32,
        );
    });
    let product = super::linear::sum_rows(sums);
    reshape(product, burn::tensor::Shape::from([columns, by]))
}
