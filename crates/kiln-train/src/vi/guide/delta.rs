//! A single point.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use kiln_tensor::Stream;

use super::Guide;

/// All mass in one point: what is fitted is the mode of ln p(data, z), the maximum a posteriori estimate. ln q and the entropy count as 0, so
/// that the bound is ln p(data, z) at the point, and no bound of the evidence. It is the mode of the density of the real numbers z; that of what
/// a bijector makes of them lies elsewhere.
#[derive(Module, Debug)]
pub struct Delta {
    loc: Param<Tensor<1>>,
}

impl Delta {
    /// At 0 in each of `dims` ≥ 1 numbers.
    pub fn new(dims: usize, device: &Device) -> Self {
        Self::at(Tensor::zeros([dims], device))
    }

    /// At a point `[d]`.
    pub fn at(loc: Tensor<1>) -> Self {
        Self { loc: Param::from_tensor(loc.without_autodiff().autodiff()) }
    }
}

impl Guide for Delta {
    fn dims(&self) -> usize {
        self.loc.dims()[0]
    }

    fn rsample(&self, particles: usize, _stream: &mut Stream) -> Tensor<2> {
        self.loc.val().unsqueeze::<2>().repeat_dim(0, particles)
    }

    fn log_prob(&self, z: Tensor<2>) -> Tensor<1> {
        z.without_autodiff().sum_dim(1).squeeze_dim::<1>(1).zeros_like()
    }

    fn entropy(&self) -> Tensor<1> {
        self.loc.val().without_autodiff().slice(0..1).zeros_like()
    }

    fn mean(&self) -> Tensor<1> {
        self.loc.val()
    }

    fn stddev(&self) -> Tensor<1> {
        self.loc.val().zeros_like()
    }

    fn has_density(&self) -> bool {
        false
    }
}
