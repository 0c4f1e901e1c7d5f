//! The likelihoods p(x | z) of the variational autoencoder.

use std::f64::consts::PI;

use burn::tensor::{Int, Tensor, TensorData};
use kiln_dist::{Bernoulli, Categorical, Distribution, Entropy, Moments, Normal};
use kiln_tensor::Stream;
use serde::{Deserialize, Serialize};

use super::{DiscretizedLogistic, VaeConfigError};

/// The family of p(x | z).
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_models::{Likelihood, VaeConfig};
///
/// let grey = VaeConfig::new(64).likelihood(Likelihood::Categorical(17)).init(0, &Device::default())?;
/// let normal = VaeConfig::new(64).likelihood(Likelihood::Gaussian).init(0, &Device::default())?;
/// # Ok::<(), kiln_models::VaeConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likelihood {
    /// A Bernoulli distribution per pixel. The default. Grey pixels in [0, 1] use the cross-entropy, the usual relaxation.
    #[default]
    Bernoulli,
    /// A normal distribution per pixel, with one learned standard deviation for all pixels (Rybkin, Daniilidis and Levine, 2021), or
    /// [one per channel](super::VaeConfig::scale_per_channel).
    Gaussian,
    /// A discretized logistic distribution per pixel over this number of levels, at least 2, evenly spaced from 0 to 1, with one learned
    /// scale for all pixels. 256 levels are those of 8-bit images. See [`DiscretizedLogistic`].
    ///
    /// A pixel is rounded to the nearest level.
    Logistic(usize),
    /// A categorical distribution per pixel over this number of grey levels, at least 2, evenly spaced from 0 to 1.
    ///
    /// A pixel is rounded to the nearest level.
    Categorical(usize),
}

impl Likelihood {
    /// Returns the number of decoder outputs per pixel.
    pub(super) fn outputs(self) -> usize {
        match self {
            Self::Bernoulli | Self::Gaussian | Self::Logistic(_) => 1,
            Self::Categorical(levels) => levels,
        }
    }

    /// Returns the number of levels, if the likelihood has levels.
    pub(super) fn levels(self) -> Option<usize> {
        match self {
            Self::Bernoulli | Self::Gaussian => None,
            Self::Logistic(levels) | Self::Categorical(levels) => Some(levels),
        }
    }

    /// Returns the learned scale at which a likelihood starts for pixels of this standard deviation, if it has a scale.
    pub(super) fn scale_of(self, stddev: f64) -> Option<f64> {
        match self {
            Self::Gaussian => Some(stddev),
            // The standard deviation of a logistic distribution is π/√3 scales.
            Self::Logistic(_) => Some(stddev * 3f64.sqrt() / PI),
            Self::Bernoulli | Self::Categorical(_) => None,
        }
    }

    /// Returns the decoder outputs that give a pixel this mean. The mean is clamped to [0.01, 0.99] to keep logits finite.
    pub(super) fn outputs_of(self, mean: f64) -> Vec<f64> {
        let p = mean.clamp(0.01, 0.99);
        match self {
            Self::Bernoulli => vec![(p / (1.0 - p)).ln()],
            Self::Gaussian | Self::Logistic(_) => vec![mean],
            Self::Categorical(levels) => {
                // The maximum entropy distribution with this mean has logits θ·level. Bisection finds θ, in which the mean increases.
                let at = grey(levels);
                let mean_at = |theta: f64| {
                    let weights = at.iter().map(|x| (theta * (x - f64::from(u8::from(theta > 0.0)))).exp());
                    let (sum, moment) = weights.zip(&at).fold((0.0, 0.0), |(s, m), (w, x)| (s + w, m + w * x));
                    moment / sum
                };
                let (mut low, mut high) = (-1e3, 1e3);
                for _ in 0..60 {
                    let middle = 0.5 * (low + high);
                    if mean_at(middle) < p { low = middle } else { high = middle }
                }
                at.iter().map(|x| low * x).collect()
            }
        }
    }
}

/// Returns the levels 0, 1/(levels − 1), …, 1.
#[allow(clippy::cast_precision_loss, reason = "a number of grey levels")]
fn grey(levels: usize) -> Vec<f64> {
    (0..levels).map(|level| level as f64 / (levels - 1) as f64).collect()
}

