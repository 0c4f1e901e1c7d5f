//! The discretized logistic distribution of a pixel.

use burn::tensor::{Tensor, activation::log_sigmoid};
use kiln_dist::{Distribution, Entropy, Moments, sum_per_example};
use kiln_tensor::Stream;

use super::VaeConfigError;

/// Beyond this ratio of a level's width to the scale, a level holds all of the probability that is near it, to the last bit of `f64`.
const WIDEST: f64 = 80.0;

/// A logistic distribution per pixel, rounded to evenly spaced levels from 0 to 1.
///
/// The probability of a level is that of the interval of numbers that round to it. The first and the last level have the tails, too.
/// Parameters: the location μ and the logarithm of the scale s.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::Distribution;
/// use kiln_models::DiscretizedLogistic;
///
/// let (loc, log_scale) = (Tensor::full([1, 2], 0.5, &Device::default()), Tensor::full([1, 2], -3.0, &Device::default()));
/// let d = DiscretizedLogistic::new(loc.clone(), log_scale, 256)?;
/// // Bits per dimension.
/// let bits = -d.log_prob_per_example(loc).into_scalar::<f64>() / (2.0 * 2f64.ln());
/// assert!((bits - 5.667).abs() < 1e-3);
/// # Ok::<(), kiln_models::VaeConfigError>(())
/// ```
///
/// # References
/// Kingma et al., *Improved Variational Inference with Inverse Autoregressive Flow* (2016), appendix C; Salimans, Karpathy, Chen and
/// Kingma, *PixelCNN++* (2017), equation 2.
#[derive(Clone, Debug)]
pub struct DiscretizedLogistic {
    loc: Tensor<2>,
    log_scale: Tensor<2>,
    levels: usize,
}

impl DiscretizedLogistic {
    /// Builds the distribution from the location `[n, d]` and ln s, of the same shape or with axes of size 1.
    ///
    /// # Errors
    /// Returns [`VaeConfigError::Levels`] if there are fewer than two levels, and [`VaeConfigError::Scale`] if the shapes do not fit.
    pub fn new(loc: Tensor<2>, log_scale: Tensor<2>, levels: usize) -> Result<Self, VaeConfigError> {
        let (shape, scale) = (loc.dims(), log_scale.dims());
        if levels < 2 {
            return Err(VaeConfigError::Levels(levels));
        }
        if shape.iter().zip(&scale).any(|(size, of_scale)| of_scale != size && *of_scale != 1) {
            return Err(VaeConfigError::Scale { loc: shape, log_scale: scale });
        }
        Ok(Self { loc, log_scale, levels })
    }

    /// Returns the number of levels.
    pub fn levels(&self) -> usize {
        self.levels
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of levels")]
    fn last(&self) -> f64 {
        (self.levels - 1) as f64
    }

    /// Returns the level nearest to each pixel, from 0 to 1.
    fn nearest(&self, value: Tensor<2>) -> Tensor<2> {
        (value.without_autodiff().clamp(0.0, 1.0) * self.last()).round() / self.last()
    }

    /// Returns Σ over the levels of `term`(the level from 0 to 1, ln p).
    fn over_levels(&self, term: impl Fn(f64, Tensor<2>) -> Tensor<2>) -> Tensor<2> {
        #[allow(clippy::cast_precision_loss, reason = "a number of levels")]
        let of_level = |level: usize| {
            let at = level as f64 / self.last();
            term(at, self.log_prob(self.loc.full_like(at)))
        };
        (1..self.levels).fold(of_level(0), |sum, level| sum + of_level(level))
    }
}

impl Distribution<2> for DiscretizedLogistic {
    type Value = Tensor<2>;

    fn log_prob(&self, value: Tensor<2>) -> Tensor<2> {
        let value = self.nearest(value);
        let (first, last) =
            (value.clone().lower_elem(0.5 / self.last()), value.clone().greater_elem(1.0 - 0.5 / self.last()));
        let inverse_scale = self.log_scale.clone().neg().exp();
        // With a < b the ends of the interval in scales, σ(b) − σ(a) = σ(b)·σ(−a)·(1 − e^{a − b}), which loses nothing far out in a tail.
        let from_loc = value - self.loc.clone();
        let half = 0.5 / self.last();
        let below_upper_end = log_sigmoid((from_loc.clone() + half) * inverse_scale.clone());
        let above_lower_end = log_sigmoid((from_loc - half).neg() * inverse_scale.clone());
        // ln(1 − e^{−t}) = ln(2 sinh(t/2)) − t/2, accurate for small t.
        let half_width = (inverse_scale * half).clamp_max(WIDEST / 2.0);
        let within = half_width.clone().sinh().log() + std::f64::consts::LN_2 - half_width;
        let within = within.expand(first.dims());
        let zero = within.zeros_like();
        below_upper_end.mask_where(last.clone(), zero.clone())
            + above_lower_end.mask_where(first.clone(), zero.clone())
            + within.mask_where(first.bool_or(last), zero)
    }

    fn log_prob_per_example(&self, value: Tensor<2>) -> Tensor<1> {
        sum_per_example(self.log_prob(value))
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<2> {
        let [loc, log_scale] = [&self.loc, &self.log_scale].map(|parameter| parameter.clone().without_autodiff());
        let uniform = stream.uniform(loc.dims(), &loc.device()).cast(loc.dtype()).clamp(1e-12, 1.0 - 1e-7);
        let logit = uniform.clone().log() - uniform.neg().add_scalar(1.0).log();
        self.nearest(loc + log_scale.exp() * logit)
    }
}

impl Entropy<2> for DiscretizedLogistic {
    fn entropy(&self) -> Tensor<2> {
        self.over_levels(|_, log_p| (log_p.clone().exp() * log_p).neg())
    }
}

impl Moments<2> for DiscretizedLogistic {
    fn mean(&self) -> Tensor<2> {
        self.over_levels(|at, log_p| log_p.exp() * at)
    }

    fn variance(&self) -> Tensor<2> {
        let mean = self.mean();
        self.over_levels(|at, log_p| log_p.exp() * mean.clone().sub_scalar(at).square())
    }
}
