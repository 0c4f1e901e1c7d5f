//! One map after another.

use burn::tensor::Tensor;

use super::{Bijector, sum_of_logs};

/// y = second(first(x)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain<A, B> {
    /// Which comes first.
    pub first: A,
    /// Which comes then.
    pub second: B,
}

impl<A, B> Chain<A, B> {
    /// `first`, then `second`.
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
