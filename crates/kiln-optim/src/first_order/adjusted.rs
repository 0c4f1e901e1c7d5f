//! A method with a learning rate and a weight decay of its own.

use burn::{
    optim::Optimizer,
    tensor::{Device, Tensor},
};
use kiln_tensor::pass::with_decay;

use super::{Adjusted, Method};

impl<O: Method> Optimizer for Adjusted<O> {
    type State<const D: usize> = O::State<D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<O::State<D>>,
    ) -> (Tensor<D>, Option<O::State<D>>) {
        let grad = if self.weight_decay > 0.0 { with_decay(grad, &tensor, self.weight_decay) } else { grad };
        self.method.step(lr * self.lr_scale, tensor, grad, state)
    }

    fn to_device<const D: usize>(state: O::State<D>, device: &Device) -> O::State<D> {
        O::to_device(state, device)
    }
}

impl<O: Method> Method for Adjusted<O> {
    const NAME: &'static str = O::NAME;
    const BY_PASSES: bool = O::BY_PASSES;
    const IS_AHEAD: bool = O::IS_AHEAD;
    const KEEPS_AVERAGE: bool = O::KEEPS_AVERAGE;

    fn iterate<const D: usize>(tensor: Tensor<D>, state: &O::State<D>) -> Tensor<D> {
        O::iterate(tensor, state)
    }

    fn average<const D: usize>(state: &O::State<D>) -> Option<Tensor<D>> {
        O::average(state)
    }

    fn momentum_at(&self, step: u64) -> Option<f64> {
        self.method.momentum_at(step)
    }
}
