//! The evidence lower bound of a minibatch.

use burn_cubecl::{
    cubecl::{self, prelude::*},
    kernel::into_contiguous,
    tensor::CubeTensor,
};

use super::super::launch::{count, dim, each, made, on_number, whole};
use crate::cube::{UNITS, sum_of_cube};
/// β·mean(KL) − mean(ln p), mean(ln p) − mean(KL), −mean(ln p) and mean(KL). One cube does it.
#[cube(launch_unchecked)]
fn elbo_kernel<F: Float>(
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
fn elbo_back_kernel<F: Float>(
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

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn elbo(
    log_likelihood: CubeTensor,
    kl: CubeTensor,
    beta: f64,
) -> (CubeTensor, CubeTensor, CubeTensor, CubeTensor) {
    let (log_likelihood, kl) = (into_contiguous(log_likelihood), into_contiguous(kl));
    let [loss, bound, reconstruction, divergence] = [(); 4].map(|()| made(&kl, [1]));
    on_number!(kl.dtype, F => unsafe {
        elbo_kernel::launch_unchecked::<F>(
            &kl.client,
            CubeCount::Static(1, 1, 1),
            dim(),
            whole(&log_likelihood),
            whole(&kl),
            InputScalar::new(beta, F::elem_type_native()),
            whole(&loss),
            whole(&bound),
            whole(&reconstruction),
            whole(&divergence),
            count(&log_likelihood) as u32,
            count(&kl) as u32,
        );
    });
    (loss, bound, reconstruction, divergence)
}

#[allow(unsafe_code, reason = "the lengths are those of the tensors")]
pub(in crate::fused::cube) fn elbo_back(
    grad: CubeTensor,
    log_likelihood: CubeTensor,
    kl: CubeTensor,
    beta: f64,
) -> (CubeTensor, CubeTensor) {
    let grad = into_contiguous(grad);
    let (samples, examples) = (count(&log_likelihood), count(&kl));
    let (by_likelihood, by_kl) = (made(&kl, [samples]), made(&kl, [examples]));
    on_number!(kl.dtype, F => unsafe {
        elbo_back_kernel::launch_unchecked::<F>(
            &kl.client,
            each(samples.max(examples).max(1)),
            dim(),
            whole(&grad),
            InputScalar::new(beta, F::elem_type_native()),
            whole(&by_likelihood),
            whole(&by_kl),
            samples as u32,
            examples as u32,
        );
    });
    (by_likelihood, by_kl)
}
