//! Importance-weighted bounds.

use burn::tensor::Tensor;
use kiln_dist::{Batch, DistError, Distribution, FromNoise, LatentVariableModel, Reparameterized};
use kiln_tensor::Stream;

use super::{Loss, Objective};
use crate::weighting;

/// The estimator of the encoder's gradient.
///
/// # Example
/// ```
/// use kiln_train::{ImportanceGradient, Iwae};
///
/// let objective = Iwae::new(50).gradient(ImportanceGradient::DoublyReparameterized);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportanceGradient {
    /// Automatic differentiation of the bound. Its signal-to-noise ratio falls as k grows (Rainforth et al., 2018). The
    /// default.
    #[default]
    Plain,
    /// The doubly reparameterised estimator (DReG), Σ w̃ₖ²·∂ln wₖ/∂z·∂z/∂φ (Tucker, Lawson, Gu and Maddison, 2019, equation 8).
    ///
    /// It is unbiased for the same gradient with less variance, and gains most for large k. For k = 1 it is the
    /// sticking-the-landing estimator (Roeder, Wu and Duvenaud, 2017). It costs one more forward pass.
    DoublyReparameterized,
}

/// The negative importance-weighted bound, −(1/n) Σᵢ ln (1/k) Σₖ wₖ.
///
/// Here wₖ = p(xᵢ, zₖ)/q(zₖ | xᵢ) with zₖ drawn from q. The bound rises with k from the ELBO to ln p(x). With an order α
/// other than 0 it is Rényi's bound, (1/(1 − α))·ln (1/k) Σₖ wₖ^{1 − α}. Reports the terms `iwae` (the bound) and `elbo`
/// (the mean of ln wₖ).
///
/// # Example
///
/// ```
/// use kiln_data::Images;
/// use kiln_dist::LatentVariableModel;
/// use kiln_optim::AdamConfig;
/// use kiln_train::{ImportanceGradient, Iwae, TrainConfig, TrainError, TrainOutcome, Trainer};
///
/// fn train<M: LatentVariableModel>(model: M, images: &Images) -> Result<TrainOutcome<M>, TrainError> {
///     let objective = Iwae::new(50).gradient(ImportanceGradient::DoublyReparameterized);
///     Trainer::new(TrainConfig::default(), AdamConfig::new().build()?).fit(model, &objective, images, None)
/// }
/// ```
///
/// # References
///
/// Burda, Grosse and Salakhutdinov, *Importance Weighted Autoencoders* (2016); Li and Turner, *Rényi Divergence
/// Variational Inference* (2016).
#[derive(Clone, Copy, Debug)]
pub struct Iwae {
    k: usize,
    alpha: f64,
    gradient: ImportanceGradient,
}

impl Iwae {
    /// The bound with `k` samples per example, at least 1.
    pub fn new(k: usize) -> Self {
        Self { k: k.max(1), alpha: 0.0, gradient: ImportanceGradient::default() }
    }

    /// Sets the estimator of the encoder's gradient. Default: automatic differentiation.
    pub fn gradient(self, gradient: ImportanceGradient) -> Self {
        Self { gradient, ..self }
    }

    /// Sets Rényi's order α ≤ 1; 1 gives the ELBO. Default 0: the importance-weighted bound.
    pub fn alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// Returns ln wₖ `[k, n]` of z `[k·n, d_z]`.
    pub(crate) fn log_weights<M: LatentVariableModel>(
        model: &M,
        x: &Tensor<2>,
        posterior: &M::Posterior,
        z: Tensor<2>,
    ) -> Tensor<2> {
        let (n, draws) = (x.dims()[0], z.dims()[0]);
        let k = draws / n.max(1);
        let x = if k > 1 { x.clone().repeat_dim(0, k) } else { x.clone() };
        let of_model = model.likelihood(z.clone()).log_prob_per_example(x) + model.log_prior(z.clone());
        (of_model - posterior.log_prob_per_example(z)).reshape([k, n])
    }

    fn assemble<M: LatentVariableModel>(
        &self,
        model: &M,
        x: &Tensor<2>,
        posterior: &M::Posterior,
        z: Tensor<2>,
    ) -> Loss {
        let log_weights = match self.gradient {
            ImportanceGradient::Plain => Self::log_weights(model, x, posterior, z),
            ImportanceGradient::DoublyReparameterized => {
                // Only the path through z is kept in ln q. The weights come from a pass without gradients.
                let posterior = posterior.detached();
                let weights = Self::log_weights(&model.valid(), x, &posterior, z.clone().without_autodiff());
                Self::log_weights(model, x, &posterior, weighting::reweight_paths(z, weights, self.alpha))
            }
        };
        let value = -weighting::bound(log_weights.clone(), self.alpha).mean();
        let elbo = log_weights.without_autodiff().mean();
        let iwae = -value.clone().without_autodiff();
        Loss { value, terms: vec![("iwae", iwae), ("elbo", elbo)] }
    }

    /// Returns the loss with given noise `[k·n, d_z]`: the first sample of every example, then the second, and so on.
    pub fn loss_at_noise<M: LatentVariableModel>(&self, model: &M, rows: Tensor<2>, noise: Tensor<2>) -> Loss {
        let (model, x) = model.given(rows);
        let k = noise.dims()[0] / x.dims()[0].max(1);
        let posterior = model.posterior(x.clone()).repeated(k);
        let z = posterior.rsample_from_noise(noise);
        self.assemble(&*model, &x, &posterior, z)
    }
}

impl<M: LatentVariableModel, B: Into<Tensor<2>>> Objective<M, B> for Iwae {
    fn loss(&self, model: &M, batch: B, stream: &mut Stream) -> Loss {
        let (model, x) = model.given(batch.into());
        let posterior = model.posterior(x.clone()).repeated(self.k);
        let z = posterior.rsample(stream);
        self.assemble(&*model, &x, &posterior, z)
    }

    fn can_be_captured(&self) -> bool {
        true
    }

    fn is_mean_over_rows(&self) -> bool {
        true
    }

    fn check(&self, model: &M, batch: B) -> Result<(), DistError> {
        model.check_inputs(&batch.into())
    }
}
