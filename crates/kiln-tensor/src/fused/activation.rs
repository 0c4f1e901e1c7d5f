//! The activation after a linear map.

use burn::tensor::{Tensor, activation::relu};

/// The activation after a linear map.
///
/// # Example
/// ```
/// use burn::{nn::LinearConfig, tensor::{Device, Tensor}};
/// use kiln_tensor::fused::{Activation, dense};
///
/// let device = Device::default();
/// let layer = LinearConfig::new(3, 2).init(&device);
/// assert_eq!(dense(&layer, Tensor::ones([4, 3], &device), Activation::Tanh).dims(), [4, 2]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Activation {
    /// y. The default.
    #[default]
    Identity,
    /// max(y, 0).
    Relu,
    /// The hyperbolic tangent.
    Tanh,
}

impl Activation {
    pub(super) fn of<const D: usize>(self, y: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => y,
            Self::Relu => relu(y),
            Self::Tanh => y.tanh(),
        }
    }
}
