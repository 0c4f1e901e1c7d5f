//! The backward pass of ln Σ eˣ along an axis.

use burn::backend::{
    Cube,
    autodiff::{
        checkpoint::base::Checkpointer,
        grads::Gradients,
        ops::{Backward, Ops},
    },
    tensor::FloatTensor,
};

use super::kernels::Kernels;

/// Its state is the softmax and the axis.
#[derive(Debug)]
pub(super) struct LogSumExp;

impl Backward<Cube, 1> for LogSumExp {
    type State = (FloatTensor<Cube>, usize);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Cube>(&ops.node);
        let ((weights, axis), [parent]) = (ops.state, ops.parents);
        if let Some(node) = parent {
            grads.register::<Cube>(node.id, Cube::cube_logsumexp_back(weights, grad, axis));
        }
    }
}
