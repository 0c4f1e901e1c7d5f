//! The settings of a VAE.

use std::path::PathBuf;

use kiln::data::{Binarize, ColorMode, Fit};
use serde::{Deserialize, Serialize};

use super::{
    image_size::ImageSize,
    model_settings::{PriorName, Scale, VaeModel},
};
use crate::{
    base::{Failure, Result, require},
    settings::{MethodSettings, RunSettings},
};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct VaeSettings {
    pub(crate) data: ImageData,
    pub(crate) model: VaeModel,
    pub(crate) method: MethodSettings,
    pub(crate) train: VaeTrain,
    pub(crate) run: RunSettings,
}

impl VaeSettings {
    /// The default of `k`.
    pub(super) const K: usize = 5;

    pub(super) fn check(&self) -> Result<()> {
        let train = &self.train;
        require(train.epochs >= 1, "epochs", "at least 1", train.epochs)?;
        require(train.log_every >= 1, "log-every", "at least 1", train.log_every)?;
        require(train.keep >= 1, "keep", "at least 1", train.keep)?;
        require(train.beta >= 0.0 && train.beta.is_finite(), "beta", "finite and not negative", train.beta)?;
        require(self.data.train_images != Some(0), "train-images", "at least 1", 0usize)?;
        let validation = self.data.validation_fraction;
        require((0.0..1.0).contains(&validation), "validation-fraction", "at least 0 and below 1", validation)?;
        require(train.particles != Some(0), "particles", "at least 1", 0)?;
        require(train.k != Some(0), "k", "at least 1", 0)?;
        let free_bits = train.free_bits;
        require(free_bits >= 0.0 && free_bits.is_finite(), "free-bits", "finite and not negative", free_bits)?;
        require(train.kl_cycles >= 1, "kl-cycles", "at least 1", train.kl_cycles)?;
        let weighted = train.objective != ObjectiveName::Elbo;
        let not_one = train.beta.to_bits() != 1f64.to_bits();
        let rises = train.kl_warm_up.is_some_and(|epochs| epochs > 0);
        let of_kl = not_one || rises || free_bits > 0.0;
        if weighted && (train.particles.is_some() || of_kl) {
            return Err(Failure::usage(
                "--particles, --beta, --kl-warm-up and --free-bits are for --objective elbo; iwae and dreg have --k",
            ));
        }
        if weighted && self.model.scale == Scale::Optimal {
            return Err(Failure::usage("--scale optimal is for --objective elbo"));
        }
        if train.kl_cycles > 1 && !rises {
            return Err(Failure::usage("--kl-cycles needs --kl-warm-up, the epochs of a rise"));
        }
        if free_bits > 0.0 && self.model.prior != PriorName::Standard {
            return Err(Failure::usage(
                "--free-bits needs --prior standard, to which the KL of each dimension is known",
            ));
        }
        if free_bits > 0.0 && self.model.latent_dim.0.len() > 1 {
            return Err(Failure::usage(
                "--free-bits needs one layer of latent variables: give --latent-dim one number",
            ));
        }
        if !weighted && train.k.is_some() {
            return Err(Failure::usage("--k is for --objective iwae and dreg; elbo has --particles"));
        }
        if train.fit_prior.is_some() && self.model.prior == PriorName::Standard {
            return Err(Failure::usage("--fit-prior needs --prior vamp or flow, the prior to fit"));
        }
        self.model.check()?;
        self.method.check()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ImageData {
    #[serde(rename = "data")]
    pub(crate) name: String,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) test_fraction: f64,
    /// The fraction of the training images that choose the epoch. 0: the test images do.
    pub(crate) validation_fraction: f64,
    /// The number of training images that are used, from the first one on. Absent: all.
    pub(crate) train_images: Option<usize>,
    /// Absent: the size of the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<ImageSize>,
    pub(crate) fit: Fit,
    pub(crate) color: ColorMode,
    pub(crate) skip_bad: bool,
    pub(crate) binarize: Binarize,
    /// Whether training images are exchanged left and right at random.
    pub(crate) augment_flip: bool,
    /// The largest random shift of training images, in pixels.
    pub(crate) augment_shift: usize,
}

impl Default for ImageData {
    fn default() -> Self {
        Self {
            name: "digits".into(),
            data_dir: None,
            test_fraction: 0.2,
            validation_fraction: 0.0,
            train_images: None,
            size: None,
            fit: Fit::default(),
            color: ColorMode::default(),
            skip_bad: false,
            binarize: Binarize::None,
            augment_flip: false,
            augment_shift: 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ObjectiveName {
    /// The evidence lower bound.
    Elbo,
    /// The importance-weighted bound of k samples.
    Iwae,
    /// The importance-weighted bound with the doubly reparameterised gradient.
    Dreg,
}

/// The model that a run ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FinalModel {
    /// That of the epoch with the lowest validation loss, or test loss if there are no validation data. Without either, the last one.
    Best,
    /// That after the last update.
    Last,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct VaeTrain {
    pub(crate) epochs: u64,
    pub(crate) objective: ObjectiveName,
    pub(crate) beta: f64,
    /// Epochs in which β rises from 0. Absent: chosen from the number of layers and of images.
    pub(crate) kl_warm_up: Option<u64>,
    /// Number of rises.
    pub(crate) kl_cycles: u64,
    /// Nats per latent dimension.
    pub(crate) free_bits: f64,
    /// Absent: chosen from the batch size.
    pub(crate) particles: Option<usize>,
    /// Importance samples for iwae and dreg. Absent: 5.
    pub(crate) k: Option<usize>,
    /// The run whose model gets a prior. Absent: all parameters are trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fit_prior: Option<PathBuf>,
    #[serde(rename = "final")]
    pub(crate) final_model: FinalModel,
    pub(crate) log_every: u64,
    pub(crate) keep: usize,
    /// Whether files for TensorBoard are written.
    pub(crate) tensorboard: bool,
}

impl Default for VaeTrain {
    fn default() -> Self {
        Self {
            epochs: 20,
            objective: ObjectiveName::Elbo,
            beta: 1.0,
            kl_warm_up: None,
            kl_cycles: 1,
            free_bits: 0.0,
            particles: None,
            k: None,
            fit_prior: None,
            final_model: FinalModel::Best,
            log_every: 100,
            keep: 2,
            tensorboard: false,
        }
    }
}
