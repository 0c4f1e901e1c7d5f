//! The backward pass of the negative evidence lower bound.

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

/// Its state is the log-likelihoods and divergences, of which only the shapes matter, and β.
#[derive(Debug)]
pub(super) struct Elbo;

impl Backward<Cube, 2> for Elbo {
    type State = (FloatTensor<Cube>, FloatTensor<Cube>, f64);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<Cube>(&ops.node);
        let ((log_likelihood, kl, beta), [of_likelihood, of_kl]) = (ops.state, ops.parents);
        let (by_likelihood, by_kl) = Cube::cube_elbo_back(grad, log_likelihood, kl, beta);
        if let Some(node) = of_likelihood {
            grads.register::<Cube>(node.id, by_likelihood);
        }
        if let Some(node) = of_kl {
            grads.register::<Cube>(node.id, by_kl);
        }
    }
}