/// The likelihood p(x | z) of a [`Vae`](super::Vae), one distribution per pixel.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "one per minibatch, so a box would cost more than it saves")]
pub enum PixelDistribution {
    /// Bernoulli distributions.
    Bernoulli(Bernoulli<2>),
    /// Normal distributions whose standard deviation is that of all pixels, or of all pixels of a channel.
    Gaussian(Normal<2>),
    /// Discretized logistic distributions.
    Logistic(DiscretizedLogistic),
    /// Categorical distributions over grey levels.
    Categorical(GreyLevels),
}

/// A categorical distribution per pixel over evenly spaced grey levels from 0 to 1.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::GreyLevels;
///
/// // Two images of three pixels with four levels.
/// let d = GreyLevels::from_logits(Tensor::zeros([2, 3, 4], &Device::default()))?;
/// assert_eq!(d.levels(), 4);
/// # Ok::<(), kiln_models::VaeConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct GreyLevels(Categorical<3>);

impl GreyLevels {
    /// Builds the distribution from logits `[n, d, levels]`.
    ///
    /// # Errors
    /// Returns [`VaeConfigError::Levels`] if there are fewer than two levels.
    pub fn from_logits(logits: Tensor<3>) -> Result<Self, VaeConfigError> {
        match logits.dims()[2] {
            levels @ 0..=1 => Err(VaeConfigError::Levels(levels)),
            _ => Ok(Self(Categorical::from_logits(logits))),
        }
    }

    /// Returns the probability of each level, `[n, d, levels]`.
    pub fn probs(&self) -> Tensor<3> {
        self.0.probs()
    }

    /// Returns the number of levels.
    pub fn levels(&self) -> usize {
        self.0.log_probs().dims()[2]
    }

    /// Returns the grey values of the levels, `[1, 1, levels]`.
    fn greys(&self) -> Tensor<3> {
        let (like, greys) = (self.0.log_probs(), grey(self.levels()));
        let shape = [1, 1, greys.len()];
        Tensor::from_data(TensorData::new(greys, shape), (&like.device().without_autodiff(), like.dtype()))
    }

    /// Returns the level nearest to each pixel of `[n, d]`.
    fn nearest(&self, value: Tensor<2>) -> Tensor<3, Int> {
        #[allow(clippy::cast_precision_loss, reason = "a number of grey levels")]
        let last = (self.levels() - 1) as f64;
        (value.without_autodiff().clamp(0.0, 1.0) * last).round().int().unsqueeze_dim(2)
    }

    fn expectation(&self, of_grey: Tensor<3>) -> Tensor<2> {
        (self.0.probs() * of_grey).sum_dim(2).squeeze_dim(2)
    }
}

impl Distribution<2> for PixelDistribution {
    type Value = Tensor<2>;

    fn log_prob(&self, value: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.log_prob(value),
            Self::Gaussian(d) => d.log_prob(value),
            Self::Logistic(d) => d.log_prob(value),
            Self::Categorical(d) => d.0.log_prob(d.nearest(value)).squeeze_dim(2),
        }
    }

    fn log_prob_per_example(&self, value: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Bernoulli(d) => d.log_prob_per_example(value),
            Self::Gaussian(d) => d.log_prob_per_example(value),
            Self::Logistic(d) => d.log_prob_per_example(value),
            Self::Categorical(d) => d.0.log_prob_per_example(d.nearest(value)),
        }
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.sample(stream),
            Self::Gaussian(d) => d.sample(stream),
            Self::Logistic(d) => d.sample(stream),
            Self::Categorical(d) => {
                let greys = d.greys();
                let (level, dtype) = (d.0.sample(stream).squeeze_dim::<2>(2), greys.dtype());
                #[allow(clippy::cast_precision_loss, reason = "a number of grey levels")]
                let step = ((d.levels() - 1) as f64).recip();
                level.float().cast(dtype) * step
            }
        }
    }
}

impl Entropy<2> for PixelDistribution {
    fn entropy(&self) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.entropy(),
            Self::Gaussian(d) => d.entropy(),
            Self::Logistic(d) => d.entropy(),
            Self::Categorical(d) => d.0.entropy().squeeze_dim(2),
        }
    }
}

impl Moments<2> for PixelDistribution {
    fn mean(&self) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.mean(),
            Self::Gaussian(d) => d.mean(),
            Self::Logistic(d) => d.mean(),
            Self::Categorical(d) => d.expectation(d.greys()),
        }
    }

    fn variance(&self) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.variance(),
            Self::Gaussian(d) => d.variance(),
            Self::Logistic(d) => d.variance(),
            Self::Categorical(d) => {
                let mean: Tensor<3> = d.expectation(d.greys()).unsqueeze_dim(2);
                d.expectation((d.greys() - mean).square())
            }
        }
    }
}
