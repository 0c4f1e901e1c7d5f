//! Mixtures of components of one family.

use burn::tensor::Tensor;
use kiln_tensor::{Stream, special::log_sum_exp};

use crate::{
    Bernoulli, Beta, Binomial, Categorical, Cauchy, Cdf, DistError, Distribution, Exponential, Gamma, Geometric,
    Gumbel, HalfNormal, InverseGamma, Laplace, LogNormal, Moments, NegativeBinomial, Normal, Poisson, StudentT,
    Uniform, Weibull,
};

/// Distributions of single numbers, independent entry by entry. These can be the components of a [`Mixture`].
///
/// A family of your own can implement it, if the log-density of its value has the shape of its parameters.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a component of a mixture",
    note = "a `Mixture` has components of single numbers along the last axis; mixtures of vectors are not supported"
)]
pub trait Scalar {}

macro_rules! scalar {
    ($($family:ident),+ $(,)?) => { $(impl<const D: usize> Scalar for $family<D> {})+ };
}

scalar!(
    Bernoulli,
    Beta,
    Binomial,
    Cauchy,
    Exponential,
    Gamma,
    Geometric,
    Gumbel,
    HalfNormal,
    InverseGamma,
    Laplace,
    LogNormal,
    NegativeBinomial,
    Normal,
    Poisson,
    StudentT,
    Uniform,
    Weibull,
);

/// A mixture Σ wₖ·pₖ of K components along the last axis.
///
/// `weights` has logits `[.., K]`, and `components` has parameters `[.., K]`. Values and their log-densities have shape `[.., 1]`.
/// The components are distributions of single numbers ([`Scalar`]); mixtures of vectors are not supported.
///
/// # Example
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
///
/// A mixture of vectors does not compile:
///
/// ```compile_fail,E0277
/// # use burn::tensor::Tensor;
/// # use kiln_dist::{Categorical, DistError, Mixture, MultivariateNormal};
/// fn vectors(weights: Categorical<2>, normals: MultivariateNormal) -> Result<(), DistError> {
///     Mixture::new(weights, normals).map(|_| ())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Mixture<P, const D: usize> {
    weights: Categorical<D>,
    components: P,
}

impl<P: Moments<D> + Scalar, const D: usize> Mixture<P, D> {
    /// Builds a mixture from the weights and the components.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes of weights and components differ.
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
    /// Returns the distribution of the component index.
    pub fn weights(&self) -> &Categorical<D> {
        &self.weights
    }

    /// Returns the components.
    pub fn components(&self) -> &P {
        &self.components
    }

    /// Repeats the value for each component.
    fn spread(&self, value: Tensor<D>) -> Tensor<D> {
        let mut shape = value.dims();
        shape[D - 1] = self.weights.log_probs().dims()[D - 1];
        value.expand(shape)
    }
}

impl<P: Distribution<D, Value = Tensor<D>>, const D: usize> Mixture<P, D> {
    /// Returns ln wₖ·pₖ(value), `[.., K]`. Normalised over K it is the posterior of the component.
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

    /// Returns the mean of the components' variances plus the variance of their means.
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
