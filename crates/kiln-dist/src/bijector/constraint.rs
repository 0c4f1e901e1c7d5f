//! Where a parameter or a value may be, and the map that leads there.

use burn::tensor::Tensor;
use kiln_tensor::special::{sigmoid, softplus};

use super::{Bijector, CorrelationCholesky, Exp, Identity, LowerCholesky, Sigmoid, StickBreaking, triangular::rows_of};

/// A set of numbers, or of vectors along the last axis. As a [`Bijector`] it is the map from all real numbers, or vectors, onto it: what
/// other libraries call `biject_to`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Constraint {
    /// All real numbers, by the identity.
    #[default]
    Real,
    /// The positive numbers, by the exponential.
    Positive,
    /// (0, 1), by the sigmoid.
    UnitInterval,
    /// (low, high), by the sigmoid.
    Interval {
        /// The lower end.
        low: f64,
        /// The upper end.
        high: f64,
    },
    /// Vectors of positive numbers with the sum 1, by breaking a stick: from one number less.
    Simplex,
    /// Lower triangular k×k matrices with a positive diagonal, as k² numbers: the Cholesky factors of covariances, by [`LowerCholesky`].
    LowerCholesky,
    /// The Cholesky factors of k×k correlation matrices, as k² numbers, by [`CorrelationCholesky`].
    CorrelationCholesky,
}

impl Constraint {
    /// How many free numbers a vector of `n` has.
    ///
    /// # Panics
    /// When `n` is no square, for matrices.
    pub fn free(self, n: usize) -> usize {
        match self {
            Self::Simplex => n.saturating_sub(1),
            Self::LowerCholesky => rows_of(n) * (rows_of(n) + 1) / 2,
            Self::CorrelationCholesky => rows_of(n) * rows_of(n).saturating_sub(1) / 2,
            Self::Real | Self::Positive | Self::UnitInterval | Self::Interval { .. } => n,
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
