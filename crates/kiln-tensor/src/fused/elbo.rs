//! The evidence lower bound of a minibatch.

use burn::tensor::Tensor;

/// The negative evidence lower bound of a minibatch and its parts, each `[1]`, in nats per example.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// β·mean(KL) − mean(ln p), which has a gradient.
    pub loss: Tensor<1>,
    /// mean(ln p) − mean(KL), without a gradient.
    pub bound: Tensor<1>,
    /// −mean(ln p), without a gradient.
    pub reconstruction: Tensor<1>,
    /// mean(KL), without a gradient.
    pub divergence: Tensor<1>,
}

/// Returns the negative evidence lower bound for the log-likelihoods of samples, `[m]`, and the divergences of examples, `[n]` (Kingma
/// and Welling, 2014, equation 3; β as in Higgins et al., 2017).
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::fused::evidence;
///
/// let device = Device::default();
/// let evidence = evidence(Tensor::from_data([-3.0, -5.0], &device), Tensor::from_data([1.0], &device), 2.0);
/// assert_eq!(evidence.loss.into_scalar::<f32>(), 6.0);
/// assert_eq!(evidence.bound.into_scalar::<f32>(), -5.0);
/// ```
pub fn evidence(log_likelihood: Tensor<1>, kl: Tensor<1>, beta: f64) -> Evidence {
    #[cfg(feature = "cube")]
    if super::on_cube(&log_likelihood) && log_likelihood.dims() != [0] && kl.dims() != [0] {
        use super::cube::OnCube;
        use burn::backend::Dispatch;
        let (likelihood, kl) = (log_likelihood.into_dispatch(), kl.into_dispatch());
        let (loss, bound, reconstruction, divergence) = Dispatch::on_cube_elbo(likelihood, kl, beta);
        let [loss, bound, reconstruction, divergence] =
            [loss, bound, reconstruction, divergence].map(Tensor::from_dispatch);
        return Evidence { loss, bound, reconstruction, divergence };
    }
    plain(log_likelihood, kl, beta)
}

fn plain(log_likelihood: Tensor<1>, kl: Tensor<1>, beta: f64) -> Evidence {
    let (kl, log_likelihood) = (kl.mean(), log_likelihood.mean());
    // Terms are only reported, so they are taken out of the graph.
    let [fit, divergence] = [&log_likelihood, &kl].map(|term| term.clone().without_autodiff());
    // β = 1 needs no multiplication.
    let kl = if beta.to_bits() == 1f64.to_bits() { kl } else { kl * beta };
    Evidence { loss: kl - log_likelihood, bound: fit.clone() - divergence.clone(), reconstruction: -fit, divergence }
}
