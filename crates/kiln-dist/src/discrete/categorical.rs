//! The categorical distribution.

use std::sync::OnceLock;

use burn::tensor::{Int, Tensor, activation::log_softmax};
use kiln_tensor::{Stream, fused};

use crate::{
    DistError, Distribution, Entropy, KlDivergence, Moments,
    distribution::{as_rank, noise_like, once, sum_per_example},
    error::check_values,
};

/// A categorical distribution over K classes along the last axis: class k has probability e^{l_k} / Σ_j e^{l_j}.
///
/// Logits have shape `[.., K]`. Values and their log-probabilities have shape `[.., 1]`: the class axis is kept, with length 1.
///
/// A logit of −∞ excludes its class: it has probability 0 and `log_prob` −∞, and adds nothing to `entropy` and to the KL divergence
/// from `self`.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use kiln_dist::{Categorical, Distribution};
///
/// let device = Device::default();
/// let d = Categorical::from_logits(Tensor::<2>::from_data([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0]], &device));
/// let classes = Tensor::<2, Int>::from_data([[1], [0]], &device);
/// assert_eq!(d.log_prob(classes).dims(), [2, 1]);
/// assert_eq!(d.most_likely().try_into_vec_as::<i64>().unwrap(), [1, 0]);
/// ```
#[derive(Clone, Debug)]
pub struct Categorical<const D: usize> {
    logits: Tensor<D>,
    log_probs: OnceLock<Tensor<D>>,
}

impl<const D: usize> Categorical<D> {
    /// Builds the distribution from logits `[.., K]`, each finite or −∞. They need not be normalised.
    pub fn from_logits(logits: Tensor<D>) -> Self {
        Self { logits, log_probs: OnceLock::new() }
    }

    /// Checks the logits and returns the distribution. Waits for the device.
    ///
    /// # Errors
    /// Returns [`DistError::Value`] if a logit is NaN or +∞, or if all logits of a row are −∞.
    pub fn validated(self) -> Result<Self, DistError> {
        check_values("logits", "a number or −∞", &self.logits, |l| l.lower_scalar(f64::INFINITY))?;
        check_values("logits", "above −∞ for at least one class", &self.logits, |l| {
            let possible = l.clone().greater_scalar(f64::NEG_INFINITY);
            possible.any_dim(D - 1).expand(l.shape())
        })?;
        Ok(self)
    }

    /// Returns the logits as they were given, `[.., K]`.
    pub fn logits(&self) -> Tensor<D> {
        self.logits.clone()
    }

    /// Returns ln p, `[.., K]`, in nats.
    pub fn log_probs(&self) -> Tensor<D> {
        once(&self.log_probs, || log_softmax(self.logits.clone(), D - 1))
    }

    /// Returns the probabilities p, `[.., K]`.
    pub fn probs(&self) -> Tensor<D> {
        self.log_probs().exp()
    }

    /// Returns the most probable class, `[.., 1]`: the first, if several have the same probability.
    pub fn most_likely(&self) -> Tensor<D, Int> {
        self.logits.clone().without_autodiff().argmax(D - 1)
    }

    /// Returns Σ_k p_k·x_k, `[.., 1]`. A class of probability 0 adds 0, even if x_k is infinite.
    pub(crate) fn expectation(&self, x: Tensor<D>) -> Tensor<D> {
        let probs = self.probs();
        let impossible = probs.clone().equal_scalar(0.0);
        // Filled before the product, because 0·∞ would be NaN in the value and in the gradient.
        (probs * x.mask_fill(impossible, 0.0)).sum_dim(D - 1)
    }
}

impl<const D: usize> Distribution<D> for Categorical<D> {
    type Value = Tensor<D, Int>;

    /// Returns ln p of the classes `value`, `[.., 1]`. Classes count from 0.
    ///
    /// # Panics
    /// If `value` is not `[.., 1]` with the batch axes of the logits, or if a class is not below K.
    /// [`check_value`](Distribution::check_value) returns an error instead.
    fn log_prob(&self, value: Tensor<D, Int>) -> Tensor<D> {
        // `gather` would silently accept fewer rows.
        let mut expected = self.logits.dims();
        expected[D - 1] = 1;
        assert_eq!(value.dims(), expected, "classes must have the shape of the logits with a last axis of length 1");
        self.log_probs().gather(D - 1, value)
    }

    fn log_prob_per_example(&self, value: Tensor<D, Int>) -> Tensor<1> {
        let [n, k] = [self.logits.dims()[0], self.logits.dims()[D - 1]];
        if D != 2 || value.dims()[..] != [n, 1] {
            return sum_per_example(self.log_prob(value));
        }
        fused::categorical_log_likelihood(as_rank(self.logits.clone(), [n, k]), value.reshape([n, 1]))
    }

