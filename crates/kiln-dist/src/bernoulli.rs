//! The Bernoulli distribution, by its logits.

use burn::tensor::{Tensor, activation::sigmoid};
use kiln_tensor::Stream;

use crate::{DistError, Distribution, KlDivergence, distribution::like, error::check_values};

/// Bernoulli(σ(logits)), elementwise: 1 with probability p = 1/(1 + e^−logit), else 0.
///
/// [`log_prob`](Distribution::log_prob) is x·ln p + (1 − x)·ln(1 − p) for any x in [0, 1], not for 0 and 1 only: the
/// cross-entropy that the literature uses on grey pixels. It is exact to rounding for logits of any size.
#[derive(Clone, Debug)]
pub struct Bernoulli<const D: usize> {
    logits: Tensor<D>,
}

impl<const D: usize> Bernoulli<D> {
    /// From finite logits ln(p/(1 − p)). An infinite logit (p = 0 or 1) gives NaN: see [`validated`](Self::validated).
    pub fn from_logits(logits: Tensor<D>) -> Self {
        Self { logits }
    }

    /// From probabilities inside (0, 1). Logits are more exact near the ends.
    pub fn from_probs(probs: Tensor<D>) -> Self {
        Self { logits: probs.clone().log() - (-probs).log1p() }
    }

    /// Checks the values, which waits for the device.
    ///
    /// # Errors
    /// [`DistError::Value`] when a logit is not finite.
    pub fn validated(self) -> Result<Self, DistError> {
        check_values("logits", "finite", &self.logits, Tensor::is_finite)?;
        Ok(self)
    }

    /// ln(p/(1 − p)).
    pub fn logits(&self) -> Tensor<D> {
        self.logits.clone()
    }

    /// p.
    pub fn probs(&self) -> Tensor<D> {
        sigmoid(self.logits.clone())
    }
}

/// ln(1 + e^x) without overflow or cancellation.
///
/// max(x, 0) is written (x + |x|)/2, which is exact, so that the derivative at 0 is ½ also by automatic
/// differentiation: a model that starts from zero has all its logits there.
fn softplus<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let magnitude = x.clone().abs();
    (x + magnitude.clone()) * 0.5 + (-magnitude).exp().log1p()
}

impl<const D: usize> Distribution<D> for Bernoulli<D> {
    type Value = Tensor<D>;

    /// x·l − ln(1 + e^l), in the order that keeps the small tail: (l·x − max(l, 0)) − ln(1 + e^−|l|).
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let logits = self.logits.clone();
        let magnitude = logits.clone().abs();
        let positive = (logits.clone() + magnitude.clone()) * 0.5;
        logits * value - positive - (-magnitude).exp().log1p()
    }

    /// ln(1 + e^−|l|) + |l|·σ(−|l|).
    fn entropy(&self) -> Tensor<D> {
        let magnitude = self.logits.clone().abs();
        (-magnitude.clone()).exp().log1p() + magnitude.clone() * sigmoid(-magnitude)
    }

    fn mean(&self) -> Tensor<D> {
        self.probs()
    }

    /// p(1 − p), as σ(l)·σ(−l).
    fn variance(&self) -> Tensor<D> {
        self.probs() * sigmoid(-self.logits.clone())
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        let probs = self.probs().detach();
        let uniform = like(stream.uniform(probs.shape(), &probs.device()), &probs);
        like(uniform.lower(probs.clone()).float(), &probs)
    }
}

impl<const D: usize> KlDivergence<D, Self> for Bernoulli<D> {
    /// p·(l_p − l_q) − ln(1 + e^l_p) + ln(1 + e^l_q).
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let difference = self.logits.clone() - q.logits.clone();
        self.probs() * difference - (softplus(self.logits.clone()) - softplus(q.logits.clone()))
    }
}
