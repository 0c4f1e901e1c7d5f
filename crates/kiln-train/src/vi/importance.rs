//! A guide's draws as weighted draws from the posterior.

use std::fmt;

use burn::tensor::Tensor;
use kiln_dist::LogJoint;
use kiln_tensor::{Stream, special::host::log_sum_exp};

use super::{Guide, Psis, ViError, check, psis};

/// Draws from a guide with their importance weights in the posterior.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::LogJointOf;
/// use kiln_tensor::Stream;
/// use kiln_train::vi::{Importance, MeanField};
///
/// let model = LogJointOf::new(1, |z: Tensor<2>| z.square().squeeze_dim::<1>(1) * -0.5);
/// let guide = MeanField::new(1, &Device::default());
/// let importance = Importance::new(&model, &guide, 1000, &mut Stream::new(0, "draws", 0, 0))?;
/// // The density is normalised by √(2π). The guide is too narrow, so its bound is lower.
/// assert!(importance.elbo() < 0.92);
/// # Ok::<(), kiln_train::vi::ViError>(())
/// ```
#[derive(Clone)]
pub struct Importance {
    /// The draws z, `[s, d]`, without gradients.
    pub draws: Tensor<2>,
    /// ln p(data, z) − ln q(z) of each draw, `[s]`, in nats.
    pub log_ratios: Vec<f64>,
}

impl Importance {
    /// Takes `draws` draws from the guide, at least 2, and evaluates the model at them.
    ///
    /// # Errors
    /// Returns [`ViError`] if guide and model do not fit, or if `draws` is below 2.
    pub fn new(model: &impl LogJoint, guide: &impl Guide, draws: usize, stream: &mut Stream) -> Result<Self, ViError> {
        check::dims(model, guide.dims())?;
        if draws < 2 {
            return Err(ViError::Setting { name: "draws", expected: "at least 2" });
        }
        let guide = guide.valid();
        let draws = guide.rsample(draws, stream).without_autodiff();
        let log_joint = check::log_joint(model, draws.clone())?;
        let log_ratios = (log_joint - guide.log_prob(draws.clone())).without_autodiff();
        let log_ratios = log_ratios.into_data().try_into_vec_as().expect("a float tensor converts to f64");
        Ok(Self { draws, log_ratios })
    }

    /// Returns the evidence lower bound, the mean of the log ratios, in nats.
    pub fn elbo(&self) -> f64 {
        self.log_ratios.iter().sum::<f64>() / self.count()
    }

    /// Returns the standard error of [`elbo`](Self::elbo).
    pub fn standard_error(&self) -> f64 {
        let (mean, n) = (self.elbo(), self.count());
        let spread = self.log_ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (spread / n).sqrt()
    }

    /// Returns ln p(data) by importance sampling, the logarithm of the mean weight, in nats.
    ///
    /// This is the importance-weighted bound with one sample per draw. [`psis`](Self::psis) says whether to trust it.
    pub fn log_evidence(&self) -> f64 {
        log_sum_exp(&self.log_ratios) - self.count().ln()
    }

    /// Returns the Pareto-smoothed weights and the shape k̂ of their tail.
    pub fn psis(&self) -> Psis {
        psis(&self.log_ratios)
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of draws")]
    fn count(&self) -> f64 {
        self.log_ratios.len() as f64
    }
}

impl fmt::Debug for Importance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Importance")
            .field("draws", &self.draws.dims())
            .field("elbo", &self.elbo())
            .field("standard_error", &self.standard_error())
            .finish_non_exhaustive()
    }
}
