//! Maps of single numbers.

use burn::tensor::Tensor;
use kiln_tensor::special::{log1mexp, sigmoid, softplus};

use super::Bijector;
use crate::{DistError, family::broadcast};

/// y = x.
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

/// y = loc + scale·x, with scale ≠ 0.
#[derive(Clone, Debug)]
pub struct Affine<const D: usize> {
    loc: Tensor<D>,
    scale: Tensor<D>,
}

impl<const D: usize> Affine<D> {
    /// The shapes of the two broadcast.
    ///
    /// # Errors
    /// [`DistError::Shape`].
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

/// y = eˣ, onto the positive numbers.
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

/// y = ln(1 + eˣ), onto the positive numbers, without the exponential's growth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Softplus;

impl<const D: usize> Bijector<D> for Softplus {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        softplus(x)
    }

    /// y + ln(1 − e⁻ʸ).
    fn inverse(&self, y: Tensor<D>) -> Tensor<D> {
        y.clone() + log1mexp(-y)
    }

    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        -softplus(-x)
    }
}

/// y = 1/(1 + e⁻ˣ), onto (0, 1).
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
