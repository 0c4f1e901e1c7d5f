//! The variational autoencoder (Kingma and Welling, 2014; Rezende, Mohamed and Wierstra, 2014).

use burn::{
    module::{Module, Param},
    nn::Linear,
    tensor::{Device, Tensor, TensorData},
};
use kiln_dist::{Bernoulli, Distribution, Entropy, LatentVariableModel, Moments, Normal};
use kiln_tensor::{
    Stream,
    fused::{Activation, dense},
    init,
};
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
}

impl Likelihood {
    /// The decoder's output at which a pixel has this mean; a mean near 0 or 1 is kept 1% away, where the logit is finite.
    fn output_of(self, mean: f64) -> f64 {
        match self {
            Self::Bernoulli => {
                let p = mean.clamp(0.01, 0.99);
                (p / (1.0 - p)).ln()
            }
            Self::Gaussian => mean,
        }
    }
}

/// What the hidden units compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HiddenActivation {
    /// max(x, 0). The default.
    #[default]
    Relu,
    /// tanh x, as in the importance-weighted autoencoders' recipe (Burda, Grosse and Salakhutdinov, 2015).
    Tanh,
}

/// Settings of a [`Vae`]: the sizes of its layers, what they compute, and the likelihood.
///
/// ```
/// use burn::tensor::Device;
/// use kiln_models::VaeConfig;
///
/// let model = VaeConfig::new(784).hidden_dim(400).latent_dim(20).init(0, &Device::default())?;
/// # Ok::<(), kiln_models::VaeConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VaeConfig {
    data_dim: usize,
    hidden_dims: Vec<usize>,
    latent_dim: usize,
    activation: HiddenActivation,
    likelihood: Likelihood,
    data_mean: Option<Vec<f64>>,
}

/// Settings that no network can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaeConfigError {
    /// A size of zero.
    #[error("{0} must be at least 1, got 0")]
    Size(&'static str),
    /// A mean image of another size than the images.
    #[error("data_mean must have a value for each of the {expected} pixels, got {got}")]
    DataMean {
        /// Pixels of an image.
        expected: usize,
        /// Values that came.
        got: usize,
    },
}

impl VaeConfig {
    /// A model of `data_dim` pixels, with 400 hidden units, 20 latent dimensions and a Bernoulli likelihood.
    pub fn new(data_dim: usize) -> Self {
        Self {
            data_dim,
            hidden_dims: vec![400],
            latent_dim: 20,
            activation: HiddenActivation::default(),
            likelihood: Likelihood::default(),
            data_mean: None,
        }
    }

    /// Units in the one hidden layer of the encoder and in that of the decoder, at least 1. Default 400.
    pub fn hidden_dim(self, hidden_dim: usize) -> Self {
        self.hidden_dims(vec![hidden_dim])
    }

    /// Units in each hidden layer of the encoder, one layer or more; the decoder has them in the other order. Default: one of 400.
    pub fn hidden_dims(self, hidden_dims: Vec<usize>) -> Self {
        Self { hidden_dims, ..self }
    }

    /// What the hidden units compute. Default relu.
    pub fn activation(self, activation: HiddenActivation) -> Self {
        Self { activation, ..self }
    }

    /// Dimensions of z, at least 1. Default 20.
    pub fn latent_dim(self, latent_dim: usize) -> Self {
        Self { latent_dim, ..self }
    }

    /// What p(x | z) is. Default Bernoulli.
    pub fn likelihood(self, likelihood: Likelihood) -> Self {
        Self { likelihood, ..self }
    }

    /// The mean of each pixel over the training images, in [0, 1]: the decoder's last bias starts so that it is what the
    /// model gives at first, and nothing has to be learned to get there (as in the code of Burda, Grosse and Salakhutdinov,
    /// 2015). Default: none, and the bias starts like every other.
    pub fn data_mean(self, mean: Vec<f64>) -> Self {
        Self { data_mean: Some(mean), ..self }
    }

