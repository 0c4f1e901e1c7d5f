//! Mixtures of one family.

use burn::tensor::Tensor;
use kiln_tensor::{Stream, special::log_sum_exp};

use crate::{Categorical, Cdf, DistError, Distribution, Moments};

/// Σ wₖ·pₖ, with the k components along the last axis: `weights` over `[.., k]`, and `components` with parameters `[.., k]`. Values are
/// `[.., 1]`, and so is all that is said of them.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Categorical, Distribution, Mixture, Normal};
///
/// let device = Device::default();
/// let row = |numbers: [f64; 2]| Tensor::<2>::from_data([numbers], &device);
/// let weights = Categorical::from_logits(row([0.0, 1.0]));
/// let d = Mixture::new(weights, Normal::new(row([-1.0, 2.0]), row([1.0, 0.5]))?)?;
/// assert_eq!(d.log_prob(Tensor::zeros([1, 1], &device)).dims(), [1, 1]);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Mixture<P, const D: usize> {
    weights: Categorical<D>,
    components: P,
}

impl<P: Moments<D>, const D: usize> Mixture<P, D> {
    /// Of as many components as there are weights.
    ///
    /// # Errors
    /// [`DistError::Shape`].
    pub fn new(weights: Categorical<D>, components: P) -> Result<Self, DistError> {
        let (first_shape, second_shape) = (weights.log_probs().dims(), components.mean().dims());
        if first_shape != second_shape {
            let (first_shape, second_shape) = (first_shape.to_vec(), second_shape.to_vec());
            return Err(DistError::Shape { first: "weights", first_shape, second: "components", second_shape });
        }
        Ok(Self { weights, components })
    }
}

impl<P, const D: usize> Mixture<P, D> {
    /// The components' distribution.
    pub fn weights(&self) -> &Categorical<D> {
        &self.weights
    }

    /// The components.
    pub fn components(&self) -> &P {
        &self.components
    }

    /// The value beside each component.
    fn spread(&self, value: Tensor<D>) -> Tensor<D> {
        let mut shape = value.dims();
        shape[D - 1] = self.weights.log_probs().dims()[D - 1];
        value.expand(shape)
    }
}

impl<P: Distribution<D, Value = Tensor<D>>, const D: usize> Mixture<P, D> {
    /// ln wₖ·pₖ(value), `[.., k]`: normalised, how likely each component is to have given it.
    pub fn component_log_probs(&self, value: Tensor<D>) -> Tensor<D> {
        self.weights.log_probs() + self.components.log_prob(self.spread(value))
    }
}

impl<P: Distribution<D, Value = Tensor<D>>, const D: usize> Distribution<D> for Mixture<P, D> {
    type Value = Tensor<D>;

    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        log_sum_exp(self.component_log_probs(value), D - 1)
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        let chosen = self.weights.sample(stream);
        self.components.sample(stream).gather(D - 1, chosen)
    }
}

impl<P: Moments<D, Value = Tensor<D>>, const D: usize> Moments<D> for Mixture<P, D> {
    fn mean(&self) -> Tensor<D> {
        self.weights.expectation(self.components.mean())
    }

    /// The mean of the components' variances, and the variance of their means.
    fn variance(&self) -> Tensor<D> {
        let apart = self.components.mean() - self.mean();
        self.weights.expectation(self.components.variance() + apart.square())
    }
}

impl<P: Cdf<D>, const D: usize> Cdf<D> for Mixture<P, D> {
    fn cdf(&self, value: Tensor<D>) -> Tensor<D> {
        self.weights.expectation(self.components.cdf(self.spread(value)))
    }
}
