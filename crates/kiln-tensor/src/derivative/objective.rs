//! Functions of a vector, for solvers.

use burn::{module::Module, tensor::Tensor};

use super::{Function, Inputs};
use crate::linalg::Symmetric;

/// Why a function could not be evaluated.
pub type EvaluationError = Box<dyn std::error::Error + Send + Sync>;

/// A function of a vector with its gradient, for the solvers of `kiln-optim`.
///
/// A [`Function`] of a module's parameters is an objective. Values that are not finite are no error: a solver then takes a shorter
/// step.
///
/// # Example
/// An objective in closed form:
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::derivative::{EvaluationError, Objective};
///
/// struct Square;
///
/// impl Objective for Square {
///     fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
///         Ok((x.clone().square().sum(), x.clone() * 2.0))
///     }
/// }
///
/// let value = Square.value(&Tensor::from_data([3.0, 4.0], &Device::default()))?;
/// assert_eq!(value.into_scalar::<f64>(), 25.0);
/// # Ok::<(), EvaluationError>(())
/// ```
pub trait Objective {
    /// Computes f(x) `[1]` and ∇f(x) `[n]`, both without autodiff.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError>;

    /// Computes f(x) `[1]`.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    fn value(&self, x: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        Ok(self.value_and_grad(x)?.0)
    }

    /// Computes H(x)·v `[n]` if the objective can. Default: it cannot.
    ///
    /// [`HessianProduct`] says so at compile time. This method lets a solver that needs gradients only test its result.
    fn product(&self, _x: &Tensor<1>, _v: &Tensor<1>) -> Option<Result<Tensor<1>, EvaluationError>> {
        None
    }

    /// Returns the rounding error of f, in units of the last place of its value. Default 10.
    ///
    /// A solver takes smaller differences of f for nothing, and looks at slopes instead. A sum over many rows needs more: its error
    /// grows with the square root of their number.
    fn rounding_units(&self) -> f64 {
        10.0
    }

    /// Returns the size of the terms whose sum f is, for a sum that may cancel: its rounding error is relative to this size, if the value is
    /// smaller. Default 0.
    fn scale(&self) -> f64 {
        0.0
    }
}

/// An objective that can multiply its Hessian with a vector.
pub trait HessianProduct: Objective {
    /// Computes H(x)·v `[n]`.
    ///
    /// # Errors
    /// Returns an error if the product cannot be computed.
    fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError>;
}

/// An objective with its dense Hessian, for up to some thousands of unknowns.
pub trait Hessian: Objective {
    /// Computes H(x), on the host.
    ///
    /// # Errors
    /// Returns an error if the Hessian cannot be computed.
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError>;
}

/// An objective with all that solvers ask for, as `&dyn TwiceDifferentiable`.
///
/// A solver is compiled for each type of objective. A program with many solvers and objectives compiles faster if it passes
/// this trait object instead. Every type that implements [`Hessian`] and [`HessianProduct`] has the trait.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_tensor::derivative::{Function, Objective, TwiceDifferentiable};
///
/// let start = Tensor::<1>::from_data([3.0, 4.0], &Device::default());
/// let bowl = Function::of_vector(start.clone(), |x: Tensor<1>| x.square().sum());
/// let objective: &dyn TwiceDifferentiable = &bowl;
/// assert_eq!(objective.value(&start)?.into_scalar::<f64>(), 25.0);
/// assert_eq!(objective.hessian(&start)?.at(0, 0), 2.0);
/// # Ok::<(), kiln_tensor::derivative::EvaluationError>(())
/// ```
pub trait TwiceDifferentiable: Hessian + HessianProduct {}

impl<P: Hessian + HessianProduct> TwiceDifferentiable for P {}

impl<P: Objective + ?Sized> Objective for &P {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        (**self).value_and_grad(x)
    }
    fn value(&self, x: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        (**self).value(x)
    }
    fn product(&self, x: &Tensor<1>, v: &Tensor<1>) -> Option<Result<Tensor<1>, EvaluationError>> {
        (**self).product(x, v)
    }
    fn rounding_units(&self) -> f64 {
        (**self).rounding_units()
    }
    fn scale(&self) -> f64 {
        (**self).scale()
    }
}

impl<P: HessianProduct + ?Sized> HessianProduct for &P {
    fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        (**self).hvp(x, v)
    }
}

impl<P: Hessian + ?Sized> Hessian for &P {
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        (**self).hessian(x)
    }
}

impl<M: Module, I: Inputs> Objective for Function<'_, M, I, 1> {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        Ok(Function::value_and_grad(self, x)?)
    }
    fn value(&self, x: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        Ok(Function::value(self, x)?)
    }
    fn product(&self, x: &Tensor<1>, v: &Tensor<1>) -> Option<Result<Tensor<1>, EvaluationError>> {
        Some(Function::hvp(self, x, v).map_err(Into::into))
    }
    fn scale(&self) -> f64 {
        self.scale
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
