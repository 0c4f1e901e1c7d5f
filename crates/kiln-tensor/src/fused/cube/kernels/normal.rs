//! Reparameterised samples of normal distributions, and their divergence from the standard one.

use burn_cubecl::{
    cubecl::{self, prelude::*},
    kernel::into_contiguous,
    tensor::CubeTensor,
};

use super::super::launch::{count, dim, each, made, on_number, rows_and_columns, whole};
/// σ² − 1.
#[cube]
fn excess<F: Float>(log_scale: F) -> F {
    (log_scale + log_scale).exp() - F::new(1.0)
}

/// ½(σ² + μ² − 1) − ln σ.
#[cube]
fn divergence_of<F: Float>(loc: F, log_scale: F) -> F {
    (excess::<F>(log_scale) + loc * loc) * F::new(0.5) - log_scale
}

/// μ + σε, and σε.
#[cube(launch_unchecked)]
fn sample_kernel<F: Float>(loc: &[F], log_scale: &[F], noise: &[F], out: &mut [F], deviations: &mut [F], count: u32) {
    let at = ABSOLUTE_POS;
    if at < count as usize {
        let deviation = log_scale[at].exp() * noise[at];
        deviations[at] = deviation;
        out[at] = loc[at] + deviation;
    }
}

/// Σ_j [½(σ² + μ² − 1) − ln σ] of a row. A thread does a row.
#[cube(launch_unchecked)]
fn divergence_kernel<F: Float>(loc: &[F], log_scale: &[F], sums: &mut [F], rows: u32, columns: u32) {
    let row = ABSOLUTE_POS;
    if row < rows as usize {
        let mut sum = F::new(0.0);
        for column in 0..columns as usize {
            let at = row * columns as usize + column;
            sum += divergence_of::<F>(loc[at], log_scale[at]);
        }
        sums[row] = sum;
    }
}

/// μ + σε, σε, and the divergence of each row. A thread does a row.
#[cube(launch_unchecked)]
fn sample_with_divergence_kernel<F: Float>(
    loc: &[F],
    log_scale: &[F],
    noise: &[F],
    out: &mut [F],
    deviations: &mut [F],
    sums: &mut [F],
    rows: u32,
    columns: u32,
) {
    let row = ABSOLUTE_POS;
    if row < rows as usize {
        let mut sum = F::new(0.0);
        for column in 0..columns as usize {
            let at = row * columns as usize + column;
            let (mean, scale) = (loc[at], log_scale[at]);
            let deviation = scale.exp() * noise[at];
            deviations[at] = deviation;
            out[at] = mean + deviation;
            sum += divergence_of::<F>(mean, scale);
        }
        sums[row] = sum;
    }
}

/// gμ and g(σ² − 1) for the gradient g of each row's sum.
#[cube(launch_unchecked)]
fn divergence_back_kernel<F: Float>(
    loc: &[F],
    log_scale: &[F],
    grad: &[F],
    by_loc: &mut [F],
    by_log_scale: &mut [F],
    count: u32,
    columns: u32,
) {
    let at = ABSOLUTE_POS;
    if at < count as usize {
        let (g, scale) = (grad[at / columns as usize], log_scale[at]);
        by_loc[at] = loc[at] * g;
        by_log_scale[at] = excess::<F>(scale) * g;
    }
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn sample(
    loc: CubeTensor,
    log_scale: CubeTensor,
    noise: CubeTensor,
) -> (CubeTensor, CubeTensor) {
    let (loc, log_scale, noise) = (into_contiguous(loc), into_contiguous(log_scale), into_contiguous(noise));
    let [rows, columns] = rows_and_columns(&loc);
    let [out, deviations] = [(); 2].map(|()| made(&loc, [rows, columns]));
    if count(&loc) > 0 {
        on_number!(loc.dtype, F => unsafe {
            sample_kernel::launch_unchecked::<F>(
                &loc.client,
                each(count(&loc)),
                dim(),
                whole(&loc),
                whole(&log_scale),
                whole(&noise),
                whole(&out),
                whole(&deviations),
                count(&loc) as u32,
            );
        });
    }
    (out, deviations)
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn divergence(loc: CubeTensor, log_scale: CubeTensor) -> CubeTensor {
    let (loc, log_scale) = (into_contiguous(loc), into_contiguous(log_scale));
    let [rows, columns] = rows_and_columns(&loc);
    let sums = made(&loc, [rows]);
    if rows > 0 {
        on_number!(loc.dtype, F => unsafe {
            divergence_kernel::launch_unchecked::<F>(
                &loc.client,
                each(rows),
                dim(),
                whole(&loc),
                whole(&log_scale),
                whole(&sums),
                rows as u32,
                columns as u32,
            );
        });
    }
    sums
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn sample_with_divergence(
    loc: CubeTensor,
    log_scale: CubeTensor,
    noise: CubeTensor,
) -> (CubeTensor, CubeTensor, CubeTensor) {
    let (loc, log_scale, noise) = (into_contiguous(loc), into_contiguous(log_scale), into_contiguous(noise));
    let [rows, columns] = rows_and_columns(&loc);
    let [out, deviations] = [(); 2].map(|()| made(&loc, [rows, columns]));
    let sums = made(&loc, [rows]);
    if rows > 0 {
        on_number!(loc.dtype, F => unsafe {
            sample_with_divergence_kernel::launch_unchecked::<F>(
                &loc.client,
                each(rows),
                dim(),
                whole(&loc),
                whole(&log_scale),
                whole(&noise),
                whole(&out),
                whole(&deviations),
                whole(&sums),
                rows as u32,
                columns as u32,
            );
        });
    }
    (out, deviations, sums)
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn divergence_back(
    loc: CubeTensor,
    log_scale: CubeTensor,
    grad: CubeTensor,
) -> (CubeTensor, CubeTensor) {
    let (loc, log_scale, grad) = (into_contiguous(loc), into_contiguous(log_scale), into_contiguous(grad));
    let [rows, columns] = rows_and_columns(&loc);
    let (by_loc, by_log_scale) = (made(&loc, [rows, columns]), made(&loc, [rows, columns]));
    if count(&loc) > 0 {
        on_number!(loc.dtype, F => unsafe {
            divergence_back_kernel::launch_unchecked::<F>(
                &loc.client,
                each(count(&loc)),
                dim(),
                whole(&loc),
                whole(&log_scale),
                whole(&grad),
                whole(&by_loc),
                whole(&by_log_scale),
                count(&loc) as u32,
                columns as u32,
            );
        });
    }
    (by_loc, by_log_scale)
}
