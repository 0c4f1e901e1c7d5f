//! The settings of a VAE's networks and distributions.

use kiln::{
    data::ImageShape,
    models::{HiddenActivation, Likelihood, Prior, VaeConfig},
};
use serde::{Deserialize, Serialize};

use crate::base::{Failure, Result, require};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct VaeModel {
    pub(crate) hidden_dim: Sizes,
    pub(crate) latent_dim: Sizes,
    /// For several stochastic layers only. Absent: 100, 100.
    pub(crate) upper_hidden_dim: Option<Sizes>,
    /// Channels of convolutions. Absent: none.
    pub(crate) channels: Option<Sizes>,
    /// Absent: chosen from the number of layers.
    pub(crate) activation: Option<HiddenActivation>,
    pub(crate) layer_norm: bool,
    pub(crate) residual_blocks: usize,
    pub(crate) likelihood: LikelihoodName,
    /// Levels of a categorical or logistic likelihood. Absent: 16 and 256.
    pub(crate) levels: Option<usize>,
    pub(crate) scale: Scale,
    /// Whether each channel has its own scale.
    pub(crate) scale_per_channel: bool,
    pub(crate) condition: Condition,
    pub(crate) prior: PriorName,
    /// Learned images of a vamp prior. Absent: 100.
    pub(crate) pseudo_inputs: Option<usize>,
    /// Coupling layers of a flow prior. Absent: 4.
    pub(crate) flow_layers: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PriorName {
    /// N(0, I).
    #[default]
    Standard,
    Vamp,
    Flow,
}

/// How the scale of a likelihood is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scale {
    /// With the weights.
    #[default]
    Learned,
    /// In closed form.
    Optimal,
}

/// What the images are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Condition {
    #[default]
    None,
    /// The class of each image.
    Class,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LikelihoodName {
    Bernoulli,
    Gaussian,
    Logistic,
    Categorical,
}

impl LikelihoodName {
    /// Returns whether the likelihood has a scale that is learned.
    pub(super) fn has_scale(self) -> bool {
        matches!(self, Self::Gaussian | Self::Logistic)
    }
}

impl VaeModel {
    /// The largest number of residual blocks after a layer.
    const MAX_BLOCKS: usize = 100;
    /// The largest number of coupling layers.
    const MAX_FLOW: usize = 100;

    /// Returns the number of levels of a likelihood that has levels.
    fn levels(&self) -> usize {
        self.levels.unwrap_or(if self.likelihood == LikelihoodName::Logistic { 256 } else { 16 })
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.upper_hidden_dim.is_some() && self.latent_dim.0.len() < 2 {
            return Err(Failure::usage(
                "--upper-hidden-dim needs several stochastic layers: give --latent-dim two or more numbers",
            ));
        }
        let has_levels = matches!(self.likelihood, LikelihoodName::Categorical | LikelihoodName::Logistic);
        if self.levels.is_some() && !has_levels {
            return Err(Failure::usage("--levels is for --likelihood categorical and logistic"));
        }
        if self.scale_per_channel && !self.likelihood.has_scale() {
            return Err(Failure::usage("--scale-per-channel is for --likelihood gaussian and logistic"));
        }
        if self.scale == Scale::Optimal && self.likelihood != LikelihoodName::Gaussian {
            return Err(Failure::usage("--scale optimal is for --likelihood gaussian"));
        }
        self.check_prior()?;
        if (self.residual_blocks > 0 || self.layer_norm) && self.hidden_dim.0.is_empty() && self.channels.is_none() {
            return Err(Failure::usage("--residual-blocks and --layer-norm need hidden layers or convolutions"));
        }
        let blocks = self.residual_blocks;
        require(blocks <= Self::MAX_BLOCKS, "residual-blocks", "at most 100", blocks)?;
        let levels = self.levels();
        require((2..=256).contains(&levels), "levels", "from 2 to 256", levels)
    }

    fn check_prior(&self) -> Result<()> {
        if self.pseudo_inputs.is_some() && self.prior != PriorName::Vamp {
            return Err(Failure::usage("--pseudo-inputs is for --prior vamp"));
        }
        if self.flow_layers.is_some() && self.prior != PriorName::Flow {
            return Err(Failure::usage("--flow-layers is for --prior flow"));
        }
        require(self.pseudo_inputs != Some(0), "pseudo-inputs", "at least 1", 0)?;
        let layers = self.flow_layers.unwrap_or(1);
        require((1..=Self::MAX_FLOW).contains(&layers), "flow-layers", "from 1 to 100", layers)?;
        if self.prior == PriorName::Standard {
            return Ok(());
        }
        if self.latent_dim.0.len() > 1 {
            return Err(Failure::usage("--prior needs one layer of latent variables: give --latent-dim one number"));
        }
        match self.prior {
            PriorName::Vamp if self.condition == Condition::Class => {
                Err(Failure::usage("--prior vamp is for models without --condition; --prior flow is for both"))
            }
            PriorName::Flow if self.latent_dim.0 == [1] => {
                Err(Failure::usage("--prior flow needs two latent dimensions or more: see --latent-dim"))
            }
            _ => Ok(()),
        }
    }

    /// Returns the family of p(z).
    fn prior(&self) -> Prior {
        match self.prior {
            PriorName::Standard => Prior::Standard,
            PriorName::Vamp => Prior::Vamp(self.pseudo_inputs()),
            PriorName::Flow => Prior::Flow(self.flow_layers()),
        }
    }

