//! Stick breaking: from real vectors to the simplex.

use burn::tensor::Tensor;
use kiln_tensor::special::softplus;

use super::Bijector;

/// The stick-breaking map from `[.., k − 1]` onto the simplex in `[.., k]`.
///
/// Each number determines the fraction that is broken off the rest of the stick. The zero vector maps to the centre, where all k
/// entries are equal.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Bijector, StickBreaking};
///
/// let y = StickBreaking.forward(Tensor::<1>::zeros([2], &Device::default()));
/// assert!((y - 1.0 / 3.0).abs().max().into_scalar::<f32>() < 1e-6);
/// ```
///
/// # References
/// Betancourt (2012); Stan's reference manual, section 10.7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StickBreaking;

impl StickBreaking {
    /// Returns the log-odds of the breaks, x − ln(k − 1 − i), `[.., k − 1]`.
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

    /// Returns the logarithm of the rest before each break and after the last, `[.., k]`.
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
        // The rest after each break, summed from the end.
        let left = y.clone().flip([D - 1]).cumsum(D - 1).flip([D - 1]).narrow(D - 1, 1, breaks);
        let odds = y.narrow(D - 1, 0, breaks).log() - left.log();
        odds.clone() + Self::offsets(&odds)
    }

    /// Returns Σ (ln yᵢ + ln(1 − zᵢ)) over the fractions z, `[.., 1]`.
    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        let log_odds = Self::log_odds(&x);
        let breaks = x.dims()[D - 1];
        let left = Self::ln_left(&log_odds).narrow(D - 1, 0, breaks);
        (left - softplus(-log_odds.clone()) - softplus(log_odds)).sum_dim(D - 1)
    }
}
