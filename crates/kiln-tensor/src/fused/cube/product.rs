//! The product of two matrices, and its gradients.

use burn::backend::{
    Cube,
    autodiff::{
        NodeId,
        checkpoint::base::Checkpointer,
        grads::Gradients,
        ops::{Backward, Ops},
    },
    ops::FloatTensorOps,
    tensor::FloatTensor,
};

use super::kernels::Kernels;
use crate::fused::MatmulPrecision;

/// The factors for the backward pass. Each is kept only if the other's gradient needs it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) lhs: Option<FloatTensor<Cube>>,
    pub(super) rhs: Option<FloatTensor<Cube>>,
    pub(super) precision: MatmulPrecision,
}

impl Kept {
    /// Registers the gradients lhsᵀ·G of the right factor and G·rhsᵀ of the left one.
    pub(super) fn register(
        self,
        grad: FloatTensor<Cube>,
        [of_lhs, of_rhs]: [Option<NodeId>; 2],
        grads: &mut Gradients,
    ) {
        let transposed = |tensor: FloatTensor<Cube>| Cube::float_swap_dims(tensor, 0, 1);
        if let (Some(node), Some(lhs)) = (of_rhs, self.lhs) {
            grads.register::<Cube>(node, Cube::cube_product(transposed(lhs), grad.clone(), self.precision));
        }
        if let (Some(node), Some(rhs)) = (of_lhs, self.rhs) {
            grads.register::<Cube>(node, Cube::cube_product(grad, transposed(rhs), self.precision));
        }
    }
}

#[derive(Debug)]
pub(super) struct Product;

impl Backward<Cube, 2> for Product {
    type State = Kept;

    fn backward(self, ops: Ops<Kept, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Cube>(&ops.node);
        ops.state.register(grad, ops.parents.map(|node| node.map(|node| node.id)), grads);
    }
}
