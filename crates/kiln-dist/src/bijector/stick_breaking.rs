//! From all vectors to those that sum to 1.

use burn::tensor::Tensor;
use kiln_tensor::special::softplus;

use super::Bijector;

/// `[.., k − 1]` onto the simplex in `[.., k]`: each number says which part of what is left of the stick is broken off (Betancourt, 2012;
/// Stan's reference manual, 10.7). 0 goes to the middle, where all k are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StickBreaking;

impl StickBreaking {
    /// The log-odds of the breaks: x − ln(k − 1 − i), `[.., k − 1]`.
    fn log_odds<const D: usize>(x: &Tensor<D>) -> Tensor<D> {
        x.clone() - Self::offsets(x)
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of classes")]
    fn offsets<const D: usize>(like: &Tensor<D>) -> Tensor<D> {
        let breaks = like.dims()[D - 1];
        let offsets: Vec<f64> = (0..breaks).map(|i| ((breaks - i) as f64).ln()).collect();
        let offsets =
            Tensor::<1>::from_data(burn::tensor::TensorData::new(offsets, [breaks]), (&like.device(), like.dtype()));
        offsets.unsqueeze()
    }

    /// ln of what is left before each break and after the last, `[.., k]`.
    fn ln_left<const D: usize>(log_odds: &Tensor<D>) -> Tensor<D> {
        let mut shape = log_odds.dims();
        shape[D - 1] = 1;
        let whole = Tensor::zeros(shape, (&log_odds.device(), log_odds.dtype()));
        Tensor::cat(vec![whole, -softplus(log_odds.clone()).cumsum(D - 1)], D - 1)
    }
}

impl<const D: usize> Bijector<D> for StickBreaking {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        let log_odds = Self::log_odds(&x);
        let breaks = x.dims()[D - 1];
        let left = Self::ln_left(&log_odds);
        let broken = left.clone().narrow(D - 1, 0, breaks) - softplus(-log_odds);
        Tensor::cat(vec![broken, left.narrow(D - 1, breaks, 1)], D - 1).exp()
    }

    fn inverse(&self, y: Tensor<D>) -> Tensor<D> {
        let breaks = y.dims()[D - 1] - 1;
        // What is left after each break, summed from the end.
        let left = y.clone().flip([D - 1]).cumsum(D - 1).flip([D - 1]).narrow(D - 1, 1, breaks);
        let odds = y.narrow(D - 1, 0, breaks).log() - left.log();
        odds.clone() + Self::offsets(&odds)
    }

    /// Σ (ln yᵢ + ln(1 − zᵢ)) over the breaks z, `[.., 1]`.
    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        let log_odds = Self::log_odds(&x);
        let breaks = x.dims()[D - 1];
        let left = Self::ln_left(&log_odds).narrow(D - 1, 0, breaks);
        (left - softplus(-log_odds.clone()) - softplus(log_odds)).sum_dim(D - 1)
    }
}
