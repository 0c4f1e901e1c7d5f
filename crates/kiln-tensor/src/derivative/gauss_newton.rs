//! The Gauss–Newton matrix.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use super::{
    DerivativeError, Function, Inputs,
    objective::{EvaluationError, Hessian, HessianProduct, Objective},
    products::matrix_of_products,
};
use crate::linalg::Symmetric;

/// A loss of a function's outputs, with its Gauss–Newton matrix G = Jᵀ·L″·J.
///
/// J is the Jacobian of the outputs and L″ the Hessian of the loss with respect to the outputs (Schraudolph, 2002). If the loss is
/// convex in the outputs, as a negative log-likelihood is in the logits, then G is positive semidefinite. For a likelihood of the
/// exponential family in its natural parameters, G is the Fisher information.
///
/// For a solver it is an [`Objective`] whose Hessian is G. In a trust region this is the Levenberg–Marquardt method for sums of
/// squares, and Hessian-free optimisation for networks (Martens, 2010).
///
/// # Example
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
    /// Returns the loss as a function of the outputs and of `targets`.
    ///
    /// # Errors
    /// Returns the error of computing the outputs once.
    pub fn new(
        outputs: Function<'a, M, I, D>,
        targets: T,
        loss: impl Fn(Tensor<D>, T) -> Tensor<1> + Send + Sync + 'a,
    ) -> Result<Self, DerivativeError> {
        let start = Param::from_tensor(outputs.value(&outputs.parameters())?);
        let loss = Function::new(&start, targets, move |z: &Param<Tensor<D>>, targets| loss(z.val(), targets));
        Ok(Self { outputs, loss })
    }

    /// Returns the function that computes the outputs.
    pub fn outputs(&self) -> &Function<'a, M, I, D> {
        &self.outputs
    }

    /// Returns the parameters of the outputs' module, `[n]`.
    pub fn parameters(&self) -> Tensor<1> {
        self.outputs.parameters()
    }

    /// Computes the loss `[1]` and its gradient `[n]` at w.
    ///
    /// # Errors
    /// Those of [`Function::value_and_grad`].
    pub fn value_and_grad(&self, w: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), DerivativeError> {
        let (module, z) = self.outputs.tracked(w)?;
        let shape = z.shape();
        let (value, slope) = self.loss.value_and_grad(&z.clone().without_autodiff().reshape([shape.num_elements()]))?;
        Ok((value, self.outputs.gradient_of((z * slope.reshape(shape)).sum(), &module, w)))
    }

    /// Computes the loss `[1]` at w.
    ///
    /// # Errors
    /// Those of [`Function::value`].
    pub fn value(&self, w: &Tensor<1>) -> Result<Tensor<1>, DerivativeError> {
        let z = self.outputs.value(w)?.without_autodiff();
        let entries = z.shape().num_elements();
        self.loss.value(&z.reshape([entries]))
    }

    /// Computes G `[n, n]` at w, by n products.
    ///
    /// # Errors
    /// Those of [`gauss_newton_vp`](Self::gauss_newton_vp).
    pub fn matrix(&self, w: &Tensor<1>) -> Result<Tensor<2>, DerivativeError> {
        matrix_of_products(w, |v| self.gauss_newton_vp(w, v))
    }

    /// Computes G·v `[n]` at w, by a forward derivative, a product with L″ and a backward pass.
    ///
    /// # Errors
    /// Those of [`Function::hvp`].
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

/// With G instead of the Hessian.
impl<M: Module, I: Inputs, T: Inputs, const D: usize> HessianProduct for GaussNewton<'_, M, I, T, D> {
    fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        Ok(self.gauss_newton_vp(x, v)?)
    }
}

/// With G instead of the Hessian.
impl<M: Module, I: Inputs, T: Inputs, const D: usize> Hessian for GaussNewton<'_, M, I, T, D> {
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        Ok(Symmetric::from_tensor(self.matrix(x)?))
    }
}
