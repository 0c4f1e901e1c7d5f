//! Log-likelihoods of rows with their gradients.

#![allow(clippy::eq_op, reason = "0/0 is a NaN that no compiler for a GPU folds")]

use burn::tensor::DType;
use burn_cubecl::{
    cubecl::{self, prelude::*},
    kernel::into_contiguous,
    tensor::CubeTensor,
};

use super::super::launch::{count, dim, each, made, on_number, own, rows_and_columns, sums_of, whole};
use crate::cube::{UNITS, largest_of_cube, spread, sum_of_cube};
/// Σ_j [x_j·l_j − ln(1 + e^l_j)] of a row, and its gradient x − σ(l). A cube does a row.
#[cube(launch_unchecked)]
fn bernoulli_kernel<F: Float>(logits: &[F], values: &[F], sums: &mut [F], gradient: &mut [F], rows: u32, columns: u32) {
    let row = CUBE_POS;
    let columns = columns as usize;
    let mut column = UNIT_POS as usize;
    let mut sum = F::new(0.0);
    // A large number of cubes is a rectangle, the last of which have no row.
    let last = if row < rows as usize { columns } else { 0usize.runtime() };
    while column < last {
        let at = row * columns + column;
        let (l, x) = (logits[at], values[at]);
        let tail = (-l.abs()).exp();
        sum += (l * x - max(l, F::new(0.0))) - tail.log1p();
        // σ(l) without overflow, and without cancellation for small tails.
        let share = F::new(1.0) / (F::new(1.0) + tail);
        let sigma = if l >= F::new(0.0) { share } else { tail * share };
        gradient[at] = x - sigma;
        column += UNITS;
    }
    let total = sum_of_cube::<F>(sum);
    if UNIT_POS == 0 && row < rows as usize {
        sums[row] = total;
    }
}

/// Each row times its number.
#[cube(launch_unchecked)]
fn scale_rows_kernel<F: Float>(rows: &mut [F], by: &[F], count: u32, columns: u32) {
    let at = ABSOLUTE_POS;
    if at < count as usize {
        rows[at] *= by[at / columns as usize];
    }
}

/// l_y − ln Σ_k e^l_k of a row, and its gradient one-hot(y) − softmax(l). A thread does a row, or a cube does if `by_cube`. A class that is
/// not there gives NaN.
#[cube(launch_unchecked)]
fn categorical_kernel<F: Float, I: Int>(
    logits: &[F],
    classes: &[I],
    log_probs: &mut [F],
    gradient: &mut [F],
    rows: u32,
    columns: u32,
    #[comptime] by_cube: bool,
) {
    let mut row = ABSOLUTE_POS;
    let mut lane = 0usize.runtime();
    let mut lanes = 1usize.runtime();
    if comptime!(by_cube) {
        row = CUBE_POS;
        lane = UNIT_POS as usize;
        lanes = comptime!(UNITS).runtime();
    }
    let columns = columns as usize;
    let is_there = row < rows as usize;
    let last = if is_there { columns } else { 0usize.runtime() };
    let first = if is_there { row * columns } else { 0usize.runtime() };
    let mut largest = logits[first];
    let mut k = lane;
    while k < last {
        largest = max(largest, logits[first + k]);
        k += lanes;
    }
    if comptime!(by_cube) {
        largest = largest_of_cube::<F>(largest);
        sync_cube();
    }
    let mut sum = F::new(0.0);
    let mut k = lane;
    while k < last {
        let weight = (logits[first + k] - largest).exp();
        gradient[first + k] = weight;
        sum += weight;
        k += lanes;
    }
    if comptime!(by_cube) {
        sum = sum_of_cube::<F>(sum);
    }
    let class = if is_there { i32::cast_from(classes[row]) } else { 0i32.runtime() };
    let mut k = lane;
    while k < last {
        let weight = gradient[first + k] / sum;
        let is_class = i32::cast_from(k as u32) == class;
        gradient[first + k] = if is_class { F::new(1.0) - weight } else { -weight };
        k += lanes;
    }
    if is_there && lane == 0 {
        let known = class >= 0 && class < i32::cast_from(columns as u32);
        let at = if known { class as usize } else { 0usize.runtime() };
        let log_prob = (logits[first + at] - largest) - sum.ln();
        // 0/0, which no compiler knows.
        let nothing = sum - sum;
        log_probs[row] = if known { log_prob } else { nothing / nothing };
    }
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn bernoulli(logits: CubeTensor, values: CubeTensor) -> (CubeTensor, CubeTensor) {
    let (logits, values) = (into_contiguous(logits), into_contiguous(values));
    let [rows, columns] = rows_and_columns(&logits);
    let (sums, gradient) = (made(&logits, [rows]), made(&logits, [rows, columns]));
    if rows > 0 {
        on_number!(logits.dtype, F => unsafe {
            bernoulli_kernel::launch_unchecked::<F>(
                &logits.client,
                spread(rows),
                dim(),
                whole(&logits),
                whole(&values),
                whole(&sums),
                whole(&gradient),
                rows as u32,
                columns as u32,
            );
        });
    }
    (sums, gradient)
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn scale_rows(rows: CubeTensor, by: CubeTensor) -> CubeTensor {
    let (rows, by) = (own(rows), into_contiguous(by));
    let [_, columns] = rows_and_columns(&rows);
    if count(&rows) > 0 {
        on_number!(rows.dtype, F => unsafe {
            scale_rows_kernel::launch_unchecked::<F>(
                &rows.client,
                each(count(&rows)),
                dim(),
                whole(&rows),
                whole(&by),
                count(&rows) as u32,
                columns as u32,
            );
        });
    }
    rows
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn categorical(logits: CubeTensor, classes: CubeTensor) -> (CubeTensor, CubeTensor) {
    let (logits, classes) = (into_contiguous(logits), into_contiguous(classes));
    let [rows, columns] = rows_and_columns(&logits);
    let (log_probs, gradient) = (made(&logits, [rows]), made(&logits, [rows, columns]));
    if rows > 0 {
        let (cubes, by_cube) = sums_of(rows, columns);
        on_number!(logits.dtype, F => {
            macro_rules! launch {
                ($int:ty) => {
                    unsafe {
                        categorical_kernel::launch_unchecked::<F, $int>(
                            &logits.client,
                            cubes,
                            dim(),
                            whole(&logits),
                            whole(&classes),
                            whole(&log_probs),
                            whole(&gradient),
                            rows as u32,
                            columns as u32,
                            by_cube,
                        );
                    }
                };
            }
            match classes.dtype {
                DType::I64 => launch!(i64),
                DType::U32 => launch!(u32),
                _ => launch!(i32),
            }
        });
    }
    (log_probs, gradient)
}
