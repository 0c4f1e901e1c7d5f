//! act(x·W + b): Burn's product, and bias, activation and their gradients by one kernel each.

use burn::backend::{
    Cube,
    autodiff::{
        checkpoint::base::Checkpointer,
        grads::Gradients,
        ops::{Backward, Ops},
    },
    ops::FloatTensorOps,
    tensor::FloatTensor,
};

use super::kernels::Kernels;
use crate::fused::Activation;

pub(super) fn forward(
    x: FloatTensor<Cube>,
    weight: FloatTensor<Cube>,
    bias: FloatTensor<Cube>,
    act: Activation,
) -> FloatTensor<Cube> {
    Cube::cube_finish(Cube::float_matmul(x, weight), bias, act)
}

/// The tensors for the backward pass. Input and weight are kept only if the other's gradient needs them.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) x: Option<FloatTensor<Cube>>,
    pub(super) weight: Option<FloatTensor<Cube>>,
    /// The output, unless the derivative of the activation is 1.
    pub(super) y: Option<FloatTensor<Cube>>,
    pub(super) act: Activation,
}

#[derive(Debug)]
pub(super) struct Linear;

impl Backward<Cube, 3> for Linear {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (grad, kept, [x, weight, bias]) = (grads.consume::<Cube>(&ops.node), ops.state, ops.parents);
        let (grad, of_bias) = match kept.y {
            Some(y) => {
                let (grad, sums) = Cube::cube_through(grad, y, kept.act);
                (grad, bias.is_some().then_some(sums))
            }
            None => {
                let sums = bias.is_some().then(|| Cube::cube_sum_rows(grad.clone()));
                (grad, sums)
            }
        };
        if let (Some(node), Some(grad)) = (bias, of_bias) {
            grads.register::<Cube>(node.id, grad);
        }
        let transposed = |tensor: FloatTensor<Cube>| Cube::float_swap_dims(tensor, 0, 1);
        if let (Some(node), Some(x)) = (weight, kept.x) {
            grads.register::<Cube>(node.id, Cube::float_matmul(transposed(x), grad.clone()));
        }
        if let (Some(node), Some(weight)) = (x, kept.weight) {
            grads.register::<Cube>(node.id, Cube::float_matmul(grad, transposed(weight)));
        }
    }
}
