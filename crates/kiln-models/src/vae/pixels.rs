//! What p(x | z) of a variational autoencoder is.

use burn::tensor::{Int, Tensor, TensorData};
use kiln_dist::{Bernoulli, Categorical, Distribution, Entropy, Moments, Normal};
use kiln_tensor::Stream;
use serde::{Deserialize, Serialize};

/// What p(x | z) is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likelihood {
    /// A Bernoulli for each pixel, by its logit. The default. For grey pixels in [0, 1] it is the usual relaxation.
    #[default]
    Bernoulli,
    /// A Normal for each pixel, with one standard deviation for all, which is learned
    /// (the σ-VAE of Rybkin, Daniilidis and Levine, 2021).
    Gaussian,
    /// A Categorical for each pixel over so many grey levels, evenly from 0 to 1, at least 2. A pixel counts as the level next to it, and
    /// its log-probability is that level's.
    Categorical(usize),
}

impl Likelihood {
    /// Numbers that the decoder gives for each pixel.
    pub(super) fn outputs(self) -> usize {
        match self {
            Self::Bernoulli | Self::Gaussian => 1,
            Self::Categorical(levels) => levels,
        }
    }

    /// The decoder's outputs at which a pixel has this mean; a mean near 0 or 1 is kept 1% away, where the logit is finite.
    pub(super) fn outputs_of(self, mean: f64) -> Vec<f64> {
        let p = mean.clamp(0.01, 0.99);
        match self {
            Self::Bernoulli => vec![(p / (1.0 - p)).ln()],
            Self::Gaussian => vec![mean],
            Self::Categorical(levels) => {
                // Of all distributions with that mean the one of the highest entropy, whose logits are θ·level: the mean rises with θ.
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

/// 0, 1/(levels − 1), …, 1.
#[allow(clippy::cast_precision_loss, reason = "a number of grey levels")]
fn grey(levels: usize) -> Vec<f64> {
    (0..levels).map(|level| level as f64 / (levels - 1) as f64).collect()
}

/// p(x | z) of a [`Vae`](super::Vae), one distribution a pixel.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "one a minibatch: a box would cost more than the bytes it saves")]
pub enum PixelDistribution {
    /// By logits.
    Bernoulli(Bernoulli<2>),
    /// By means, with a common standard deviation.
    Gaussian(Normal<2>),
    /// By the logits of grey levels.
    Categorical(GreyLevels),
}

/// A distribution of each pixel over evenly spaced grey levels from 0 to 1.
#[derive(Clone, Debug)]
pub struct GreyLevels(Categorical<3>);

impl GreyLevels {
    /// By logits `[n, d, levels]`.
    ///
    /// # Panics
    /// With fewer than two levels.
    pub fn from_logits(logits: Tensor<3>) -> Self {
        assert!(logits.dims()[2] >= 2, "two grey levels or more");
        Self(Categorical::from_logits(logits))
    }

    /// The probability of each level, `[n, d, levels]`.
    pub fn probs(&self) -> Tensor<3> {
        self.0.probs()
    }

    /// How many levels there are.
    pub fn levels(&self) -> usize {
        self.0.log_probs().dims()[2]
    }

    /// The levels' greys, `[1, 1, levels]`.
    fn greys(&self) -> Tensor<3> {
        let (like, greys) = (self.0.log_probs(), grey(self.levels()));
        let shape = [1, 1, greys.len()];
        Tensor::from_data(TensorData::new(greys, shape), (&like.device().without_autodiff(), like.dtype()))
    }

    /// The level next to each pixel of `[n, d]`.
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
            Self::Categorical(d) => d.0.log_prob(d.nearest(value)).squeeze_dim(2),
        }
    }

    fn log_prob_per_example(&self, value: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Bernoulli(d) => d.log_prob_per_example(value),
            Self::Gaussian(d) => d.log_prob_per_example(value),
            Self::Categorical(d) => d.0.log_prob_per_example(d.nearest(value)),
        }
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.sample(stream),
            Self::Gaussian(d) => d.sample(stream),
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
            Self::Categorical(d) => d.0.entropy().squeeze_dim(2),
        }
    }
}

impl Moments<2> for PixelDistribution {
    fn mean(&self) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.mean(),
            Self::Gaussian(d) => d.mean(),
            Self::Categorical(d) => d.expectation(d.greys()),
        }
    }

    fn variance(&self) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.variance(),
            Self::Gaussian(d) => d.variance(),
            Self::Categorical(d) => {
                let mean: Tensor<3> = d.expectation(d.greys()).unsqueeze_dim(2);
                d.expectation((d.greys() - mean).square())
            }
        }
    }
}