    /// The model with initial weights from `seed`, equal on every device.
    ///
    /// # Errors
    /// [`VaeConfigError`] when a size is 0, or the mean image has another size.
    pub fn init(&self, seed: u64, device: &Device) -> Result<Vae, VaeConfigError> {
        let sizes = [(self.data_dim, "data_dim"), (self.latent_dim, "latent_dim")];
        let hidden = self.hidden_dims.iter().map(|size| (*size, "hidden_dim"));
        let layers = (self.hidden_dims.len(), "hidden layers");
        if let Some((_, name)) = sizes.into_iter().chain(hidden).chain([layers]).find(|(size, _)| *size == 0) {
            return Err(VaeConfigError::Size(name));
        }
        if let Some(mean) = self.data_mean.as_ref().filter(|mean| mean.len() != self.data_dim) {
            return Err(VaeConfigError::DataMean { expected: self.data_dim, got: mean.len() });
        }
        let mut stream = Stream::new(seed, "init", 0, 0);
        let mut linear = |d_in, d_out| init::linear(d_in, d_out, &mut stream, device);
        let mut layers = |sizes: &[usize]| sizes.windows(2).map(|pair| linear(pair[0], pair[1])).collect::<Vec<_>>();
        let inwards: Vec<usize> = std::iter::once(self.data_dim).chain(self.hidden_dims.iter().copied()).collect();
        let last = inwards[inwards.len() - 1];
        let outwards: Vec<usize> = std::iter::once(self.latent_dim).chain(inwards.iter().rev().copied()).collect();
        let encoder = layers(&inwards);
        let mut head = || layers(&[last, self.latent_dim]).remove(0);
        let (latent_loc, latent_log_variance) = (head(), head());
        let mut vae = Vae {
            encoder,
            latent_loc,
            latent_log_variance,
            decoder: layers(&outwards),
            tanh: self.activation == HiddenActivation::Tanh,
            log_scale: match self.likelihood {
                Likelihood::Bernoulli => None,
                Likelihood::Gaussian => Some(Param::from_tensor(Tensor::zeros([1], device))),
            },
        };
        if let (Some(mean), Some(last)) = (&self.data_mean, vae.decoder.last_mut()) {
            let bias = mean.iter().map(|&mean| self.likelihood.output_of(mean)).collect();
            last.bias = Some(Param::from_data(TensorData::new::<f64, _>(bias, [self.data_dim]), device));
        }
        Ok(vae)
    }
}

/// p(x, z) = N(z; 0, I)·p(x | z), with q(z | x) = N(μ(x), diag σ²(x)).
///
/// Encoder: x → relu(x·W + b), or tanh, for each hidden layer → μ and ln σ². Decoder: z → likewise → the logits, or the means, of x.
/// Parameters: `encoder.0.*` …, `latent_loc.*`, `latent_log_variance.*`, `decoder.0.*` …, and `log_scale` `[1]` for a Gaussian
/// likelihood.
#[derive(Module, Debug)]
pub struct Vae {
    encoder: Vec<Linear>,
    latent_loc: Linear,
    latent_log_variance: Linear,
    decoder: Vec<Linear>,
    /// Whether hidden units are tanh.
    tanh: bool,
    log_scale: Option<Param<Tensor<1>>>,
}

impl Vae {
    /// Dimensions of z.
    pub fn latent_dim(&self) -> usize {
        self.latent_loc.weight.dims()[1]
    }

    /// Pixels of x.
    pub fn data_dim(&self) -> usize {
        self.encoder[0].weight.dims()[0]
    }

    /// The means of `n` images x ~ p(x | z) with z from the prior, `[n, data_dim]`.
    pub fn sample_means(&self, n: usize, stream: &mut Stream) -> Tensor<2> {
        let device = self.latent_loc.weight.val().device();
        self.likelihood(stream.normal([n, self.latent_dim()], &device)).mean()
    }

