//! A normal vector with any covariance.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use kiln_dist::{Batch, Distribution, Entropy, Moments, MultivariateNormal, Reparameterized};
use kiln_tensor::Stream;

use super::Guide;

/// A normal vector with any covariance L·Lᵀ. Below the diagonal of the parameter `factor` stands L's, on it the logarithms of L's; what
/// is above counts for nothing.
#[derive(Module, Debug)]
pub struct FullRank {
    loc: Param<Tensor<1>>,
    factor: Param<Tensor<2>>,
}

impl FullRank {
    /// N(0, 0.1²·I) of `dims` ≥ 1 numbers.
    pub fn new(dims: usize, device: &Device) -> Self {
        let device = device.clone().autodiff();
        Self {
            loc: Param::from_tensor(Tensor::zeros([dims], &device)),
            factor: Param::from_tensor(Tensor::eye(dims, &device) * 0.1f64.ln()),
        }
    }

    /// From a mean `[d]` and an L `[d, d]` with a positive diagonal. Where columns of data follow one another, start at
    /// [`laplace`](crate::vi::laplace)'s: from afar Adam needs long to turn a covariance round.
    pub fn from_parts(loc: Tensor<1>, scale_tril: Tensor<2>) -> Self {
        let (loc, scale_tril) = (loc.without_autodiff(), scale_tril.without_autodiff());
        let eye = Tensor::<2>::eye(loc.dims()[0], &loc.device()).cast(loc.dtype());
        // Above the diagonal there is nothing whose logarithm is wanted, nor beside it.
        let diagonal = (scale_tril.clone() * eye.clone()).sum_dim(1).log();
        let factor = scale_tril.tril(-1) + eye * diagonal;
        Self { loc: Param::from_tensor(loc.autodiff()), factor: Param::from_tensor(factor.autodiff()) }
    }

    /// L, `[d, d]`.
    pub fn scale_tril(&self) -> Tensor<2> {
        let factor = self.factor.val();
        let eye = Tensor::<2>::eye(self.loc.dims()[0], &factor.device().without_autodiff()).cast(factor.dtype());
        let diagonal = (factor.clone() * eye.clone()).sum_dim(1).exp();
        factor.tril(-1) + eye * diagonal
    }

    /// L·Lᵀ, `[d, d]`.
    pub fn covariance(&self) -> Tensor<2> {
        let factor = self.scale_tril();
        factor.clone().matmul(factor.transpose())
    }

    fn one(&self) -> MultivariateNormal {
        MultivariateNormal::new(self.loc.val().unsqueeze(), self.scale_tril().unsqueeze()).expect("the shapes fit")
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

    /// One more than there are numbers: across fewer draws the covariance could grow without end in a direction that none of them has.
    fn least_fixed_draws(&self) -> usize {
        self.dims() + 1
    }
}
