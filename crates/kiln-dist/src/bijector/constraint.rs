//! Sets that parameters or values lie in, with a map from the real numbers onto each.

use burn::tensor::Tensor;
use kiln_tensor::special::{sigmoid, softplus};

use super::{Bijector, CorrelationCholesky, Exp, Identity, LowerCholesky, Sigmoid, StickBreaking};
use crate::DistError;

/// A set of numbers, or of vectors along the last axis.
///
/// As a [`Bijector`] it is a map from the real numbers onto the set, which other libraries call `biject_to`.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Bijector, Constraint};
///
/// let scale = Constraint::Positive.forward(Tensor::<1>::from_data([-1.0, 0.0, 2.0], &Device::default()));
/// assert!(scale.greater_scalar(0.0).all().into_scalar::<bool>());
/// // A vector of 3 probabilities has 2 free numbers.
/// assert_eq!(Constraint::Simplex.free(3)?, 2);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Constraint {
    /// The real numbers, by the identity. The default.
    #[default]
    Real,
    /// The positive numbers, by the exponential.
    Positive,
    /// The interval (0, 1), by the sigmoid.
    UnitInterval,
    /// The interval (low, high), by the sigmoid.
    Interval {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// Vectors of positive numbers with sum 1, by stick breaking from a vector with one entry fewer.
    Simplex,
    /// Cholesky factors of k×k covariance matrices, as k² numbers in row-major order, by [`LowerCholesky`].
    LowerCholesky,
    /// Cholesky factors of k×k correlation matrices, as k² numbers in row-major order, by [`CorrelationCholesky`].
    CorrelationCholesky,
}

impl Constraint {
    /// Returns the number of free, unconstrained numbers behind a value with `n` entries, n ≥ 1.
    ///
    /// # Errors
    /// Returns [`DistError::Length`] if n is 0 or, for a matrix, not a square number, and [`DistError::Interval`] if an interval
    /// is empty or not finite.
    pub fn free(self, n: usize) -> Result<usize, DistError> {
        let k = n.isqrt();
        let length = |expected| Err(DistError::Length { expected, got: n });
        match self {
            _ if n == 0 => length("at least 1 entry"),
            Self::LowerCholesky | Self::CorrelationCholesky if k * k != n => length("a square number of entries"),
            Self::Interval { low, high } if !(low < high && low.is_finite() && high.is_finite()) => {
                Err(DistError::Interval { low, high })
            }
            Self::Simplex => Ok(n - 1),
            Self::LowerCholesky => Ok(k * (k + 1) / 2),
            Self::CorrelationCholesky => Ok(k * (k - 1) / 2),
            Self::Real | Self::Positive | Self::UnitInterval | Self::Interval { .. } => Ok(n),
        }
    }
}

impl<const D: usize> Bijector<D> for Constraint {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        match *self {
            Self::Real => Identity.forward(x),
            Self::Positive => Exp.forward(x),
            Self::UnitInterval => Sigmoid.forward(x),
            Self::Interval { low, high } => sigmoid(x) * (high - low) + low,
            Self::Simplex => StickBreaking.forward(x),
            Self::LowerCholesky => LowerCholesky.forward(x),
            Self::CorrelationCholesky => CorrelationCholesky.forward(x),
        }
    }

    fn inverse(&self, y: Tensor<D>) -> Tensor<D> {
        match *self {
            Self::Real => Identity.inverse(y),
            Self::Positive => Exp.inverse(y),
            Self::UnitInterval => Sigmoid.inverse(y),
            Self::Interval { low, high } => (y.clone() - low).log() - (-y + high).log(),
            Self::Simplex => StickBreaking.inverse(y),
            Self::LowerCholesky => LowerCholesky.inverse(y),
            Self::CorrelationCholesky => CorrelationCholesky.inverse(y),
        }
    }

    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        match *self {
            Self::Real => Identity.log_abs_det_jacobian(x),
            Self::Positive => Exp.log_abs_det_jacobian(x),
            Self::UnitInterval => Sigmoid.log_abs_det_jacobian(x),
            Self::Interval { low, high } => -softplus(x.clone()) - softplus(-x) + (high - low).ln(),
            Self::Simplex => StickBreaking.log_abs_det_jacobian(x),
            Self::LowerCholesky => LowerCholesky.log_abs_det_jacobian(x),
            Self::CorrelationCholesky => CorrelationCholesky.log_abs_det_jacobian(x),
        }
    }
}
