//! Settings of the variational autoencoder.

mod init;

use kiln_tensor::fused::Activation;
use serde::{Deserialize, Serialize};

use super::{Likelihood, Prior};

/// The activation function of the hidden units.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_models::{HiddenActivation, VaeConfig};
///
/// let vae = VaeConfig::new(64).activation(HiddenActivation::Tanh).init(0, &Device::default())?;
/// # Ok::<(), kiln_models::VaeConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HiddenActivation {
    /// ReLU, max(x, 0). The default.
    #[default]
    Relu,
    /// tanh, used by Burda, Grosse and Salakhutdinov (2015).
    Tanh,
    /// GELU, x·Φ(x) (Hendrycks and Gimpel, 2016).
    Gelu,
    /// SiLU or swish, x·σ(x) (Elfwing, Uchibe and Doya, 2018).
    Silu,
}

impl HiddenActivation {
    fn fused(self) -> Activation {
        match self {
            Self::Relu => Activation::Relu,
            Self::Tanh => Activation::Tanh,
            Self::Gelu => Activation::Gelu,
            Self::Silu => Activation::Silu,
        }
    }
}

/// Settings of a [`Vae`](super::Vae): layer sizes, activation and likelihood.
///
/// # Example
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
    #[serde(default = "one")]
    image_channels: usize,
    activation: HiddenActivation,
    #[serde(default)]
    layer_norm: bool,
    #[serde(default)]
    residual_blocks: usize,
    #[serde(default)]
    condition_dim: usize,
    #[serde(default)]
    prior: Prior,
    likelihood: Likelihood,
    data_mean: Option<Vec<f64>>,
    #[serde(default)]
    data_stddev: Option<f64>,
    #[serde(default)]
    channel_stddevs: Option<Vec<f64>>,
    #[serde(default)]
    scale_per_channel: bool,
    #[serde(default)]
    optimal_scale: bool,
}

fn one() -> usize {
    1
}

/// The image size and the channels of the encoder's convolutions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Convolutions {
    size: [usize; 2],
    channels: Vec<usize>,
}

impl VaeConfig {
    /// The default number of units of the hidden layer.
    pub const HIDDEN_DIM: usize = 400;
    /// The default number of latent dimensions.
    pub const LATENT_DIM: usize = 20;
    /// The smallest standard deviation at which a Gaussian likelihood starts: 0.05. An untrained decoder is this far from the
    /// mean image anyway.
    pub const LEAST_STDDEV: f64 = 0.05;
    /// The default numbers of units of the hidden layers between two stochastic layers.
    pub const UPPER_HIDDEN_DIMS: [usize; 2] = [100, 100];

    /// Returns the default settings for images of `data_dim` values, which is height × width × channels.
    pub fn new(data_dim: usize) -> Self {
        Self {
            data_dim,
            hidden_dims: vec![Self::HIDDEN_DIM],
            latent_dims: vec![Self::LATENT_DIM],
            upper_hidden_dims: Self::UPPER_HIDDEN_DIMS.to_vec(),
            convolutions: None,
            image_channels: 1,
            activation: HiddenActivation::default(),
            layer_norm: false,
            residual_blocks: 0,
            condition_dim: 0,
            prior: Prior::default(),
            likelihood: Likelihood::default(),
            data_mean: None,
            data_stddev: None,
            channel_stddevs: None,
            scale_per_channel: false,
            optimal_scale: false,
        }
    }

    /// Sets the number of units of the hidden layer in encoder and decoder, at least 1. Default 400.
    pub fn hidden_dim(self, hidden_dim: usize) -> Self {
        self.hidden_dims(vec![hidden_dim])
    }

    /// Sets the number of units of each hidden layer of the encoder. The decoder reverses the order. Without hidden layers, encoder and
    /// decoder are linear: with a Gaussian likelihood this is probabilistic principal component analysis (Lucas, Tucker, Grosse and
    /// Norouzi, 2019). Default: one layer of 400.
    pub fn hidden_dims(self, hidden_dims: Vec<usize>) -> Self {
        Self { hidden_dims, ..self }
    }

    /// Sets the activation of the hidden units. Default ReLU.
    pub fn activation(self, activation: HiddenActivation) -> Self {
        Self { activation, ..self }
    }

    /// Normalises the outputs of each hidden layer and each convolution before the activation: a row less its mean, divided by its
    /// standard deviation, with a learned factor and summand for each unit, or for each channel of images (Ba, Kiros and Hinton, 2016).
    /// The layers between stochastic layers have none. Default: no.
    pub fn layer_norm(self, layer_norm: bool) -> Self {
        Self { layer_norm, ..self }
    }

    /// Adds `blocks` residual blocks after each hidden layer of encoder and decoder, or with [convolutions](Self::convolutions) after
    /// each of those too. A block adds two more layers of the same size to its input, of units or of 3×3 convolutions, each after an
    /// activation (He, Zhang, Ren and Sun, 2016). It starts as the identity. The layers between stochastic layers have none. Default 0.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::Device;
    /// use kiln_models::{HiddenActivation, VaeConfig};
    ///
    /// let vae = VaeConfig::new(784)
    ///     .convolutions([28, 28], vec![16, 32])
    ///     .hidden_dim(128)
    ///     .activation(HiddenActivation::Silu)
    ///     .layer_norm(true)
    ///     .residual_blocks(1)
    ///     .init(0, &Device::default())?;
    /// # Ok::<(), kiln_models::VaeConfigError>(())
    /// ```
    pub fn residual_blocks(self, blocks: usize) -> Self {
        Self { residual_blocks: blocks, ..self }
    }

