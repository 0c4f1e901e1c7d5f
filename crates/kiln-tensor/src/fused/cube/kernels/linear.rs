//! Bias and activation of a linear layer, and their gradients.

use burn_cubecl::{
    cubecl::{self, prelude::*},
    kernel::into_contiguous,
    tensor::CubeTensor,
};

use super::super::launch::{count, dim, each, made, on_number, own, rows_and_columns, whole};
use crate::{cube::UNITS, fused::epilogue::Epilogue};
/// Columns, and rows at a time, of a cube that sums over rows.
const COLUMNS: usize = 32;
const LANES: usize = UNITS / COLUMNS;

/// y ← act(y + b), for `count` numbers in rows of `columns`.
#[cube(launch_unchecked)]
fn finish_kernel<F: Float>(y: &mut [F], bias: &[F], count: u32, columns: u32, #[comptime] act: Epilogue) {
    let at = ABSOLUTE_POS;
    if at < count as usize {
        let sum = y[at] + bias[at % columns as usize];
        match comptime!(act) {
            Epilogue::Identity => y[at] = sum,
            Epilogue::Relu => y[at] = max(sum, F::new(0.0)),
            Epilogue::Tanh => y[at] = sum.tanh(),
        }
    }
}

/// g ← g·act′, which follows from the output y, and the sums of g over the rows of this cube's part. `parts` cubes share a column.
#[cube(launch_unchecked)]
fn through_kernel<F: Float>(
    grad: &mut [F],
    y: &[F],
    sums: &mut [F],
    rows: u32,
    columns: u32,
    parts: u32,
    #[comptime] act: Epilogue,
) {
    let mut shared = Shared::new_slice(UNITS);
    let unit = UNIT_POS as usize;
    let (columns, rows) = (columns as usize, rows as usize);
    let column = CUBE_POS_X as usize * COLUMNS + unit % COLUMNS;
    let lane = unit / COLUMNS;
    let per_part = rows.div_ceil(parts as usize);
    let first = CUBE_POS_Y as usize * per_part;
    let last = min(first + per_part, rows);
    let mut sum = F::new(0.0);
    if column < columns {
        let mut row = first + lane;
        while row < last {
            let at = row * columns + column;
            let mut g = grad[at];
            match comptime!(act) {
                Epilogue::Identity => {}
                Epilogue::Relu => {
                    if y[at] <= F::new(0.0) {
                        g = F::new(0.0);
                    }
                    grad[at] = g;
                }
                Epilogue::Tanh => {
                    g *= F::new(1.0) - y[at] * y[at];
                    grad[at] = g;
                }
            }
            sum += g;
            row += LANES;
        }
    }
    shared[unit] = sum;
    sync_cube();
    let mut half = comptime!(LANES / 2).runtime();
    while half > 0 {
        if lane < half {
            let other = shared[unit + half * COLUMNS];
            shared[unit] += other;
        }
        sync_cube();
        half /= 2;
    }
    if lane == 0 && column < columns {
        sums[CUBE_POS_Y as usize * columns + column] = shared[unit];
    }
}

/// The sum of each of `columns` columns.
#[cube(launch_unchecked)]
fn sum_parts_kernel<F: Float>(parts: &[F], sums: &mut [F], rows: u32, columns: u32) {
    let column = ABSOLUTE_POS;
    if column < columns as usize {
        let mut sum = F::new(0.0);
        for row in 0..rows as usize {
            sum += parts[row * columns as usize + column];
        }
        sums[column] = sum;
    }
}

/// Rows that a cube sums at most.
const ROWS: usize = 512;

/// g·act′ in place, and its sum over the rows.
#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
fn through_with_sums(grad: CubeTensor, y: &CubeTensor, act: Epilogue) -> (CubeTensor, CubeTensor) {
    let [rows, columns] = rows_and_columns(&grad);
    let parts = rows.div_ceil(ROWS).max(1);
    let sums = made(&grad, [columns]);
    let partial = if parts == 1 { sums.clone() } else { made(&grad, [parts, columns]) };
    if columns > 0 {
        on_number!(grad.dtype, F => unsafe {
            through_kernel::launch_unchecked::<F>(
                &grad.client,
                CubeCount::Static(columns.div_ceil(COLUMNS) as u32, parts as u32, 1),
                dim(),
                whole(&grad),
                whole(y),
                whole(&partial),
                rows as u32,
                columns as u32,
                parts as u32,
                act,
            );
            if parts > 1 {
                sum_parts_kernel::launch_unchecked::<F>(
                    &grad.client,
                    each(columns),
                    dim(),
                    whole(&partial),
                    whole(&sums),
                    parts as u32,
                    columns as u32,
                );
            }
        });
    }
    (grad, sums)
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn finish(y: CubeTensor, bias: CubeTensor, act: Epilogue) -> CubeTensor {
    let (y, bias) = (own(y), into_contiguous(bias));
    if count(&y) > 0 {
        on_number!(y.dtype, F => unsafe {
            finish_kernel::launch_unchecked::<F>(
                &y.client,
                each(count(&y)),
                dim(),
                whole(&y),
                whole(&bias),
                count(&y) as u32,
                count(&bias) as u32,
                act,
            );
        });
    }
    y
}

pub(in crate::fused::cube) fn through(grad: CubeTensor, y: CubeTensor, act: Epilogue) -> (CubeTensor, CubeTensor) {
    through_with_sums(own(grad), &into_contiguous(y), act)
}

pub(in crate::fused::cube) fn sum_rows(x: CubeTensor) -> CubeTensor {
    let x = into_contiguous(x);
    through_with_sums(x.clone(), &x, Epilogue::Identity).1
}
