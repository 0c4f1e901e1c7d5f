//! Bounds by importance weights.

use burn::tensor::Tensor;
use kiln_dist::{Batch, Distribution, FromNoise, LatentVariableModel, Reparameterized};
use kiln_tensor::Stream;

use super::{Loss, Objective};
use crate::weighting;

/// How the encoder's gradient is estimated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportanceGradient {
    /// By automatic differentiation of the bound. Its signal fades beside its noise as k grows (Rainforth et al., 2018). The default.
    #[default]
    Plain,
    /// Doubly reparameterised, DReG: Σ w̃ₖ²·∂ln wₖ/∂z·∂z/∂φ, unbiased for the same gradient, with less variance, and the more so the larger k
    /// is (Tucker, Lawson, Gu and Maddison, 2019, (8)); with k = 1 it sticks the landing (Roeder, Wu and Duvenaud, 2017). Costs one more
    /// forward pass.
    DoublyReparameterized,
}

/// The negative importance-weighted bound, −(1/n) Σᵢ ln (1/k) Σₖ wₖ with wₖ = p(xᵢ, zₖ)/q(zₖ | xᵢ) and zₖ from q (Burda, Grosse and
/// Salakhutdinov, 2015), which rises with k from the ELBO to ln p(x). With an order α other than 0 it is Rényi's bound
/// (1/(1 − α))·ln (1/k) Σₖ wₖ^{1 − α} (Li and Turner, 2016). Reports `iwae`, the bound, and `elbo`, the mean of ln wₖ.
#[derive(Clone, Copy, Debug)]
pub struct Iwae {
    k: usize,
    alpha: f64,
    gradient: ImportanceGradient,
}

impl Iwae {
    /// With `k` ≥ 1 samples an example.
    pub fn new(k: usize) -> Self {
        Self { k: k.max(1), alpha: 0.0, gradient: ImportanceGradient::default() }
    }

    /// How the encoder's gradient is estimated. Default: by automatic differentiation.
    pub fn gradient(self, gradient: ImportanceGradient) -> Self {
        Self { gradient, ..self }
    }

    /// Rényi's order α ≤ 1, with 1 the ELBO. Default 0: the importance-weighted bound.
    pub fn alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// ln wₖ of z `[k·n, d_z]`, `[k, n]`.
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
                // Of ln q only the path through z is kept. What each sample weighs is known from a pass without gradients.
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

    /// The loss with the posterior's noise given, `[k·n, d_z]`, the examples' first samples first.
    pub fn loss_at_noise<M: LatentVariableModel>(&self, model: &M, x: Tensor<2>, noise: Tensor<2>) -> Loss {
        let k = noise.dims()[0] / x.dims()[0].max(1);
        let posterior = model.posterior(x.clone()).repeated(k);
        let z = posterior.rsample_from_noise(noise);
        self.assemble(model, &x, &posterior, z)
    }
}

impl<M: LatentVariableModel, B: Into<Tensor<2>>> Objective<M, B> for Iwae {
    fn loss(&self, model: &M, batch: B, stream: &mut Stream) -> Loss {
        let x = batch.into();
        let posterior = model.posterior(x.clone()).repeated(self.k);
        let z = posterior.rsample(stream);
        self.assemble(model, &x, &posterior, z)
    }
}
