//! What a solver asks of a function of a vector.

use burn::{module::Module, tensor::Tensor};

use super::{Function, Inputs};
use crate::linalg::Symmetric;

/// Why a function could not be evaluated.
pub type EvaluationError = Box<dyn std::error::Error + Send + Sync>;

/// A function of a vector, with its gradient.
///
/// A [`Function`] of a module's parameters is one. Values that are not finite are no error: a solver takes a shorter step.
pub trait Objective {
    /// f(x) `[1]` and ∇f(x) `[n]`, both without autodiff.
    ///
    /// # Errors
    /// When it cannot be evaluated at all.
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError>;

    /// f(x) `[1]`.
    ///
    /// # Errors
    /// When it cannot be evaluated at all.
    fn value(&self, x: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        Ok(self.value_and_grad(x)?.0)
    }
}

/// An objective with products with its Hessian.
pub trait HessianProduct: Objective {
    /// H(x)·v `[n]`.
    ///
    /// # Errors
    /// When it cannot be computed.
    fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError>;
}

/// An objective with its Hessian, for problems of at most some thousands of unknowns.
pub trait Hessian: Objective {
    /// H(x), on the host.
    ///
    /// # Errors
    /// When it cannot be computed.
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError>;
}

impl<M: Module, I: Inputs> Objective for Function<'_, M, I, 1> {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        Ok(Function::value_and_grad(self, x)?)
    }
    fn value(&self, x: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        Ok(Function::value(self, x)?)
    }
}

impl<M: Module, I: Inputs> HessianProduct for Function<'_, M, I, 1> {
    fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        Ok(Function::hvp(self, x, v)?)
    }
}

impl<M: Module, I: Inputs> Hessian for Function<'_, M, I, 1> {
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        Ok(Symmetric::from_tensor(Function::hessian(self, x)?))
    }
}
