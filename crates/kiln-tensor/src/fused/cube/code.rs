//! The code of the kernels.

use burn_cubecl::cubecl;
use cubecl::prelude::*;

use crate::{
    cube::{UNITS, sum_of_cube},
    fused::Activation,
};

/// Columns, and rows at a time, of a cube that sums over rows.
pub(super) const COLUMNS: usize = 32;
const LANES: usize = UNITS / COLUMNS;

/// y ← act(y + b), for `count` numbers in rows of `columns`.
#[cube(launch_unchecked)]
pub(super) fn finish<F: Float>(y: &mut [F], bias: &[F], count: u32, columns: u32, #[comptime] act: Activation) {
    let at = ABSOLUTE_POS;
    if at < count as usize {
        let sum = y[at] + bias[at % columns as usize];
        match comptime!(act) {
            Activation::Identity => y[at] = sum,
            Activation::Relu => y[at] = max(sum, F::new(0.0)),
            Activation::Tanh => y[at] = sum.tanh(),
        }
    }
}

/// g ← g·act′, which follows from the output y, and the sums of g over the rows of this cube's part. `parts` cubes share a column.
#[cube(launch_unchecked)]
pub(super) fn through<F: Float>(
    grad: &mut [F],
    y: &[F],
    sums: &mut [F],
    rows: u32,
    columns: u32,
    parts: u32,
    #[comptime] act: Activation,
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
                Activation::Identity => {}
                Activation::Relu => {
                    if y[at] <= F::new(0.0) {
                        g = F::new(0.0);
                    }
                    grad[at] = g;
                }
                Activation::Tanh => {
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
pub(super) fn sum_parts<F: Float>(parts: &[F], sums: &mut [F], rows: u32, columns: u32) {
    let column = ABSOLUTE_POS;
    if column < columns as usize {
        let mut sum = F::new(0.0);
        for row in 0..rows as usize {
            sum += parts[row * columns as usize + column];
        }
        sums[column] = sum;
    }
}

/// Σ_j [x_j·l_j − ln(1 + e^l_j)] of a row, and its gradient x − σ(l). A cube does a row.
#[cube(launch_unchecked)]
pub(super) fn bernoulli<F: Float>(
    logits: &[F],
    values: &[F],
    sums: &mut [F],
    gradient: &mut [F],
    rows: u32,
    columns: u32,
) {
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
pub(super) fn scale_rows<F: Float>(rows: &mut [F], by: &[F], count: u32, columns: u32) {
    let at = ABSOLUTE_POS;
    if at < count as usize {
        rows[at] *= by[at / columns as usize];
    }
}

/// μ + σε, and σε in the place of ε.
#[cube(launch_unchecked)]
pub(super) fn sample<F: Float>(loc: &[F], log_scale: &[F], noise: &mut [F], out: &mut [F], count: u32) {
    let at = ABSOLUTE_POS;
    if at < count as usize {
        let deviation = log_scale[at].exp() * noise[at];
        noise[at] = deviation;
        out[at] = loc[at] + deviation;
    }
}

/// Σ_j [½(σ² + μ² − 1) − ln σ] of a row. A thread does a row.
#[cube(launch_unchecked)]
pub(super) fn divergence<F: Float>(loc: &[F], log_scale: &[F], sums: &mut [F], rows: u32, columns: u32) {
    let row = ABSOLUTE_POS;
    if row < rows as usize {
        let mut sum = F::new(0.0);
        for column in 0..columns as usize {
            let at = row * columns as usize + column;
            let (mean, scale) = (loc[at], log_scale[at]);
            let excess = (scale + scale).exp() - F::new(1.0);
            sum += (excess + mean * mean) * F::new(0.5) - scale;
        }
        sums[row] = sum;
    }
}

/// gμ and g(σ² − 1) for the gradient g of each row's sum.
#[cube(launch_unchecked)]
pub(super) fn divergence_back<F: Float>(
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
        by_log_scale[at] = ((scale + scale).exp() - F::new(1.0)) * g;
    }
}

/// β·mean(KL) − mean(ln p), mean(ln p) − mean(KL), −mean(ln p) and mean(KL). One cube does it.
#[cube(launch_unchecked)]
pub(super) fn elbo<F: Float>(
    log_likelihood: &[F],
    kl: &[F],
    beta: InputScalar,
    loss: &mut [F],
    bound: &mut [F],
    reconstruction: &mut [F],
    divergence: &mut [F],
    samples: u32,
    examples: u32,
) {
    let mut fit = F::new(0.0);
    let mut at = UNIT_POS as usize;
    while at < samples as usize {
        fit += log_likelihood[at];
        at += UNITS;
    }
    let mut cost = F::new(0.0);
    let mut at = UNIT_POS as usize;
    while at < examples as usize {
        cost += kl[at];
        at += UNITS;
    }
    let fit = sum_of_cube::<F>(fit) / F::cast_from(samples);
    sync_cube();
    let cost = sum_of_cube::<F>(cost) / F::cast_from(examples);
    if UNIT_POS == 0 {
        loss[0] = cost * beta.get::<F>() - fit;
        bound[0] = fit - cost;
        reconstruction[0] = -fit;
        divergence[0] = cost;
    }
}

/// −g/m for each of m log-likelihoods, and βg/n for each of n divergences.
#[cube(launch_unchecked)]
pub(super) fn elbo_back<F: Float>(
    grad: &[F],
    beta: InputScalar,
    by_likelihood: &mut [F],
    by_kl: &mut [F],
    samples: u32,
    examples: u32,
) {
    let at = ABSOLUTE_POS;
    if at < samples as usize {
        by_likelihood[at] = -grad[0] / F::cast_from(samples);
    }
    if at < examples as usize {
        by_kl[at] = grad[0] * beta.get::<F>() / F::cast_from(examples);
    }
}
