//! The Gauss–Newton matrix.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use super::{
    DerivativeError, Function, Inputs, matrix_of_products,
    objective::{EvaluationError, Hessian, HessianProduct, Objective},
};
use crate::linalg::Symmetric;

/// A loss of a function's outputs, and its Gauss–Newton matrix G = Jᵀ·L″·J, with J the outputs' Jacobian and L″ the
/// loss's Hessian in the outputs (Schraudolph, 2002). Where the loss is convex in the outputs, as a likelihood is in the
/// logits, G is positive semidefinite; for a likelihood of the exponential family in its natural parameters it is the
/// Fisher information too.
///
/// To a solver it is an [`Objective`] that gives G where it asks for the Hessian: with a trust region the method of Levenberg and
/// Marquardt for sums of squares, and for networks the one that is called Hessian-free (Martens, 2010).
///
/// ```
/// use burn::{module::Param, tensor::{Device, Tensor}};
/// use kiln_tensor::derivative::{Function, GaussNewton, Objective};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Device::default();
/// // ½·Σ (exp(a·t) − y)² in a.
/// let (t, y) = (Tensor::<1>::from_data([0.0, 1.0, 2.0], &device), Tensor::<1>::from_data([1.0, 2.0, 4.5], &device));
/// let rate = Param::from_tensor(Tensor::<1>::from_data([0.5], &device));
/// let curve = Function::new(&rate, t, |rate: &Param<Tensor<1>>, t| (rate.val() * t).exp());
/// let loss = GaussNewton::new(curve, y, |z: Tensor<1>, y| (z - y).square().sum() * 0.5)?;
/// let w = loss.parameters();
/// assert_eq!(loss.value_and_grad(&w)?.1.dims(), [1]);
/// // J = t·exp(a·t), L″ = 1: G = e + 4·e² at a = ½.
/// let g = loss.gauss_newton_vp(&w, &w.ones_like())?.into_scalar::<f64>();
/// assert!((g - (1f64.exp() + 4.0 * 2f64.exp())).abs() < 1e-4);
/// # Ok(())
/// # }
/// ```
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

    /// The parameters of the outputs' module, `[n]`.
    pub fn parameters(&self) -> Tensor<1> {
        self.outputs.parameters()
    }

    /// The loss `[1]` and its gradient `[n]` at w.
    ///
    /// # Errors
    /// As [`Function::value_and_grad`].
    pub fn value_and_grad(&self, w: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), DerivativeError> {
        let (module, z) = self.outputs.tracked(w)?;
        let shape = z.shape();
        let (value, slope) = self.loss.value_and_grad(&z.clone().without_autodiff().reshape([shape.num_elements()]))?;
        Ok((value, self.outputs.gradient_of((z * slope.reshape(shape)).sum(), &module, w)))
    }

    /// The loss `[1]` at w.
    ///
    /// # Errors
    /// As [`Function::value`].
    pub fn value(&self, w: &Tensor<1>) -> Result<Tensor<1>, DerivativeError> {
        let z = self.outputs.value(w)?.without_autodiff();
        let entries = z.shape().num_elements();
        self.loss.value(&z.reshape([entries]))
    }

    /// G `[n, n]` at w, in n products.
    ///
    /// # Errors
    /// As [`gauss_newton_vp`](Self::gauss_newton_vp).
    pub fn matrix(&self, w: &Tensor<1>) -> Result<Tensor<2>, DerivativeError> {
        matrix_of_products(w, |v| self.gauss_newton_vp(w, v))
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

impl<M: Module, I: Inputs, T: Inputs, const D: usize> Objective for GaussNewton<'_, M, I, T, D> {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        Ok(GaussNewton::value_and_grad(self, x)?)
    }

    fn value(&self, x: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        Ok(GaussNewton::value(self, x)?)
    }
}

/// With G in the place of the Hessian.
impl<M: Module, I: Inputs, T: Inputs, const D: usize> HessianProduct for GaussNewton<'_, M, I, T, D> {
    fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        Ok(self.gauss_newton_vp(x, v)?)
    }
}

/// With G in the place of the Hessian.
impl<M: Module, I: Inputs, T: Inputs, const D: usize> Hessian for GaussNewton<'_, M, I, T, D> {
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        Ok(Symmetric::from_tensor(self.matrix(x)?))
    }
}