    /// Returns the number of learned images of a vamp prior, and 0 with another one.
    pub(super) fn pseudo_inputs(&self) -> usize {
        if self.prior == PriorName::Vamp { self.pseudo_inputs.unwrap_or(100) } else { 0 }
    }

    /// Returns the number of coupling layers of a flow prior, and 0 with another one.
    pub(super) fn flow_layers(&self) -> usize {
        if self.prior == PriorName::Flow { self.flow_layers.unwrap_or(4) } else { 0 }
    }

    /// Returns about how many weights a coupling layer has.
    pub(super) fn flow_weights(&self) -> usize {
        let dims = self.latent_dim.0[0];
        let units = dims.saturating_mul(8).clamp(32, 256);
        units.saturating_mul(units.saturating_add(dims.saturating_mul(2)))
    }

    /// Returns whether encoder and decoder have several layers.
    pub(super) fn is_deep(&self) -> bool {
        let several = |sizes: &Sizes| sizes.0.len() > 1;
        several(&self.hidden_dim) || several(&self.latent_dim) || self.channels.is_some() || self.residual_blocks > 0
    }

    /// Returns the activation: by default SiLU in networks of several layers, in which ReLU loses z easily.
    pub(super) fn activation(&self) -> HiddenActivation {
        self.activation.unwrap_or(if self.is_deep() { HiddenActivation::Silu } else { HiddenActivation::Relu })
    }

    /// Returns the number of units, or of channels, of the widest layer.
    pub(super) fn widest_layer(&self) -> usize {
        let upper = self.upper_hidden_dim.iter().filter(|_| self.latent_dim.0.len() > 1);
        let lists = [&self.hidden_dim, &self.latent_dim].into_iter().chain(upper).chain(&self.channels);
        lists.flat_map(|sizes| &sizes.0).copied().max().unwrap_or(0)
    }

    /// Returns the factor from nats per image to bits per dimension, if the likelihood is a probability of levels.
    pub(super) fn bits_per_dimension(&self, dims: usize) -> Option<f64> {
        let discrete = matches!(self.likelihood, LikelihoodName::Categorical | LikelihoodName::Logistic);
        #[allow(clippy::cast_precision_loss, reason = "a number of pixels")]
        discrete.then(|| 1.0 / (dims.max(1) as f64 * std::f64::consts::LN_2))
    }

    /// Returns how many numbers p(x | z) has per pixel.
    pub(crate) fn outputs_per_pixel(&self) -> usize {
        match self.likelihood {
            LikelihoodName::Bernoulli | LikelihoodName::Gaussian | LikelihoodName::Logistic => 1,
            LikelihoodName::Categorical => self.levels(),
        }
    }

    /// Returns the model for images of this shape, of one of `classes` each if they are what the model is conditioned on.
    pub(crate) fn config(&self, shape: ImageShape, classes: usize) -> VaeConfig {
        let config = VaeConfig::new(shape.dims())
            .image_channels(shape.channels)
            .hidden_dims(self.hidden_dim.0.clone())
            .latent_dims(self.latent_dim.0.clone())
            .activation(self.activation())
            .layer_norm(self.layer_norm)
            .residual_blocks(self.residual_blocks)
            .likelihood(match self.likelihood {
                LikelihoodName::Bernoulli => Likelihood::Bernoulli,
                LikelihoodName::Gaussian => Likelihood::Gaussian,
                LikelihoodName::Logistic => Likelihood::Logistic(self.levels()),
                LikelihoodName::Categorical => Likelihood::Categorical(self.levels()),
            })
            .scale_per_channel(self.scale_per_channel)
            .optimal_scale(self.scale == Scale::Optimal)
            .prior(self.prior())
            .condition_dim(if self.condition == Condition::Class { classes } else { 0 });
        let config = match &self.upper_hidden_dim {
            Some(Sizes(sizes)) => config.upper_hidden_dims(sizes.clone()),
            None => config,
        };
        match &self.channels {
            Some(Sizes(channels)) => config.convolutions([shape.height, shape.width], channels.clone()),
            None => config,
        }
    }
}

/// The size of one layer, or a list of sizes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(crate) struct Sizes(pub(crate) Vec<usize>);

/// [`Sizes`] in a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    One(usize),
    Many(Vec<usize>),
}

impl From<Written> for Sizes {
    fn from(written: Written) -> Self {
        match written {
            Written::One(size) => Self(vec![size]),
            Written::Many(sizes) => Self(sizes),
        }
    }
}

impl From<Sizes> for Written {
    fn from(Sizes(sizes): Sizes) -> Self {
        if let [size] = sizes[..] { Self::One(size) } else { Self::Many(sizes) }
    }
}

impl Default for VaeModel {
    fn default() -> Self {
        Self {
            hidden_dim: Sizes(vec![400]),
            latent_dim: Sizes(vec![20]),
            upper_hidden_dim: None,
            channels: None,
            activation: None,
            layer_norm: false,
            residual_blocks: 0,
            likelihood: LikelihoodName::Bernoulli,
            levels: None,
            scale: Scale::default(),
            scale_per_channel: false,
            condition: Condition::None,
            prior: PriorName::Standard,
            pseudo_inputs: None,
            flow_layers: None,
        }
    }
}