    fn check_value(&self, value: &Tensor<D, Int>) -> Result<(), DistError> {
        let (mut expected, got) = (self.logits.dims(), value.dims());
        let classes = expected[D - 1];
        expected[D - 1] = 1;
        if got != expected {
            let (first_shape, second_shape) = (self.logits.dims().to_vec(), got.to_vec());
            return Err(DistError::Shape { first: "logits", first_shape, second: "classes", second_shape });
        }
        let indices = value.clone().try_into_vec_as::<i64>().expect("an integer tensor converts to i64");
        let outside = |class: &i64| usize::try_from(*class).map_or(true, |class| class >= classes);
        match indices.iter().position(outside) {
            Some(position) => Err(DistError::Class { class: indices[position], position, classes }),
            None => Ok(()),
        }
    }

    /// Draws by the Gumbel-max trick: argmax_k (l_k − ln E_k) with E_k from the exponential distribution of rate 1.
    fn sample(&self, stream: &mut Stream) -> Tensor<D, Int> {
        let logits = self.logits.clone().without_autodiff();
        let uniform = stream.uniform_vec(logits.shape().num_elements());
        // E = −ln(1 − u) in f64 on the host. In f32 u could round to 1 and make the noise infinite, and ∞ plus a logit of −∞ is
        // NaN. E = 0 is replaced by 2^−53, the smallest positive E.
        let gumbel = uniform.into_iter().map(|u| -(-(-u).ln_1p()).max(f64::EPSILON / 2.0).ln()).collect();
        let gumbel = noise_like(gumbel, &logits);
        (logits + gumbel).argmax(D - 1)
    }
}

impl<const D: usize> Entropy<D> for Categorical<D> {
    /// Returns −Σ_k p_k ln p_k, `[.., 1]`, between 0 and ln K.
    fn entropy(&self) -> Tensor<D> {
        -self.expectation(self.log_probs())
    }
}

impl<const D: usize> Moments<D> for Categorical<D> {
    /// Returns the mean of the one-hot encoding, `[.., K]`: p. (A class has no mean; PyTorch returns NaN.)
    fn mean(&self) -> Tensor<D> {
        self.probs()
    }

    /// Returns the variance of the one-hot encoding, `[.., K]`: p(1 − p).
    fn variance(&self) -> Tensor<D> {
        let probs = self.probs();
        probs.clone() * (-probs + 1.0)
    }
}

impl<const D: usize> KlDivergence<D, Self> for Categorical<D> {
    /// Returns Σ_k p_k (ln p_k − ln q_k), `[.., 1]`. It is +∞ if q excludes a class that p does not.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        self.expectation(self.log_probs() - q.log_probs())
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::DType;
    use kiln_testkit::{assert_close, check_gradient, f64_device, tensor, values};

    use super::*;

    const EXCLUDED: f64 = f64::NEG_INFINITY;

    fn row(logits: &[f64]) -> Categorical<2> {
        Categorical::from_logits(tensor(logits, [1, logits.len()], &f64_device()))
    }

    #[test]
    fn an_excluded_class_has_no_part() {
        let (with, without) = (row(&[0.3, EXCLUDED, -1.2]), row(&[0.3, -1.2]));
        let q = row(&[1.0, 0.5, -0.5]);
        assert_close(&values(with.entropy()), &values(without.entropy()), 1e-15, 0.0, "entropy");
        assert_close(&values(with.kl_divergence(&with)), &[0.0], 0.0, 0.0, "KL of equals");
        // Excluding the class from q conditions q on the others, which lowers the divergence by the log of their probability.
        let rest = values(q.probs()).iter().enumerate().map(|(k, p)| if k == 1 { 0.0 } else { *p }).sum::<f64>();
        let conditioned = values(without.kl_divergence(&row(&[1.0, -0.5])))[0];
        assert_close(&values(with.kl_divergence(&q)), &[conditioned - rest.ln()], 1e-14, 0.0, "KL");
        assert_eq!(values(q.kl_divergence(&with)), [f64::INFINITY]);
        with.validated().unwrap();
    }

