//! The settings of annealed importance sampling.

use serde::Serialize;

/// The settings of [`annealed_importance`](super::annealed_importance).
///
/// # Example
/// ```
/// use kiln_train::AnnealedConfig;
///
/// let config = AnnealedConfig { temperatures: 1000, ..AnnealedConfig::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AnnealedConfig {
    /// Number of chains per example, at least 1. Default 16.
    pub chains: usize,
    /// Number of steps from the first distribution to the posterior, at least 1. More steps give a tighter estimate. Default 500.
    pub temperatures: usize,
    /// Number of leapfrog steps of each Hamiltonian proposal, at least 1. Default 10.
    pub leapfrog_steps: usize,
    /// The distribution that the chains start from. Default: the encoder's.
    pub start: AnnealedStart,
    /// Seed of the draws. Default 0.
    pub seed: u64,
}

impl Default for AnnealedConfig {
    fn default() -> Self {
        Self { chains: 16, temperatures: 500, leapfrog_steps: 10, start: AnnealedStart::default(), seed: 0 }
    }
}

/// The distribution that annealed importance sampling starts from.
///
/// # Example
/// ```
/// use kiln_train::{AnnealedConfig, AnnealedStart};
///
/// let config = AnnealedConfig { start: AnnealedStart::Prior, ..AnnealedConfig::default() };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnnealedStart {
    /// q(z | x). It is near the posterior, so that fewer temperatures are enough. The default.
    #[default]
    Encoder,
    /// N(0, I). It is the prior, unless the model has several stochastic layers or learns its prior. The result does not depend on the encoder (Wu, Burda, Salakhutdinov and
    /// Grosse, 2017).
    Prior,
}
