//! The backward pass of log-likelihoods of rows.

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

/// The backward pass of sums over rows. Its state is the gradient of each sum with respect to its row.
#[derive(Debug)]
pub(super) struct Rows;

impl Backward<Cube, 1> for Rows {
    type State = FloatTensor<Cube>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Cube>(&ops.node);
        let [parent] = ops.parents;
        if let Some(node) = parent {
            grads.register::<Cube>(node.id, Cube::cube_scale_rows(ops.state, grad));
        }
    }
}