    #[test]
    fn gradients_pass_an_excluded_class() {
        let device = f64_device().autodiff();
        let gradient = |of: &dyn Fn(Categorical<2>) -> Tensor<2>| {
            let logits = tensor::<2>(&[0.3, EXCLUDED, -1.2], [1, 3], &device).require_grad();
            values(logits.grad(&of(Categorical::from_logits(logits.clone())).sum().backward()).unwrap())
        };
        let reduced = |of: &dyn Fn(Categorical<2>) -> Tensor<2>| {
            let logits = tensor::<2>(&[0.3, -1.2], [1, 2], &device).require_grad();
            values(logits.grad(&of(Categorical::from_logits(logits.clone())).sum().backward()).unwrap())
        };
        let (got, expected) = (gradient(&|d| d.entropy()), reduced(&|d| d.entropy()));
        assert_close(&got, &[expected[0], 0.0, expected[1]], 1e-14, 0.0, "entropy");
        let (got, expected) = (
            gradient(&|d| d.kl_divergence(&row(&[0.0, EXCLUDED, 1.0]))),
            reduced(&|d| d.kl_divergence(&row(&[0.0, 1.0]))),
        );
        assert_close(&got, &[expected[0], 0.0, expected[1]], 1e-14, 0.0, "KL");
    }

    #[test]
    fn the_divergence_has_the_gradient_of_its_differences() {
        let half = |x: &Tensor<1>, i: usize| Categorical::from_logits(x.clone().narrow(0, 3 * i, 3).reshape([1, 3]));
        let kl = |x: Tensor<1>| half(&x, 0).kl_divergence(&half(&x, 1)).sum();
        check_gradient(kl, &[0.3, -1.2, 0.8, 1.7, -0.4, 0.9], 1e-8, "KL in both logits");
    }

    #[test]
    fn huge_logits_stay_exact() {
        let d = row(&[1e4, -1e4, 1e4]);
        assert_close(&values(d.probs()), &[0.5, 0.0, 0.5], 1e-15, 0.0, "p");
        assert_close(&values(d.entropy()), &[std::f64::consts::LN_2], 1e-15, 0.0, "entropy");
        assert_close(&values(d.variance()), &[0.25, 0.0, 0.25], 1e-15, 0.0, "variance");
        assert_close(&values(d.log_probs().exp().sum()), &[1.0], 1e-15, 0.0, "Σ p");
    }

    #[test]
    fn draws_avoid_excluded_classes_in_single_precision() {
        let n = 20_000;
        let logits = tensor::<2>(&[EXCLUDED, 0.0, EXCLUDED, 1.0], [1, 4], &f64_device().autodiff()).cast(DType::F32);
        let draws = Categorical::from_logits(logits.repeat_dim(0, n)).sample(&mut Stream::new(1, "classes", 0, 0));
        assert_eq!(draws.dims(), [n, 1]);
        let classes: Vec<i64> = draws.try_into_vec_as().unwrap();
        assert!(classes.iter().all(|&k| k == 1 || k == 3), "an excluded class was drawn");
        let share = classes.iter().filter(|&&k| k == 3).count() as f64 / n as f64;
        let p = 1.0 / (1.0 + (-1.0f64).exp());
        assert_close(&[share], &[p], 0.0, 5.0 * (p * (1.0 - p) / n as f64).sqrt(), "share, within 5 standard errors");
    }

    #[test]
    #[should_panic(expected = "last axis of length 1")]
    fn too_few_classes_are_refused() {
        let d = Categorical::from_logits(Tensor::<2>::zeros([3, 4], &f64_device()));
        d.log_prob(Tensor::zeros([2, 1], &f64_device()));
    }

    #[test]
    fn classes_that_do_not_exist_are_named() {
        let d = Categorical::from_logits(Tensor::<2>::zeros([3, 3], &f64_device()));
        let classes = |values: [[i32; 1]; 3]| Tensor::<2, Int>::from_data(values, &f64_device());
        d.check_value(&classes([[0], [2], [1]])).unwrap();
        let ten = d.check_value(&classes([[0], [9], [1]])).unwrap_err();
        assert_eq!(ten, DistError::Class { class: 9, position: 1, classes: 3 });
        assert_eq!(
            ten.to_string(),
            "class 9 at position 1 (row-major) is not one of the 3 classes; class indices count from 0"
        );
        assert!(matches!(d.check_value(&classes([[0], [-1], [1]])), Err(DistError::Class { class: -1, .. })));
        let short = Tensor::<2, Int>::zeros([2, 1], &f64_device());
        assert!(matches!(d.check_value(&short), Err(DistError::Shape { .. })));
        assert_eq!(values(d.logits()), [0.0; 9]);
    }

    #[test]
    fn bad_logits_are_named() {
        let message = |logits: &[f64]| row(logits).validated().unwrap_err().to_string();
        assert_eq!(
            message(&[0.0, f64::INFINITY]),
            "`logits` must be a number or −∞, but is inf at position 1 (row-major)"
        );
        assert_eq!(message(&[f64::NAN, 0.0]), "`logits` must be a number or −∞, but is NaN at position 0 (row-major)");
        assert_eq!(
            message(&[EXCLUDED, EXCLUDED]),
            "`logits` must be above −∞ for at least one class, but is -inf at position 0 (row-major)"
        );
    }
}
