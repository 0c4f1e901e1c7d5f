//! The mean-field normal family.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use kiln_dist::{DistError, Distribution, Entropy, Independent, Normal, Reparameterized};
use kiln_tensor::Stream;

use super::{Guide, same_length};

/// The mean-field family: a normal distribution with a diagonal covariance.
///
/// It matches each entry's precision conditional on the others, so it is too narrow if the posterior's entries are correlated.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_train::vi::{Guide, MeanField};
///
/// assert_eq!(MeanField::new(3, &Device::default()).stddev().dims(), [3]);
/// ```
#[derive(Module, Debug)]
pub struct MeanField {
    loc: Param<Tensor<1>>,
    log_scale: Param<Tensor<1>>,
}

impl MeanField {
    /// Builds N(0, 0.1²) in each of `dims` dimensions, the start of Pyro's guides.
    pub fn new(dims: usize, device: &Device) -> Self {
        let device = device.clone().autodiff();
        Self {
            loc: Param::from_tensor(Tensor::zeros([dims], &device)),
            log_scale: Param::from_tensor(Tensor::full([dims], 0.1f64.ln(), &device)),
        }
    }

    /// Builds the guide from a mean and positive standard deviations, each `[d]`.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes differ.
    pub fn from_parts(loc: Tensor<1>, scale: Tensor<1>) -> Result<Self, DistError> {
        same_length(("loc", &loc), ("scale", scale.dims()[0], &scale.dims()))?;
        let own = |tensor: Tensor<1>| Param::from_tensor(tensor.without_autodiff().autodiff());
        Ok(Self { loc: own(loc), log_scale: own(scale.log()) })
    }

    fn one(&self) -> Independent<Normal<2>> {
        let row = |p: &Param<Tensor<1>>| p.val().unsqueeze::<2>();
        Independent::new(
            Normal::from_log_scale(row(&self.loc), row(&self.log_scale)).expect("loc and log_scale have one shape"),
        )
    }
}

impl Guide for MeanField {
    fn dims(&self) -> usize {
        self.loc.dims()[0]
    }

    fn rsample(&self, particles: usize, stream: &mut Stream) -> Tensor<2> {
        self.one().base().rsample_many(particles, stream)
    }

    fn log_prob(&self, z: Tensor<2>) -> Tensor<1> {
        self.one().log_prob(z).squeeze_dim(1)
    }

    fn entropy(&self) -> Tensor<1> {
        self.one().entropy().squeeze_dim(1)
    }

    fn mean(&self) -> Tensor<1> {
        self.loc.val()
    }

    fn stddev(&self) -> Tensor<1> {
        self.log_scale.val().exp()
    }

    fn log_prob_each(&self, z: Tensor<2>) -> Option<Tensor<2>> {
        Some(self.one().base().log_prob(z))
    }

    /// Returns (z − μ)/σ² for the means and (z − μ)²/σ² − 1 for the log scales.
    fn scores(&self, z: Tensor<2>) -> Tensor<2> {
        let row = |p: &Param<Tensor<1>>| p.val().without_autodiff().unsqueeze::<2>();
        let inverse_scale = row(&self.log_scale).neg().exp();
        let apart = (z - row(&self.loc)) * inverse_scale.clone();
        Tensor::cat(vec![apart.clone() * inverse_scale, apart.square() - 1.0], 1)
    }
}
