//! The categorical distribution, by its logits.

use burn::tensor::{Int, Tensor, activation::log_softmax};
use kiln_tensor::Stream;

use crate::{DistError, Distribution, KlDivergence, distribution::like, error::check_values};

/// Categorical(softmax(logits)) over the last axis: class k with probability e^{l_k} / Σ_j e^{l_j}.
///
/// With logits `[.., K]`, values and their log-probabilities are `[.., 1]`: the class axis is kept, with length 1.
#[derive(Clone, Debug)]
pub struct Categorical<const D: usize> {
    log_probs: Tensor<D>,
}

impl<const D: usize> Categorical<D> {
    /// From finite logits, which need not be normalised.
    pub fn from_logits(logits: Tensor<D>) -> Self {
        Self { log_probs: log_softmax(logits, D - 1) }
    }

    /// Checks the values, which waits for the device.
    ///
    /// # Errors
    /// [`DistError::Value`] when a logit was not finite.
    pub fn validated(self) -> Result<Self, DistError> {
        check_values("logits", "finite", &self.log_probs, Tensor::is_finite)?;
        Ok(self)
    }

    /// ln p, `[.., K]`.
    pub fn log_probs(&self) -> Tensor<D> {
        self.log_probs.clone()
    }

    /// p, `[.., K]`.
    pub fn probs(&self) -> Tensor<D> {
        self.log_probs.clone().exp()
    }

    /// The most probable class, `[.., 1]`; the first of them when several are.
    pub fn most_likely(&self) -> Tensor<D, Int> {
        self.log_probs.clone().argmax(D - 1)
    }
}

impl<const D: usize> Distribution<D> for Categorical<D> {
    type Value = Tensor<D, Int>;

    /// ln p of the classes `value`, counted from 0, `[.., 1]`.
    fn log_prob(&self, value: Tensor<D, Int>) -> Tensor<D> {
        self.log_probs.clone().gather(D - 1, value)
    }

    /// −Σ_k p_k ln p_k, `[.., 1]`.
    fn entropy(&self) -> Tensor<D> {
        -(self.probs() * self.log_probs.clone()).sum_dim(D - 1)
    }

    /// The mean of the one-hot encoding, `[.., K]`: p. (A class itself has no mean; PyTorch gives NaN.)
    fn mean(&self) -> Tensor<D> {
        self.probs()
    }

    /// The variance of the one-hot encoding, `[.., K]`: p(1 − p).
    fn variance(&self) -> Tensor<D> {
        let probs = self.probs();
        probs.clone() * (-probs + 1.0)
    }

    /// By the Gumbel-max trick: argmax_k (l_k − ln(−ln u_k)) with u uniform.
    fn sample(&self, stream: &mut Stream) -> Tensor<D, Int> {
        let log_probs = self.log_probs.clone().detach();
        let uniform = like(stream.uniform(log_probs.shape(), &log_probs.device()), &log_probs);
        let gumbel = -(-uniform.log()).log();
        (log_probs + gumbel).argmax(D - 1)
    }
}

impl<const D: usize> KlDivergence<D, Self> for Categorical<D> {
    /// Σ_k p_k (ln p_k − ln q_k), `[.., 1]`.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        (self.probs() * (self.log_probs.clone() - q.log_probs.clone())).sum_dim(D - 1)
    }
}