    fn hidden(&self, layers: &[Linear], input: Tensor<2>) -> Tensor<2> {
        let activation = if self.tanh { Activation::Tanh } else { Activation::Relu };
        layers.iter().fold(input, |h, layer| dense(layer, h, activation))
    }

    /// The mean of p(x | z) at the posterior's mean z = μ(x), `[n, data_dim]`.
    pub fn reconstruct(&self, x: Tensor<2>) -> Tensor<2> {
        self.likelihood(self.posterior(x).mean()).mean()
    }
}

impl LatentVariableModel for Vae {
    type Posterior = Normal<2>;
    type Likelihood = PixelDistribution;

    fn posterior(&self, x: Tensor<2>) -> Normal<2> {
        let hidden = self.hidden(&self.encoder, x);
        let loc = dense(&self.latent_loc, hidden.clone(), Activation::Identity);
        let log_variance = dense(&self.latent_log_variance, hidden, Activation::Identity);
        Normal::from_log_variance(loc, log_variance).expect("both heads have the shape [n, latent_dim]")
    }

    fn likelihood(&self, z: Tensor<2>) -> PixelDistribution {
        let (last, before) = self.decoder.split_last().expect("VaeConfig::init makes two layers or more");
        let output = dense(last, self.hidden(before, z), Activation::Identity);
        match &self.log_scale {
            None => PixelDistribution::Bernoulli(Bernoulli::from_logits(output)),
            Some(log_scale) => {
                let log_scale = log_scale.val().reshape([1, 1]).expand(output.shape());
                let normal = Normal::from_log_scale(output, log_scale).expect("log_scale was expanded to the output");
                PixelDistribution::Gaussian(normal)
            }
        }
    }

    fn kl_to_prior(&self, posterior: &Normal<2>) -> Tensor<1> {
        posterior.kl_to_standard_per_example()
    }
}

/// p(x | z) of a [`Vae`], one distribution a pixel.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "one a minibatch: a box would cost more than the bytes it saves")]
pub enum PixelDistribution {
    /// By logits.
    Bernoulli(Bernoulli<2>),
    /// By means, with a common standard deviation.
    Gaussian(Normal<2>),
}

impl Distribution<2> for PixelDistribution {
    type Value = Tensor<2>;

    fn log_prob(&self, value: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.log_prob(value),
            Self::Gaussian(d) => d.log_prob(value),
        }
    }

    fn log_prob_per_example(&self, value: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Bernoulli(d) => d.log_prob_per_example(value),
            Self::Gaussian(d) => d.log_prob_per_example(value),
        }
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.sample(stream),
            Self::Gaussian(d) => d.sample(stream),
        }
    }
}

impl Entropy<2> for PixelDistribution {
    fn entropy(&self) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.entropy(),
            Self::Gaussian(d) => d.entropy(),
        }
    }
}

impl Moments<2> for PixelDistribution {
    fn mean(&self) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.mean(),
            Self::Gaussian(d) => d.mean(),
        }
    }

    fn variance(&self) -> Tensor<2> {
        match self {
            Self::Bernoulli(d) => d.variance(),
            Self::Gaussian(d) => d.variance(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bias_starts_at_the_mean_image() {
        let config = VaeConfig::new(3).hidden_dim(2).latent_dim(1).data_mean(vec![0.0, 0.5, 0.8]);
        let bias = |config: &VaeConfig| {
            let vae = config.init(0, &Device::default()).unwrap();
            vae.decoder[1].bias.as_ref().unwrap().val().try_into_vec_as::<f64>().unwrap()
        };
        let expected = [(0.01f64 / 0.99).ln(), 0.0, 4f64.ln()];
        assert!(bias(&config).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6));
        let gaussian = bias(&config.clone().likelihood(Likelihood::Gaussian));
        assert!(gaussian.iter().zip([0.0, 0.5, 0.8]).all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-6));
        let wrong = config.data_mean(vec![0.5]).init(0, &Device::default()).unwrap_err();
        assert_eq!(wrong.to_string(), "data_mean must have a value for each of the 3 pixels, got 1");
    }
}
