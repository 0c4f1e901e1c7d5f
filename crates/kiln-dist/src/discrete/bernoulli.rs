//! The Bernoulli distribution.

use burn::tensor::Tensor;
use kiln_tensor::{
    Stream, fused,
    special::{sigmoid, softplus},
};

use crate::{
    DistError, Distribution, Entropy, KlDivergence, Moments,
    distribution::{noise_like, rows, sum_per_example},
    error::check_values,
};

/// A Bernoulli distribution, elementwise: 1 with probability p = 1/(1 + e^−logit), else 0.
///
/// [`log_prob`](Distribution::log_prob) is x·ln p + (1 − x)·ln(1 − p) for all x in [0, 1], not only for 0 and 1. This is the
/// cross-entropy used for grey pixels. It is exact to rounding for finite logits of any size.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Bernoulli, Moments};
///
/// let fair = Bernoulli::from_logits(Tensor::<1>::zeros([3], &Device::default()));
/// let mean: Vec<f32> = fair.mean().try_into_vec_as().unwrap();
/// assert_eq!(mean, [0.5; 3]);
/// ```
#[derive(Clone, Debug)]
pub struct Bernoulli<const D: usize> {
    logits: Tensor<D>,
}

impl<const D: usize> Bernoulli<D> {
    /// Builds the distribution from finite logits ln(p/(1 − p)).
    ///
    /// An infinite logit (p = 0 or 1) has a valid probability and valid draws, but its `log_prob`, `entropy` and KL divergence are
    /// NaN. [`validated`](Self::validated) refuses it.
    pub fn from_logits(logits: Tensor<D>) -> Self {
        Self { logits }
    }

    /// Builds the distribution from probabilities inside (0, 1).
    ///
    /// Logits are more precise near 0 and 1. Probabilities are not clamped: 0 and 1 give infinite logits.
    pub fn from_probs(probs: Tensor<D>) -> Self {
        Self { logits: probs.clone().log() - (-probs).log1p() }
    }

    /// Checks the values and returns the distribution. Waits for the device.
    ///
    /// # Errors
    /// Returns [`DistError::Value`] if a logit is not finite, so that a probability is not inside (0, 1).
    pub fn validated(self) -> Result<Self, DistError> {
        check_values("logits", "finite", &self.logits, Tensor::is_finite)?;
        Ok(self)
    }

    /// Returns the logits ln(p/(1 − p)).
    pub fn logits(&self) -> Tensor<D> {
        self.logits.clone()
    }

    /// Returns the probabilities p.
    pub fn probs(&self) -> Tensor<D> {
        sigmoid(self.logits.clone())
    }
}

impl<const D: usize> Distribution<D> for Bernoulli<D> {
    type Value = Tensor<D>;

    /// Returns x·l − ln(1 + e^l), computed as (l·x − max(l, 0)) − ln(1 + e^−|l|) to keep the small tail.
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        fused::bernoulli_log_prob(self.logits.clone(), value)
    }

    fn log_prob_per_example(&self, value: Tensor<D>) -> Tensor<1> {
        if value.dims() != self.logits.dims() {
            return sum_per_example(self.log_prob(value));
        }
        fused::bernoulli_log_likelihood(rows(self.logits.clone()), rows(value))
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        let probs = sigmoid(self.logits.clone().without_autodiff());
        // 1 − u lies in (0, 1] even after rounding to f32, so p = 0 never draws 1 and p = 1 always does.
        let uniform = stream.uniform_vec(probs.shape().num_elements()).into_iter().map(|u| 1.0 - u).collect();
        let ones = noise_like(uniform, &probs).lower_equal(probs.clone());
        probs.zeros_like().mask_fill(ones, 1.0)
    }
}

impl<const D: usize> Entropy<D> for Bernoulli<D> {
    /// Returns ln(1 + e^−|l|) + |l|·σ(−|l|).
    fn entropy(&self) -> Tensor<D> {
        let magnitude = self.logits.clone().abs();
        (-magnitude.clone()).exp().log1p() + magnitude.clone() * sigmoid(-magnitude)
    }
}

impl<const D: usize> Moments<D> for Bernoulli<D> {
    fn mean(&self) -> Tensor<D> {
        self.probs()
    }

    /// Returns p(1 − p), computed as σ(l)·σ(−l).
    fn variance(&self) -> Tensor<D> {
        self.probs() * sigmoid(-self.logits.clone())
    }
}

impl<const D: usize> KlDivergence<D, Self> for Bernoulli<D> {
    /// Returns p·(ln p − ln q) + (1 − p)·(ln(1 − p) − ln(1 − q)), with −ln p = ln(1 + e^−l_p) and −ln(1 − p) = ln(1 + e^l_p).
    ///
    /// The shorter form p·(l_p − l_q) − ln(1 + e^l_p) + ln(1 + e^l_q) cancels if both probabilities are near 1.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let (minus_ln_1_p, minus_ln_p) = (softplus(self.logits.clone()), softplus(-self.logits.clone()));
        let (minus_ln_1_q, minus_ln_q) = (softplus(q.logits.clone()), softplus(-q.logits.clone()));
        self.probs() * (minus_ln_q - minus_ln_p) + sigmoid(-self.logits.clone()) * (minus_ln_1_q - minus_ln_1_p)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::DType;
    use kiln_testkit::{assert_close, check_gradient, f64_device, tensor, values};

