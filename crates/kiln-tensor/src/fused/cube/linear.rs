//! act(x·W + b): a product, and bias, activation and their gradients by one kernel each.

use burn::backend::{
    Cube,
    autodiff::{
        checkpoint::base::Checkpointer,
        grads::Gradients,
        ops::{Backward, Ops},
    },
    tensor::FloatTensor,
};

use super::{kernels::Kernels, product};
use crate::fused::{MatmulPrecision, epilogue::Epilogue};

pub(super) fn forward(
    x: FloatTensor<Cube>,
    weight: FloatTensor<Cube>,
    bias: FloatTensor<Cube>,
    act: Epilogue,
    precision: MatmulPrecision,
) -> FloatTensor<Cube> {
    Cube::cube_finish(Cube::cube_product(x, weight, precision), bias, act)
}

/// The tensors for the backward pass.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) factors: product::Kept,
    /// The output, unless the derivative of the activation is 1.
    pub(super) y: Option<FloatTensor<Cube>>,
    pub(super) act: Epilogue,
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
        kept.factors.register(grad, [x, weight].map(|node| node.map(|node| node.id)), grads);
    }
}
