//! Compositions of two maps.

use burn::tensor::Tensor;

use super::{Bijector, sum_of_logs};

/// The composition y = second(first(x)).
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Bijector, Chain, Exp, Softplus};
///
/// let map = Chain::new(Softplus, Exp);
/// let y = map.forward(Tensor::<1>::zeros([1], &Device::default()));
/// assert!((y.into_scalar::<f32>() - 2.0).abs() < 1e-6);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain<A, B> {
    /// The map that is applied first.
    pub first: A,
    /// The map that is applied second.
    pub second: B,
}

impl<A, B> Chain<A, B> {
    /// Composes two maps: `first`, then `second`.
    pub fn new(first: A, second: B) -> Self {
        Self { first, second }
    }
}

impl<const D: usize, A: Bijector<D>, B: Bijector<D>> Bijector<D> for Chain<A, B> {
    fn forward(&self, x: Tensor<D>) -> Tensor<D> {
        self.second.forward(self.first.forward(x))
    }

    fn inverse(&self, y: Tensor<D>) -> Tensor<D> {
        self.first.inverse(self.second.inverse(y))
    }

    fn log_abs_det_jacobian(&self, x: Tensor<D>) -> Tensor<D> {
        let of_second = self.second.log_abs_det_jacobian(self.first.forward(x.clone()));
        sum_of_logs(self.first.log_abs_det_jacobian(x), of_second)
    }
}