    use super::*;

    fn bernoulli(logits: &[f64]) -> Bernoulli<1> {
        Bernoulli::from_logits(tensor(logits, [logits.len()], &f64_device()))
    }

    #[test]
    fn the_divergence_keeps_its_tail() {
        // mpmath, 80 digits.
        let (p, q) = (bernoulli(&[40.0, -40.0, 3.0, 1e4, -1e4]), bernoulli(&[41.0, -41.0, -2.0, -1e4, 1e4]));
        let expected = [1.5628821893349888e-18, 1.5628821893349888e-18, 1.8412112935813965, 2e4 / 2.0, 2e4 / 2.0];
        assert_close(&values(p.kl_divergence(&q)), &expected, 1e-13, 0.0, "KL");
        assert_close(&values(p.kl_divergence(&p)), &[0.0; 5], 0.0, 0.0, "KL of equals");
    }

    #[test]
    fn every_gradient_is_finite_at_extreme_logits() {
        let device = f64_device().autodiff();
        let q = bernoulli(&[1e4, 1000.0, 0.0, -1000.0, 1000.0, -1e4]);
        type Quantity<'a> = (&'a str, Box<dyn Fn(Bernoulli<1>) -> Tensor<1> + 'a>);
        let quantities: [Quantity; 6] = [
            ("log_prob(0)", Box::new(|d| d.log_prob(d.logits().zeros_like()))),
            ("log_prob(1)", Box::new(|d| d.log_prob(d.logits().ones_like()))),
            ("entropy", Box::new(|d| d.entropy())),
            ("variance", Box::new(|d| d.variance())),
            ("KL(· ‖ q)", Box::new(|d| d.kl_divergence(&q))),
            ("KL(q ‖ ·)", Box::new(|d| q.kl_divergence(&d))),
        ];
        for (name, quantity) in quantities {
            let logits = tensor::<1>(&[-1e4, -1000.0, 0.0, 1000.0, 1000.0, 1e4], [6], &device).require_grad();
            let value = quantity(Bernoulli::from_logits(logits.clone()));
            let gradient = values(logits.grad(&value.clone().sum().backward()).unwrap());
            let value = values(value);
            assert!(value.iter().chain(&gradient).all(|x| x.is_finite()), "{name}: {value:?}, gradient {gradient:?}");
        }
    }

    #[test]
    fn gradients_hold_at_zero_logits() {
        // A model with zero initial weights has zero logits.
        let at = [0.0, 0.0, 1.3, -0.4];
        check_gradient(|x| Bernoulli::from_logits(x).entropy().sum(), &at, 1e-8, "entropy");
        check_gradient(|x| Bernoulli::from_logits(x).variance().sum(), &at, 1e-8, "variance");
        let half = |x: &Tensor<1>, i: usize| Bernoulli::from_logits(x.clone().narrow(0, 2 * i, 2));
        check_gradient(|x| half(&x, 0).kl_divergence(&half(&x, 1)).sum(), &at, 1e-8, "KL");
        let value = |x: &Tensor<1>| x.clone().narrow(0, 2, 2);
        check_gradient(
            |x| half(&x, 0).log_prob(value(&x)).sum(),
            &[0.3, -2.0, 0.2, 0.9],
            1e-8,
            "log_prob in its value",
        );
    }

    #[test]
    fn relaxed_targets_give_the_cross_entropy() {
        let (p, x): (f64, f64) = (0.3, 0.25);
        let d = Bernoulli::from_probs(tensor::<1>(&[p], [1], &f64_device()));
        let expected = x * p.ln() + (1.0 - x) * (1.0 - p).ln();
        assert_close(&values(d.log_prob(tensor(&[x], [1], &f64_device()))), &[expected], 1e-14, 0.0, "log_prob");
    }

    #[test]
    fn certain_events_are_drawn_and_refused() {
        let d = Bernoulli::from_probs(tensor::<1>(&[0.0, 1.0], [2], &f64_device()).cast(DType::F32));
        let mut stream = Stream::new(0, "certain", 0, 0);
        for _ in 0..1000 {
            let draw = d.sample(&mut stream);
            assert_eq!(draw.dtype(), DType::F32);
            assert_eq!(values(draw), [0.0, 1.0]);
        }
        assert_eq!(
            d.validated().unwrap_err(),
            DistError::Value { name: "logits", constraint: "finite", value: f64::NEG_INFINITY, position: 0 }
        );
    }

    #[test]
    fn a_draw_from_tracked_logits_is_plain() {
        let logits = Tensor::<1>::zeros([2], &f64_device().autodiff()).require_grad();
        assert!(!Bernoulli::from_logits(logits).sample(&mut Stream::new(0, "plain", 0, 0)).is_autodiff());
    }
}
