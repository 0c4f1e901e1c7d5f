//! A point mass.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use kiln_tensor::Stream;

use super::Guide;

/// A point mass: fits the mode of ln p(data, z), the maximum a posteriori estimate.
///
/// ln q and the entropy count as 0, so the reported bound is ln p(data, z) at the point, which does not bound the evidence. The
/// mode refers to the unconstrained z. A constrained variable has its mode elsewhere.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_train::vi::{Delta, Guide};
///
/// assert_eq!(Delta::new(3, &Device::default()).mean().dims(), [3]);
/// ```
#[derive(Module, Debug)]
pub struct Delta {
    loc: Param<Tensor<1>>,
}

impl Delta {
    /// Builds a point mass at zero in `dims` dimensions.
    pub fn new(dims: usize, device: &Device) -> Self {
        Self::at(Tensor::zeros([dims], device))
    }

    /// Builds a point mass at `loc` `[d]`.
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
