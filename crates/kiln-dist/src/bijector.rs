//! Smooth invertible maps with their Jacobian determinants.

mod chain;
mod constraint;
mod elementwise;
mod stick_breaking;
mod triangular;

use burn::tensor::Tensor;

pub use self::{
    chain::Chain,
    constraint::Constraint,
    elementwise::{Affine, Exp, Identity, Sigmoid, Softplus},
    stick_breaking::StickBreaking,
    triangular::{CorrelationCholesky, LowerCholesky},
};

/// A smooth invertible map, elementwise or of vectors along the last axis.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Bijector, Exp, Normal, Transformed, Distribution};
///
/// let device = Device::default();
/// // The log-normal distribution.
/// let d = Transformed::new(Normal::standard([3], &device), Exp);
/// let x = Tensor::<1>::from_data([0.5, 1.0, 2.0], &device);
/// assert_eq!(d.log_prob(x.clone()).dims(), [3]);
/// let back = Exp.forward(Exp.inverse(x.clone()));
/// assert!((back - x).abs().max().into_scalar::<f32>() < 1e-6);
/// ```
pub trait Bijector<const D: usize>: Clone {
    /// Returns y = f(x).
    fn forward(&self, x: Tensor<D>) -> Tensor<D>;

    /// Returns x = f⁻¹(y).
    fn inverse(&self, y: Tensor<D>) -> Tensor<D>;

    /// Returns ln |det ∂f/∂x| at x: per entry for an elementwise map, and `[.., 1]` for a map of vectors.
    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D>;
}

/// Adds two log-densities or log-determinants. If one is per entry and the other per vector, the former is summed along the last axis.
pub(crate) fn sum_of_logs<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> Tensor<D> {
    let (of_a, of_b) = (a.dims()[D - 1], b.dims()[D - 1]);
    let sum = |x: Tensor<D>| x.sum_dim(D - 1);
    match (of_a, of_b) {
        (1, n) if n > 1 => a + sum(b),
        (n, 1) if n > 1 => sum(a) + b,
        _ => a + b,
    }
}
