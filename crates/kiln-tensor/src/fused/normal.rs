//! The normal distribution as a variational posterior: reparameterised samples, and the divergence from the prior.

use burn::tensor::Tensor;

/// Returns μ + σε for μ, ln σ and standard noise ε, all `[n, d]` (Kingma and Welling, 2014, section 2.4).
///
/// # Panics
/// If the shapes or float types differ.
pub fn normal_sample(loc: Tensor<2>, log_scale: Tensor<2>, noise: Tensor<2>) -> Tensor<2> {
    assert!(loc.dims() == log_scale.dims() && loc.dims() == noise.dims(), "μ, ln σ and ε have one shape");
    #[cfg(feature = "flex")]
    if super::by_kernel(&loc) && !super::is_tracked(&noise) {
        use super::flex::Fused;
        use burn::backend::Dispatch;
        let [loc, log_scale, noise] = [loc, log_scale, noise].map(Tensor::into_dispatch);
        return Tensor::from_dispatch(Dispatch::fused_normal_sample(loc, log_scale, noise));
    }
    #[cfg(feature = "cube")]
    if super::on_cube(&loc) && !super::is_tracked(&noise) {
        use super::cube::OnCube;
        use burn::backend::Dispatch;
        let [loc, log_scale, noise] = [loc, log_scale, noise].map(Tensor::into_dispatch);
        return Tensor::from_dispatch(Dispatch::on_cube_sample(loc, log_scale, noise));
    }
    plain_sample(loc, log_scale, noise)
}

fn plain_sample(loc: Tensor<2>, log_scale: Tensor<2>, noise: Tensor<2>) -> Tensor<2> {
    loc + log_scale.exp() * noise
}

/// Returns Σ_j KL(N(μ_ij, σ_ij²) ‖ N(0, 1)) = Σ_j [½(σ² + μ² − 1) − ln σ] in nats, `[n]`, for μ and ln σ of shape `[n, d]` (Kingma
/// and Welling, 2014, appendix B).
///
/// # Panics
/// If the shapes or float types differ.
pub fn normal_kl_to_standard(loc: Tensor<2>, log_scale: Tensor<2>) -> Tensor<1> {
    assert_eq!(loc.dims(), log_scale.dims(), "μ and ln σ have one shape");
    #[cfg(feature = "flex")]
    if super::by_kernel(&loc) {
        use super::flex::Fused;
        use burn::backend::Dispatch;
        let [loc, log_scale] = [loc, log_scale].map(Tensor::into_dispatch);
        return Tensor::from_dispatch(Dispatch::fused_normal_divergence(loc, log_scale));
    }
    #[cfg(feature = "cube")]
    if super::on_cube(&loc) {
        use super::cube::OnCube;
        use burn::backend::Dispatch;
        let [loc, log_scale] = [loc, log_scale].map(Tensor::into_dispatch);
        return Tensor::from_dispatch(Dispatch::on_cube_divergence(loc, log_scale));
    }
    plain_kl(loc, log_scale)
}

/// Returns [`normal_sample`] and [`normal_kl_to_standard`] of the same μ and ln σ: on a GPU by one kernel.
///
/// # Panics
/// If the shapes or float types differ.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::fused::normal_sample_with_kl;
///
/// let zeros = Tensor::<2>::zeros([3, 2], &Device::default());
/// let (z, kl) = normal_sample_with_kl(zeros.clone(), zeros.clone(), zeros.ones_like());
/// assert_eq!((z.dims(), kl.dims()), ([3, 2], [3]));
/// ```
pub fn normal_sample_with_kl(loc: Tensor<2>, log_scale: Tensor<2>, noise: Tensor<2>) -> (Tensor<2>, Tensor<1>) {
    #[cfg(feature = "cube")]
    if super::on_cube(&loc) && !super::is_tracked(&noise) {
        use super::cube::OnCube;
        use burn::backend::Dispatch;
        assert!(loc.dims() == log_scale.dims() && loc.dims() == noise.dims(), "μ, ln σ and ε have one shape");
        let [loc, log_scale, noise] = [loc, log_scale, noise].map(Tensor::into_dispatch);
        let (sample, divergence) = Dispatch::on_cube_sample_with_divergence(loc, log_scale, noise);
        return (Tensor::from_dispatch(sample), Tensor::from_dispatch(divergence));
    }
    (normal_sample(loc.clone(), log_scale.clone(), noise), normal_kl_to_standard(loc, log_scale))
}

fn plain_kl(loc: Tensor<2>, log_scale: Tensor<2>) -> Tensor<1> {
    let n = loc.dims()[0];
    let terms = ((log_scale.clone() * 2.0).exp() + loc.square() - 1.0) * 0.5 - log_scale;
    terms.sum_dim(1).reshape([n])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fused::tests::{SIZES, agree, normals};

    #[test]
    fn the_kernels_agree_with_tensor_operations_forward_and_back() {
        for (n, d) in SIZES {
            let inputs = || [normals([n, d], "loc"), normals([n, d], "log-scale")];
            let with = |f: fn(Tensor<2>, Tensor<2>) -> Tensor<1>| move |[l, s]: [Tensor<2>; 2]| f(l, s);
            agree(inputs(), with(normal_kl_to_standard), with(plain_kl), &format!("KL {n}×{d}"));

            let with = |f: fn(Tensor<2>, Tensor<2>, Tensor<2>) -> Tensor<2>| {
                move |[loc, log_scale]: [Tensor<2>; 2]| {
                    let noise = loc.clone().detach().flip([0]) * 0.7;
                    f(loc, log_scale, noise)
                }
            };
            agree(inputs(), with(normal_sample), with(plain_sample), &format!("sample {n}×{d}"));
        }
    }
}
