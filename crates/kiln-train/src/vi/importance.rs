//! What a guide's draws weigh as draws of the posterior.

use burn::tensor::Tensor;
use kiln_tensor::{Stream, special::host::log_sum_exp};

use super::{Guide, LogJoint, Psis, psis};

/// Draws of a guide, and the logarithm ln p(data, z) − ln q(z) of the weight of each in the posterior.
#[derive(Clone, Debug)]
pub struct Importance {
    /// z, `[s, d]`, without gradients.
    pub draws: Tensor<2>,
    /// `[s]`, in nats.
    pub log_ratios: Vec<f64>,
}

impl Importance {
    /// Of `draws` ≥ 2 draws.
    pub fn new(model: &impl LogJoint, guide: &impl Guide, draws: usize, stream: &mut Stream) -> Self {
        let guide = guide.valid();
        let draws = guide.rsample(draws.max(2), stream).without_autodiff();
        let log_ratios = (model.log_joint(draws.clone()) - guide.log_prob(draws.clone())).without_autodiff();
        let log_ratios = log_ratios.into_data().try_into_vec_as().expect("floats");
        Self { draws, log_ratios }
    }

    /// The evidence lower bound, the mean of the ratios' logarithms, in nats.
    pub fn elbo(&self) -> f64 {
        self.log_ratios.iter().sum::<f64>() / self.count()
    }

    /// The standard error of [`elbo`](Self::elbo).
    pub fn standard_error(&self) -> f64 {
        let (mean, n) = (self.elbo(), self.count());
        let spread = self.log_ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (spread / n).sqrt()
    }

    /// ln p(data) by importance sampling, the logarithm of the mean weight, in nats: the importance-weighted bound with as many samples as there
    /// are draws. To be trusted as far as [`psis`](Self::psis) says.
    pub fn log_evidence(&self) -> f64 {
        log_sum_exp(&self.log_ratios) - self.count().ln()
    }

    /// The weights with their tail smoothed, and its shape.
    pub fn psis(&self) -> Psis {
        psis(&self.log_ratios)
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of draws")]
    fn count(&self) -> f64 {
        self.log_ratios.len() as f64
    }
}
