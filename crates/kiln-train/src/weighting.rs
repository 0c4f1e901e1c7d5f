//! Bounds by importance weights wₖ = p/q of k draws, and the gradients through the draws.

use burn::tensor::Tensor;
use kiln_tensor::special::log_sum_exp;

/// Returns (1/(1 − α))·ln (1/k) Σ wₖ^{1 − α} from ln w `[k, n]`, as `[1, n]`.
///
/// This is Rényi's bound of order α (Li and Turner, 2016). α = 0 gives the importance-weighted bound (Burda, Grosse and
/// Salakhutdinov, 2016), and α = 1 its limit, the mean of ln w.
pub(crate) fn bound(log_weights: Tensor<2>, alpha: f64) -> Tensor<2> {
    let power = 1.0 - alpha;
    if power == 0.0 {
        return log_weights.mean_dim(0);
    }
    #[allow(clippy::cast_precision_loss, reason = "a number of draws")]
    let ln_k = (log_weights.dims()[0] as f64).ln();
    if alpha == 0.0 {
        return log_sum_exp(log_weights, 0) - ln_k;
    }
    (log_sum_exp(log_weights * power, 0) - ln_k) / power
}

/// Returns the draws z `[k·n, d]`, into which gradients flow with the weights α + (1 − α)·w̃ₖ.
///
/// `log_weights` `[k, n]` are without gradients, and w̃ₖ ∝ wₖ^{1 − α} are the shares of the draws in the bound of order α.
/// The gradient of that bound through ln w, with the parameters of q fixed there, is then the doubly reparameterised one
/// (Tucker, Lawson, Gu and Maddison, 2019, equation 8; Daudel, Douc and Roueff, 2023, for α).
pub(crate) fn reweight_paths(z: Tensor<2>, log_weights: Tensor<2>, alpha: f64) -> Tensor<2> {
    let scaled = log_weights * (1.0 - alpha);
    let shares = (scaled.clone() - log_sum_exp(scaled, 0)).exp();
    let weights = shares.reshape([z.dims()[0], 1]) * (1.0 - alpha) + alpha;
    let still = z.clone().without_autodiff();
    still.clone() + (z - still) * weights
}
