//! The activation after a linear map.

use burn::tensor::Tensor;

use super::{
    epilogue::{Epilogue, Gate},
    gate::{gelu, silu},
};

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
#[non_exhaustive]
pub enum Activation {
    /// y. The default.
    #[default]
    Identity,
    /// max(y, 0).
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// [`gelu`](super::gelu), y·Φ(y).
    Gelu,
    /// [`silu`](super::silu), y·σ(y).
    Silu,
}

impl Activation {
    /// Returns the activation of each number.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_tensor::fused::Activation;
    ///
    /// let y = Tensor::<1>::from_data([-1.0, 2.0], &Device::default());
    /// assert_eq!(Activation::Relu.of(y).try_into_vec_as::<f32>().unwrap(), [0.0, 2.0]);
    /// ```
    pub fn of<const D: usize>(self, y: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Identity => y,
            Self::Relu => burn::tensor::activation::relu(y),
            Self::Tanh => y.tanh(),
            Self::Gelu => gelu(y),
            Self::Silu => silu(y),
        }
    }

    /// Returns what the kernel of a linear map does by itself, and what follows it.
    pub(super) fn parts(self) -> (Epilogue, Option<Gate>) {
        match self {
            Self::Identity => (Epilogue::Identity, None),
            Self::Relu => (Epilogue::Relu, None),
            Self::Tanh => (Epilogue::Tanh, None),
            Self::Gelu => (Epilogue::Identity, Some(Gate::Normal)),
            Self::Silu => (Epilogue::Identity, Some(Gate::Logistic)),
        }
    }
}
