//! The variational autoencoder (Kingma and Welling, 2014; Rezende, Mohamed and Wierstra, 2014).

mod config;
mod images;
mod latent;
mod pixels;

use std::f64::consts::PI;

use burn::{
    module::{Module, Param},
    nn::Linear,
    tensor::Tensor,
};
use kiln_dist::{Bernoulli, Distribution, LatentVariableModel, Moments, Normal, sum_per_example};
use kiln_tensor::{
    Stream,
    fused::{Activation, dense},
};

pub use self::{
    config::{HiddenActivation, VaeConfig, VaeConfigError},
    latent::LatentPosterior,
    pixels::{GreyLevels, Likelihood, PixelDistribution},
};
use self::{
    images::{ImageDecoder, ImageEncoder},
    latent::{StochasticLayer, normal, split, through},
};

/// p(x, z) = N(z; 0, I)·p(x | z), with q(z | x) = N(μ(x), diag σ²(x)).
///
/// Encoder: x → convolutions where there are some → relu(x·W + b), or tanh, for each hidden layer → μ and ln σ². Decoder: z → likewise, the
/// other way → the logits, or the means, of x. Parameters: `encoder.0.*` …, `latent_loc.*`, `latent_log_variance.*`, `decoder.0.*` …;
/// `log_scale` `[1]` of a Gaussian likelihood; `image_encoder.*` and `image_decoder.*` of a convolutional one.
///
/// With [several stochastic layers](VaeConfig::latent_dims) z has them beside one another, that next to x first:
/// p(z) = N(z_L; 0, I)·Π p(z_l | z_{l+1}) and q(z | x) = q(z₁ | x)·Π q(z_{l+1} | z_l), all normal with means and variances by networks, `above.*`
/// (Rezende, Mohamed and Wierstra, 2014; the two layers of Burda, Grosse and Salakhutdinov, 2015).
#[derive(Module, Debug)]
pub struct Vae {
    image_encoder: Option<ImageEncoder>,
    encoder: Vec<Linear>,
    latent_loc: Linear,
    latent_log_variance: Linear,
    above: Vec<StochasticLayer>,
    decoder: Vec<Linear>,
    image_decoder: Option<ImageDecoder>,
    /// Whether hidden units are tanh.
    tanh: bool,
    log_scale: Option<Param<Tensor<1>>>,
    /// Grey levels of a categorical likelihood.
    levels: Option<usize>,
}

impl Vae {
    /// Dimensions of z, over all stochastic layers.
    pub fn latent_dim(&self) -> usize {
        self.latent_dims().iter().sum()
    }

    /// Dimensions of each stochastic layer, that next to x first.
    pub fn latent_dims(&self) -> Vec<usize> {
        let first = self.latent_loc.weight.dims()[1];
        std::iter::once(first).chain(self.above.iter().map(StochasticLayer::dims)).collect()
    }

    /// Pixels of x.
    pub fn data_dim(&self) -> usize {
        self.image_encoder.as_ref().map_or_else(|| self.encoder[0].weight.dims()[0], ImageEncoder::pixels)
    }

    /// `n` draws from the prior, `[n, latent_dim]`.
    pub fn sample_prior(&self, n: usize, stream: &mut Stream) -> Tensor<2> {
        let device = self.latent_loc.weight.val().device();
        let dims = self.latent_dims();
        let mut layers = vec![stream.normal([n, dims[dims.len() - 1]], &device)];
        for layer in self.above.iter().rev() {
            let below = layer.prior_below(layers[layers.len() - 1].clone()).sample(stream);
            layers.push(below);
        }
        layers.reverse();
        Tensor::cat(layers, 1)
    }

    /// The means of `n` images x ~ p(x | z) with z from the prior, `[n, data_dim]`.
    pub fn sample_means(&self, n: usize, stream: &mut Stream) -> Tensor<2> {
        self.likelihood(self.sample_prior(n, stream)).mean()
    }

    /// The mean of p(x | z) at the z that stands for x, `[n, data_dim]`.
    pub fn reconstruct(&self, x: Tensor<2>) -> Tensor<2> {
        self.likelihood(self.encode(x)).mean()
    }

    /// z, layer by layer.
    fn split(&self, z: Tensor<2>) -> Vec<Tensor<2>> {
        if self.above.is_empty() { vec![z] } else { split(z, self.latent_dims().into_iter()) }
    }
}

impl LatentVariableModel for Vae {
    type Posterior = LatentPosterior;
    type Likelihood = PixelDistribution;

    fn posterior(&self, x: Tensor<2>) -> LatentPosterior {
        let x = match &self.image_encoder {
            Some(images) => images.forward(x),
            None => x,
        };
        let hidden = through(&self.encoder, x, self.tanh);
        LatentPosterior::new(normal(hidden, &self.latent_loc, &self.latent_log_variance), &self.above)
    }

    fn likelihood(&self, z: Tensor<2>) -> PixelDistribution {
        let n = z.dims()[0];
        let z = self.split(z).swap_remove(0);
        let output = match &self.image_decoder {
            None => {
                let (last, before) = self.decoder.split_last().expect("VaeConfig::init makes two layers or more");
                dense(last, through(before, z, self.tanh), Activation::Identity)
            }
            Some(images) => images.forward(through(&self.decoder, z, self.tanh)),
        };
        if let Some(levels) = self.levels {
            return PixelDistribution::Categorical(GreyLevels::from_logits(output.reshape([
                n,
                self.data_dim(),
                levels,
            ])));
        }
        match &self.log_scale {
            None => PixelDistribution::Bernoulli(Bernoulli::from_logits(output)),
            Some(log_scale) => {
                let log_scale = log_scale.val().reshape([1, 1]).expand(output.shape());
                let normal = Normal::from_log_scale(output, log_scale).expect("log_scale was expanded to the output");
                PixelDistribution::Gaussian(normal)
            }
        }
    }

    /// μ(x); with several layers the mean of each at the mean of that below.
    fn encode(&self, x: Tensor<2>) -> Tensor<2> {
        let mut layers = vec![self.posterior(x).first().mean()];
        for layer in &self.above {
            layers.push(layer.mean_above(layers[layers.len() - 1].clone()));
        }
        if layers.len() == 1 { layers.remove(0) } else { Tensor::cat(layers, 1) }
    }

    fn log_prior(&self, z: Tensor<2>) -> Tensor<1> {
        let layers = self.split(z);
        let (top, below) = layers.split_last().expect("there is a first layer");
        let of_top = sum_per_example(top.clone().square() * -0.5 - 0.5 * (2.0 * PI).ln());
        let pairs = self.above.iter().zip(below.iter().zip(&layers[1..]));
        pairs.fold(of_top, |sum, (layer, (z, above))| {
            sum + layer.prior_below(above.clone()).log_prob_per_example(z.clone())
        })
    }

    /// The grey levels of a categorical likelihood.
    fn outputs_per_entry(&self) -> usize {
        self.levels.unwrap_or(1)
    }

    /// None with several stochastic layers.
    fn kl_to_prior(&self, posterior: &LatentPosterior) -> Option<Tensor<1>> {
        posterior.is_one_layer().then(|| posterior.first().kl_to_standard_per_example())
    }
}
