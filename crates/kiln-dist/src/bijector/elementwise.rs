//! Elementwise maps.

use burn::tensor::Tensor;
use kiln_tensor::special::{log1mexp, sigmoid, softplus};

use super::Bijector;
use crate::{DistError, family::broadcast};

/// The identity map, y = x.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Bijector, Identity};
///
/// let x = Tensor::<1>::from_data([-1.0, 2.0], &Device::default());
/// let y = Identity.forward(x.clone());
/// assert!((Identity.inverse(y) - x).abs().max().into_scalar::<f32>() < 1e-5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity;

impl<const D: usize> Bijector<D> for Identity {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        x
    }

    fn inverse(&self, y: Tensor<D>) -> Tensor<D> {
        y
    }

    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        x.zeros_like()
    }
}

/// The affine map y = loc + scale·x, with scale ≠ 0.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Affine, Bijector};
///
/// let device = Device::default();
/// let map = Affine::new(Tensor::<1>::from_data([1.0], &device), Tensor::from_data([2.0], &device))?;
/// let y: f32 = map.forward(Tensor::from_data([3.0], &device)).into_scalar();
/// assert!((y - 7.0).abs() < 1e-6);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Affine<const D: usize> {
    loc: Tensor<D>,
    scale: Tensor<D>,
}

impl<const D: usize> Affine<D> {
    /// Builds the map from an offset and a scale, whose shapes broadcast.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes do not broadcast.
    pub fn new(loc: Tensor<D>, scale: Tensor<D>) -> Result<Self, DistError> {
        let [loc, scale] = broadcast([("loc", loc), ("scale", scale)])?;
        Ok(Self { loc, scale })
    }
}

impl<const D: usize> Bijector<D> for Affine<D> {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        self.loc.clone() + self.scale.clone() * x
    }

    fn inverse(&self, y: Tensor<D>) -> Tensor<D> {
        (y - self.loc.clone()) / self.scale.clone()
    }

    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        self.scale.clone().abs().log() + x.zeros_like()
    }
}

/// The exponential y = eˣ, onto the positive numbers.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Bijector, Exp};
///
/// let x = Tensor::<1>::from_data([-1.0, 2.0], &Device::default());
/// let y = Exp.forward(x.clone());
/// assert!((Exp.inverse(y) - x).abs().max().into_scalar::<f32>() < 1e-5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exp;

impl<const D: usize> Bijector<D> for Exp {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        x.exp()
    }

    fn inverse(&self, y: Tensor<D>) -> Tensor<D> {
        y.log()
    }

    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        x
    }
}

/// The softplus y = ln(1 + eˣ), onto the positive numbers. It grows linearly, not exponentially.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Bijector, Softplus};
///
/// let x = Tensor::<1>::from_data([-1.0, 2.0], &Device::default());
/// let y = Softplus.forward(x.clone());
/// assert!((Softplus.inverse(y) - x).abs().max().into_scalar::<f32>() < 1e-5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Softplus;

impl<const D: usize> Bijector<D> for Softplus {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        softplus(x)
    }

    /// Returns y + ln(1 − e⁻ʸ).
    fn inverse(&self, y: Tensor<D>) -> Tensor<D> {
        y.clone() + log1mexp(-y)
    }

    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        -softplus(-x)
    }
}

/// The sigmoid y = 1/(1 + e⁻ˣ), onto (0, 1).
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Bijector, Sigmoid};
///
/// let x = Tensor::<1>::from_data([-1.0, 2.0], &Device::default());
/// let y = Sigmoid.forward(x.clone());
/// assert!((Sigmoid.inverse(y) - x).abs().max().into_scalar::<f32>() < 1e-5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sigmoid;

impl<const D: usize> Bijector<D> for Sigmoid {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        sigmoid(x)
    }

    fn inverse(&self, y: Tensor<D>) -> Tensor<D> {
        y.clone().log() - (-y).log1p()
    }

    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        -softplus(x.clone()) - softplus(-x)
    }
}
