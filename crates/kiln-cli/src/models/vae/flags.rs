//! The flags of `kiln train vae`, as the tables of its settings.

use std::{path::PathBuf, str::FromStr};

use clap::Args;
use kiln::data::{ColorMode, Fit};
use serde::Serialize;

use super::image_size::ImageSize;

use crate::{
    base::count,
    flags::{MethodFlags, RunFlags},
};

#[derive(Args, Debug, Serialize)]
pub(crate) struct VaeFlags {
    /// Published settings to start from: iwae (Burda et al., 2016; MNIST, 3280 epochs)
    #[arg(long, value_name = "NAME", value_parser = ["iwae"], hide_possible_values = true, help_heading = "Run")]
    #[serde(skip)]
    pub(crate) recipe: Option<String>,
    /// Fit a prior (--prior vamp or flow) to the model of a run, which stays as it is
    #[arg(long, value_name = "RUN", help_heading = "Run")]
    #[serde(skip)]
    pub(crate) fit_prior: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: ImageDataFlags,
    #[command(flatten)]
    pub(crate) model: VaeModelFlags,
    #[command(flatten)]
    pub(crate) method: MethodFlags,
    #[command(flatten)]
    pub(crate) train: VaeTrainFlags,
    #[command(flatten)]
    pub(crate) run: RunFlags,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Data")]
pub(crate) struct ImageDataFlags {
    /// Dataset (digits, mnist, fashion-mnist), folder or archive of pictures, NumPy, IDX or CIFAR files, or table of pixels [default: digits]
    #[arg(long = "data", value_name = "NAME|PATH")]
    #[serde(rename = "data")]
    pub(crate) name: Option<String>,
    /// Folder with the files of the named datasets [default: $KILN_DATA_DIR, then the cache]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Fraction of images to hold out for testing, if there is no test set [default: 0.2]
    #[arg(long, value_name = "F")]
    pub(crate) test_fraction: Option<f64>,
    /// Fraction of the training images that choose the epoch instead of the test images [default: 0]
    #[arg(long, value_name = "F", allow_negative_numbers = true)]
    pub(crate) validation_fraction: Option<f64>,
    /// Train on the first N training images only [default: all]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) train_images: Option<usize>,
    /// Height and width of the images [default: those of the files]
    #[arg(long, value_name = "HEIGHTxWIDTH")]
    pub(crate) size: Option<ImageSize>,
    /// How pictures of other shapes get that size: crop, pad or stretch [default: crop]
    #[arg(long, value_name = "HOW")]
    pub(crate) fit: Option<Fit>,
    /// Channels of pictures: auto, grey or rgb [default: auto]
    #[arg(long, value_name = "MODE")]
    pub(crate) color: Option<ColorMode>,
    /// Leave out picture files that cannot be used
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) skip_bad: bool,
    /// Random binarization of pixels: none, dynamic (every epoch), fixed (once) [default: none]
    #[arg(long, value_name = "HOW", value_parser = ["none", "dynamic", "fixed"], hide_possible_values = true)]
    pub(crate) binarize: Option<String>,
    /// Exchange left and right of training images at random, in every epoch
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) augment_flip: bool,
    /// Shift training images by up to N pixels along each axis at random, in every epoch [default: 0]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) augment_shift: Option<usize>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Model")]
