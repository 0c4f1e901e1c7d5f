//! The Gauss–Newton matrix.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use super::{DerivativeError, Function, Inputs};

/// A loss of a function's outputs, and its Gauss–Newton matrix G = Jᵀ·L″·J, with J the outputs' Jacobian and L″ the
/// loss's Hessian in the outputs (Schraudolph, 2002). Where the loss is convex in the outputs, as a likelihood is in the
/// logits, G is positive semidefinite; for a likelihood of the exponential family in its natural parameters it is the
/// Fisher information too.
pub struct GaussNewton<'a, M, I, T, const D: usize> {
    outputs: Function<'a, M, I, D>,
    loss: Function<'a, Param<Tensor<D>>, T, 1>,
}

impl<'a, M: Module, I: Inputs, T: Inputs, const D: usize> GaussNewton<'a, M, I, T, D> {
    /// `loss` is a function of the outputs and of `targets`.
    ///
    /// # Errors
    /// What computing the outputs once gives.
    pub fn new(
        outputs: Function<'a, M, I, D>,
        targets: T,
        loss: impl Fn(Tensor<D>, T) -> Tensor<1> + Send + Sync + 'a,
    ) -> Result<Self, DerivativeError> {
        let start = Param::from_tensor(outputs.value(&outputs.parameters())?);
        let loss = Function::new(&start, targets, move |z: &Param<Tensor<D>>, targets| loss(z.val(), targets));
        Ok(Self { outputs, loss })
    }

    /// The function that gives the outputs.
    pub fn outputs(&self) -> &Function<'a, M, I, D> {
        &self.outputs
    }

    /// G·v `[n]` at w: a forward derivative, a product with L″, and a backward pass.
    ///
    /// # Errors
    /// As [`Function::hvp`].
    pub fn gauss_newton_vp(&self, w: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, DerivativeError> {
        let (z, dz) = self.outputs.jvp(w, v)?;
        let shape = z.shape();
        let flat = [shape.num_elements()];
        let curved = self.loss.hvp(&z.reshape(flat), &dz.reshape(flat))?;
        self.outputs.vjp(w, &curved.reshape(shape))
    }
}
