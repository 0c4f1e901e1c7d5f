//! Distributions of z that are learned with the model.

mod flow;
mod standard;
pub(super) mod vamp;

use serde::{Deserialize, Serialize};

pub(super) use self::{flow::FlowPrior, standard::log_standard, vamp::VampPrior};

/// The family of p(z).
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_models::{Prior, VaeConfig};
///
/// let vae = VaeConfig::new(64).prior(Prior::Vamp(50)).init(0, &Device::default())?;
/// # Ok::<(), kiln_models::VaeConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prior {
    /// N(0, I). The default.
    #[default]
    Standard,
    /// The mean of the posteriors of so many learned images, p(z) = (1/K)·Σₖ q(z | uₖ), at least 1 (Tomczak and Welling, *VAE with a
    /// VampPrior*, 2018).
    Vamp(usize),
    /// The density of an invertible network of N(0, I), with so many coupling layers, at least 1 (Dinh, Sohl-Dickstein and Bengio, *Density
    /// Estimation using Real NVP*, 2017; Chen et al., *Variational Lossy Autoencoder*, 2017, for its use as a prior).
    Flow(usize),
}
