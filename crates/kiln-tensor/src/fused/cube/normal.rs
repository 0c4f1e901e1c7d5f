//! The backward passes of a reparameterised sample and of the divergence from the standard normal distribution.

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

/// The backward pass of a sample. Its state is σε.
#[derive(Debug)]
pub(super) struct Sample;

impl Backward<Cube, 2> for Sample {
    type State = FloatTensor<Cube>;

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Cube>(&ops.node);
        let [loc, log_scale] = ops.parents;
        if let Some(node) = log_scale {
            grads.register::<Cube>(node.id, Cube::float_mul(ops.state, grad.clone()));
        }
        if let Some(node) = loc {
            grads.register::<Cube>(node.id, grad);
        }
    }
}

/// The backward pass of the divergence. Its state is μ and ln σ.
#[derive(Debug)]
pub(super) struct Divergence;

impl Backward<Cube, 2> for Divergence {
    type State = (FloatTensor<Cube>, FloatTensor<Cube>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Cube>(&ops.node);
        let ((loc, log_scale), [of_loc, of_log_scale]) = (ops.state, ops.parents);
        let (by_loc, by_log_scale) = Cube::cube_divergence_back(loc, log_scale, grad);
        if let Some(node) = of_loc {
            grads.register::<Cube>(node.id, by_loc);
        }
        if let Some(node) = of_log_scale {
            grads.register::<Cube>(node.id, by_log_scale);
        }
    }
}