pub(crate) struct VaeModelFlags {
    /// Units per hidden layer of the encoder, or none; the decoder mirrors them [default: 400]
    #[arg(long, value_name = "N,…")]
    pub(crate) hidden_dim: Option<HiddenLayers>,
    /// Activation function: silu in networks of several layers, else relu [default: automatic]
    #[arg(long, value_name = "NAME", value_parser = ["relu", "tanh", "gelu", "silu"])]
    pub(crate) activation: Option<String>,
    /// Normalize the outputs of each hidden layer and convolution before the activation
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) layer_norm: bool,
    /// Residual blocks of two layers after each hidden layer and convolution [default: 0]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) residual_blocks: Option<usize>,
    /// Size of each layer of latent variables, from the data upwards, such as 50,10 [default: 20]
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = count::<usize>())]
    pub(crate) latent_dim: Option<Vec<usize>>,
    /// Units per hidden layer between two layers of latent variables [default: 100,100]
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = count::<usize>())]
    pub(crate) upper_hidden_dim: Option<Vec<usize>>,
    /// Channels of each convolution (stride 2) before the hidden layers [default: none]
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = count::<usize>())]
    pub(crate) channels: Option<Vec<usize>>,
    /// Distribution of a pixel given the latent variables [default: bernoulli]
    #[arg(long, value_name = "NAME", value_parser = ["bernoulli", "gaussian", "logistic", "categorical"])]
    pub(crate) likelihood: Option<String>,
    /// categorical and logistic only: number of levels, from 2 to 256 [default: 16; logistic 256]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) levels: Option<usize>,
    /// gaussian only: how the standard deviation is found: learned, or optimal for each minibatch [default: learned]
    #[arg(long, value_name = "HOW", value_parser = ["learned", "optimal"], hide_possible_values = true)]
    pub(crate) scale: Option<String>,
    /// gaussian and logistic only: learn one scale per channel, not one for all pixels
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) scale_per_channel: bool,
    /// Learn the images given their class: class, or none [default: none]
    #[arg(long, value_name = "WHAT", value_parser = ["none", "class"], hide_possible_values = true)]
    pub(crate) condition: Option<String>,
    /// Distribution of the latent variables: standard, or learned: vamp or flow [default: standard]
    #[arg(long, value_name = "NAME", value_parser = ["standard", "vamp", "flow"], hide_possible_values = true)]
    pub(crate) prior: Option<String>,
    /// vamp only: number of learned images whose latent distributions are mixed [default: 100]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) pseudo_inputs: Option<usize>,
    /// flow only: number of coupling layers [default: 4]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) flow_layers: Option<usize>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Training")]
pub(crate) struct VaeTrainFlags {
    /// Number of passes over the training data [default: 20]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) epochs: Option<u64>,
    /// Objective: elbo, iwae, or dreg (iwae with doubly reparameterized gradients) [default: elbo]
    #[arg(long, value_name = "NAME", value_parser = ["elbo", "iwae", "dreg"], hide_possible_values = true)]
    pub(crate) objective: Option<String>,
    /// elbo only: weight of the KL term, as in a β-VAE [default: 1]
    #[arg(long, value_name = "BETA", allow_negative_numbers = true)]
    pub(crate) beta: Option<f64>,
    /// elbo only: epochs in which the weight of the KL term rises from 0 to beta [default: automatic]
    #[arg(long, value_name = "EPOCHS", value_parser = count::<u64>())]
    pub(crate) kl_warm_up: Option<u64>,
    /// elbo only: number of such rises; after each the weight stays at beta for as many epochs [default: 1]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) kl_cycles: Option<u64>,
    /// elbo only: KL that each latent dimension may have without a cost, in nats [default: 0]
    #[arg(long, value_name = "NATS", allow_negative_numbers = true)]
    pub(crate) free_bits: Option<f64>,
    /// iwae and dreg only: importance samples per image [default: 5]
    #[arg(long, value_name = "K", value_parser = count::<usize>())]
    pub(crate) k: Option<usize>,
    /// elbo only: samples of the latent variables per image [default: automatic]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) particles: Option<usize>,
    /// Model that the run ends with: best (of the epoch with the lowest validation or test loss) or last [default: best]
    #[arg(long = "final", value_name = "MODEL", value_parser = ["best", "last"], hide_possible_values = true)]
    #[serde(rename = "final")]
    pub(crate) final_model: Option<String>,
    /// Number of updates between two lines of metrics.jsonl [default: 100]
    #[arg(long, value_name = "N", value_parser = count::<u64>())]
    pub(crate) log_every: Option<u64>,
    /// Number of checkpoints to keep, in addition to the best [default: 2]
    #[arg(long, value_name = "N", value_parser = count::<usize>())]
    pub(crate) keep: Option<usize>,
    /// Also write the losses for TensorBoard, into the run folder
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) tensorboard: bool,
}

/// The units of hidden layers, or `none`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct HiddenLayers(Vec<usize>);

impl FromStr for HiddenLayers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(Vec::new()));
        }
        let units = |part: &str| match part.parse::<i64>() {
            Ok(units) if units >= 0 => usize::try_from(units).map_err(|e| e.to_string()),
            _ => Err(format!("{part} is not a number of units; give numbers up to {}, or none", i64::MAX)),
        };
        text.split(',').map(units).collect::<Result<_, _>>().map(Self)
    }
}
