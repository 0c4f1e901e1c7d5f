//! Settings of a variational autoencoder.

use std::f64::consts::SQRT_2;

use burn::{
    module::Param,
    tensor::{Device, Tensor, TensorData},
};
use kiln_tensor::{Stream, init};
use serde::{Deserialize, Serialize};

use super::{
    Likelihood, Vae,
    images::{ImageDecoder, ImageEncoder, sides},
    latent::{self, StochasticLayer},
};

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
    latent_dims: Vec<usize>,
    upper_hidden_dims: Vec<usize>,
    convolutions: Option<Convolutions>,
    activation: HiddenActivation,
    likelihood: Likelihood,
    data_mean: Option<Vec<f64>>,
}

/// Sizes of images, and channels of the convolutions of the encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Convolutions {
    size: [usize; 2],
    channels: Vec<usize>,
}

/// Settings that no network can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VaeConfigError {
    /// A size of zero.
    #[error("{0} must be at least 1, got 0")]
    Size(&'static str),
    /// Images of another size than the pixels, or too small to be halved so often.
    #[error("images of {height}×{width} pixels cannot be halved {layers} times, or are not those of {data_dim} pixels")]
    Images {
        /// Pixels down.
        height: usize,
        /// Pixels across.
        width: usize,
        /// Pixels of an image.
        data_dim: usize,
        /// Convolutions.
        layers: usize,
    },
    /// Fewer than two grey levels.
    #[error("a categorical likelihood needs 2 levels or more, got {0}")]
    Levels(usize),
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
            latent_dims: vec![20],
            upper_hidden_dims: vec![100, 100],
            convolutions: None,
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
        self.latent_dims(vec![latent_dim])
    }

    /// Dimensions of each stochastic layer, that next to x first; one layer or more. Default: one of 20.
    pub fn latent_dims(self, latent_dims: Vec<usize>) -> Self {
        Self { latent_dims, ..self }
    }

    /// Units in each hidden layer between one stochastic layer and the next, on the way up; in the other order on the way down. Default 100
    /// and 100.
    pub fn upper_hidden_dims(self, upper_hidden_dims: Vec<usize>) -> Self {
        Self { upper_hidden_dims, ..self }
    }

    /// Convolutions before the encoder's hidden layers, and transposed ones after the decoder's: kernels of 4×4 that halve the sides of
    /// images of `[height, width]` pixels each time, with so many channels each. Default: none.
    pub fn convolutions(self, size: [usize; 2], channels: Vec<usize>) -> Self {
        let convolutions = (!channels.is_empty()).then_some(Convolutions { size, channels });
        Self { convolutions, ..self }
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
    /// [`VaeConfigError`] when a size is 0, the mean image has another size, or images cannot be halved so often.
    pub fn init(&self, seed: u64, device: &Device) -> Result<Vae, VaeConfigError> {
        let sides = self.check()?;
        let (tanh, outputs) = (self.activation == HiddenActivation::Tanh, self.likelihood.outputs());
        let channels = self.convolutions.as_ref().map_or(&[][..], |c| &c.channels);
        // What the dense layers see of an image, and what they give.
        let [seen, given] = match (&sides, channels.last()) {
            (Some(sides), Some(channels)) => [channels * sides[sides.len() - 1].iter().product::<usize>(); 2],
            _ => [self.data_dim, self.data_dim * outputs],
        };
        let mut stream = Stream::new(seed, "init", 0, 0);
        // The weights that suit one hidden layer of relu make a signal smaller, and through several too small to learn from.
        let gain = self.is_deep_relu().then_some(SQRT_2);
        let inwards: Vec<usize> = std::iter::once(seen).chain(self.hidden_dims.iter().copied()).collect();
        let (first, last) = (self.latent_dims[0], inwards[inwards.len() - 1]);
        let backwards = self.hidden_dims.iter().rev().copied();
        let outwards: Vec<usize> = std::iter::once(first).chain(backwards).chain([given]).collect();
        let encoder = latent::layers(&inwards, gain, &mut stream, device);
        let mut head = || init::linear(last, first, &mut stream, device);
        let (latent_loc, latent_log_variance) = (head(), head());
        // Where no convolutions follow, the last layer gives the outputs.
        let (hidden, output) =
            if sides.is_some() { (&outwards[..], None) } else { (&outwards[..outwards.len() - 1], Some(given)) };
        let mut decoder = latent::layers(hidden, gain, &mut stream, device);
        decoder.extend(output.map(|outputs| init::linear(hidden[hidden.len() - 1], outputs, &mut stream, device)));
        let pairs = self.latent_dims.windows(2);
        let mut layer_above = |pair: &[usize]| {
            StochasticLayer::new((pair[0], pair[1]), &self.upper_hidden_dims, tanh, &mut stream, device)
        };
        let above = pairs.map(&mut layer_above).collect();
        let mut vae = Vae {
            image_encoder: sides.as_ref().map(|s| ImageEncoder::new(s[0], channels, tanh, &mut stream, device)),
            encoder,
            latent_loc,
            latent_log_variance,
            above,
            decoder,
            image_decoder: sides.as_ref().map(|s| ImageDecoder::new(s, channels, outputs, tanh, &mut stream, device)),
            tanh,
            log_scale: match self.likelihood {
                Likelihood::Gaussian => Some(Param::from_tensor(Tensor::zeros([1], device))),
                Likelihood::Bernoulli | Likelihood::Categorical(_) => None,
            },
            levels: match self.likelihood {
                Likelihood::Categorical(levels) => Some(levels),
                Likelihood::Bernoulli | Likelihood::Gaussian => None,
            },
        };
        if let Some(mean) = &self.data_mean {
            let bias: Vec<f64> = mean.iter().flat_map(|&mean| self.likelihood.outputs_of(mean)).collect();
            let bias = Param::from_data(TensorData::new(bias, [self.data_dim * outputs]), device);
            match (&mut vae.image_decoder, vae.decoder.last_mut()) {
                (Some(images), _) => images.bias = bias,
                (None, Some(last)) => last.bias = Some(bias),
                (None, None) => {}
            }
        }
        Ok(vae)
    }

    /// Whether the units are relu, and more than one layer of them is passed on the way to z or back. Weights are larger at the start then (He et
    /// al., 2015), and large steps are dangerous.
    pub fn is_deep_relu(&self) -> bool {
        let deep = self.hidden_dims.len() > 1 || self.convolutions.is_some() || self.latent_dims.len() > 1;
        deep && self.activation == HiddenActivation::Relu
    }

    /// The sides of the images, from the image on, where there are convolutions.
    fn check(&self) -> Result<Option<Vec<[usize; 2]>>, VaeConfigError> {
        let named = |sizes: &[usize], name| sizes.iter().map(move |size| (*size, name)).collect::<Vec<_>>();
        let channels = self.convolutions.as_ref().map_or(&[][..], |c| &c.channels);
        let sizes = [
            vec![(self.data_dim, "data_dim"), (self.hidden_dims.len(), "hidden layers")],
            vec![(self.latent_dims.len(), "stochastic layers")],
            named(&self.latent_dims, "latent_dim"),
            named(&self.hidden_dims, "hidden_dim"),
            named(&self.upper_hidden_dims, "upper_hidden_dim"),
            named(channels, "channels"),
        ];
        if let Some((_, name)) = sizes.into_iter().flatten().find(|(size, _)| *size == 0) {
            return Err(VaeConfigError::Size(name));
        }
        if let Likelihood::Categorical(levels @ 0..=1) = self.likelihood {
            return Err(VaeConfigError::Levels(levels));
        }
        if let Some(mean) = self.data_mean.as_ref().filter(|mean| mean.len() != self.data_dim) {
            return Err(VaeConfigError::DataMean { expected: self.data_dim, got: mean.len() });
        }
        let Some(Convolutions { size, channels }) = &self.convolutions else { return Ok(None) };
        let [height, width] = *size;
        let sides = sides(*size, channels.len()).filter(|_| height * width == self.data_dim);
        let refused = VaeConfigError::Images { height, width, data_dim: self.data_dim, layers: channels.len() };
        sides.map(Some).ok_or(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_dist::{LatentVariableModel, Moments};
    use kiln_testkit::{assert_close, values};

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

    /// Whatever its layers, a model starts at the mean image, and gives back as many pixels as it takes.
    #[test]
    fn every_kind_of_decoder_starts_near_the_mean_image() {
        let device = Device::default();
        // Sides of 5 and 7 lose a pixel when they are halved.
        let mean: Vec<f64> = (0..35).map(|i| 0.05 + f64::from(i) / 40.0).collect();
        let config = VaeConfig::new(35).hidden_dim(8).latent_dim(2).data_mean(mean.clone());
        for likelihood in [Likelihood::Bernoulli, Likelihood::Gaussian, Likelihood::Categorical(5)] {
            for config in [config.clone(), config.clone().convolutions([5, 7], vec![3, 4])] {
                let vae = config.likelihood(likelihood).init(0, &device).unwrap();
                assert_eq!((vae.data_dim(), vae.latent_dim()), (35, 2));
                let x = vae.likelihood(Tensor::zeros([3, 2], &device)).mean();
                assert_eq!(x.dims(), [3, 35]);
                // Hidden units of a fresh network move an output by some tenths.
                assert_close(&values(x)[..35], &mean, 0.0, 0.25, "the mean image");
                assert_eq!(vae.encode(Tensor::zeros([3, 35], &device)).dims(), [3, 2]);
            }
        }
        let outputs = Likelihood::Categorical(9).outputs_of(0.7);
        let sum: f64 = outputs.iter().map(|l| l.exp()).sum();
        let at: f64 = outputs.iter().zip(0u8..).map(|(l, i)| l.exp() / sum * f64::from(i) / 8.0).sum();
        assert_close(&[at], &[0.7], 1e-12, 0.0, "the mean of the grey levels");
        let message = |config: VaeConfig| config.init(0, &device).unwrap_err().to_string();
        assert!(message(config.clone().convolutions([5, 7], vec![2, 2, 2])).contains("cannot be halved 3 times"));
        assert!(message(config.clone().convolutions([4, 7], vec![2])).contains("those of 35 pixels"));
        assert!(message(config.likelihood(Likelihood::Categorical(1))).contains("2 levels or more"));
    }
}
