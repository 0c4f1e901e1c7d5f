//! The full-rank normal family.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use kiln_dist::{Batch, DistError, Distribution, Entropy, Moments, MultivariateNormal, Reparameterized};
use kiln_tensor::Stream;

use super::{Guide, same_length};

/// The full-rank family: a normal distribution with any covariance L·Lᵀ.
///
/// The parameter `factor` holds the entries of L below the diagonal, and their logarithms on the diagonal. Entries above the
/// diagonal are ignored.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_train::vi::FullRank;
///
/// assert_eq!(FullRank::new(3, &Device::default()).covariance().dims(), [3, 3]);
/// ```
#[derive(Module, Debug)]
pub struct FullRank {
    loc: Param<Tensor<1>>,
    factor: Param<Tensor<2>>,
}

impl FullRank {
    /// Builds N(0, 0.1²·I) in `dims` dimensions.
    pub fn new(dims: usize, device: &Device) -> Self {
        let device = device.clone().autodiff();
        Self {
            loc: Param::from_tensor(Tensor::zeros([dims], &device)),
            factor: Param::from_tensor(Tensor::eye(dims, &device) * 0.1f64.ln()),
        }
    }

    /// Builds the guide from a mean `[d]` and a Cholesky factor L `[d, d]` with a positive diagonal.
    ///
    /// If data columns are correlated, start at the approximation of [`laplace`](crate::vi::laplace): Adam rotates a covariance
    /// slowly.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes do not fit.
    pub fn from_parts(loc: Tensor<1>, scale_tril: Tensor<2>) -> Result<Self, DistError> {
        let [rows, columns] = scale_tril.dims();
        let length = if rows == columns { rows } else { 0 };
        same_length(("loc", &loc), ("scale_tril", length, &[rows, columns]))?;
        let (loc, scale_tril) = (loc.without_autodiff(), scale_tril.without_autodiff());
        let eye = Tensor::<2>::eye(loc.dims()[0], &loc.device()).cast(loc.dtype());
        // The sum takes the diagonal alone, so no logarithm of another entry is computed.
        let diagonal = (scale_tril.clone() * eye.clone()).sum_dim(1).log();
        let factor = scale_tril.tril(-1) + eye * diagonal;
        Ok(Self { loc: Param::from_tensor(loc.autodiff()), factor: Param::from_tensor(factor.autodiff()) })
    }

    /// Returns L, `[d, d]`.
    pub fn scale_tril(&self) -> Tensor<2> {
        let factor = self.factor.val();
        let eye = Tensor::<2>::eye(self.loc.dims()[0], &factor.device().without_autodiff()).cast(factor.dtype());
        let diagonal = (factor.clone() * eye.clone()).sum_dim(1).exp();
        factor.tril(-1) + eye * diagonal
    }

    /// Returns the covariance L·Lᵀ, `[d, d]`.
    pub fn covariance(&self) -> Tensor<2> {
        let factor = self.scale_tril();
        factor.clone().matmul(factor.transpose())
    }

    fn one(&self) -> MultivariateNormal {
        MultivariateNormal::new(self.loc.val().unsqueeze(), self.scale_tril().unsqueeze())
            .expect("the guide's shapes fit")
    }
}

impl Guide for FullRank {
    fn dims(&self) -> usize {
        self.loc.dims()[0]
    }

    fn rsample(&self, particles: usize, stream: &mut Stream) -> Tensor<2> {
        self.one().repeated(particles).rsample(stream)
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
        self.one().variance().sqrt().squeeze_dim(0)
    }

    /// Returns d + 1. With fewer draws the covariance could grow without bound in a direction that no draw has.
    fn least_fixed_draws(&self) -> usize {
        self.dims() + 1
    }
}