    /// Makes it a model of images given a condition of so many numbers, such as the indicators of classes (Sohn, Lee and Yan, 2015).
    /// Default 0: no condition. See [`Vae::conditioned`](super::Vae::conditioned).
    pub fn condition_dim(self, condition_dim: usize) -> Self {
        Self { condition_dim, ..self }
    }

    /// Sets the family of p(z). Another one than N(0, I) is learned; it is for one stochastic layer, and [`Prior::Vamp`] for models without a
    /// condition. Default N(0, I).
    pub fn prior(self, prior: Prior) -> Self {
        Self { prior, ..self }
    }

    /// Sets the number of latent dimensions, at least 1. Default 20.
    pub fn latent_dim(self, latent_dim: usize) -> Self {
        self.latent_dims(vec![latent_dim])
    }

    /// Sets the number of dimensions of each stochastic layer, the layer next to x first. Default: one layer of 20.
    pub fn latent_dims(self, latent_dims: Vec<usize>) -> Self {
        Self { latent_dims, ..self }
    }

    /// Sets the number of units of each hidden layer between two stochastic layers, on the way up. The way down reverses the order.
    /// Default 100 and 100.
    pub fn upper_hidden_dims(self, upper_hidden_dims: Vec<usize>) -> Self {
        Self { upper_hidden_dims, ..self }
    }

    /// Adds convolutions before the encoder's hidden layers and transposed convolutions after the decoder's.
    ///
    /// `size` is `[height, width]` of the images, `channels` the number of channels of each convolution. Each has a 4×4 kernel and
    /// halves the image sides. Default: no convolutions.
    pub fn convolutions(self, size: [usize; 2], channels: Vec<usize>) -> Self {
        let convolutions = (!channels.is_empty()).then_some(Convolutions { size, channels });
        Self { convolutions, ..self }
    }

    /// Sets the number of channels of an image: 1 for grey, 3 for colour. The values of a pixel are next to each other. Only convolutions
    /// need to know it. Default 1.
    pub fn image_channels(self, image_channels: usize) -> Self {
        Self { image_channels, ..self }
    }

    /// Sets the family of p(x | z). Default Bernoulli.
    pub fn likelihood(self, likelihood: Likelihood) -> Self {
        Self { likelihood, ..self }
    }

    /// Gives each channel of the images its own learned scale, where the likelihood has a learned scale: Gaussian and logistic. Default:
    /// one scale for all pixels.
    pub fn scale_per_channel(self, per_channel: bool) -> Self {
        Self { scale_per_channel: per_channel, ..self }
    }

    /// Computes the standard deviation of a Gaussian likelihood in closed form, and does not learn it with the weights.
    ///
    /// In each training step it is the root mean squared error of the minibatch, which is its optimum (Rybkin, Daniilidis and Levine, *Simple
    /// and Effective VAE Training with Calibrated Decoders*, 2021), but at least 0.001. A running average of its square is used everywhere
    /// else. As in Burn's `BatchNorm`, clones of a model share the average. For the ELBO with a Gaussian likelihood, in one process: other
    /// objectives use the average as it is, and several processes would each have an average of their own. Default: learned.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::Device;
    /// use kiln_models::{Likelihood, VaeConfig};
    ///
    /// let vae = VaeConfig::new(64).likelihood(Likelihood::Gaussian).optimal_scale(true).init(0, &Device::default())?;
    /// # Ok::<(), kiln_models::VaeConfigError>(())
    /// ```
    pub fn optimal_scale(self, optimal: bool) -> Self {
        Self { optimal_scale: optimal, ..self }
    }

    /// Sets the mean training image, one value in [0, 1] per pixel. The decoder's last bias then starts at it, so that the model
    /// initially outputs the mean image (Burda, Grosse and Salakhutdinov, 2015). Default: no mean image, and a random bias.
    pub fn data_mean(self, mean: Vec<f64>) -> Self {
        Self { data_mean: Some(mean), ..self }
    }

    /// Sets the standard deviation of the training images around their mean image, finite and not negative. The learned scale of a
    /// Gaussian or logistic likelihood then starts so that a pixel has this standard deviation, or
    /// [`LEAST_STDDEV`](Self::LEAST_STDDEV) if that is larger. Default: a Gaussian's starts at 1.
    pub fn data_stddev(self, stddev: f64) -> Self {
        Self { data_stddev: Some(stddev), ..self }
    }

    /// Sets [`data_stddev`](Self::data_stddev) for each channel, one value per [channel](Self::image_channels). It is used with
    /// [`scale_per_channel`](Self::scale_per_channel). Default: all channels start at `data_stddev`.
    pub fn channel_stddevs(self, stddevs: Vec<f64>) -> Self {
        Self { channel_stddevs: Some(stddevs), ..self }
    }
}
