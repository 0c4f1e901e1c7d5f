//! Functions without gradients.

use std::cell::RefCell;

use burn::{
    module::Module,
    tensor::{DType, Tensor, TensorData},
};
use kiln_tensor::{
    DeviceChoice,
    derivative::{EvaluationError, Function, Inputs},
};

/// A function of n variables, without a gradient.
///
/// # Example
/// ```
/// use kiln_optim::derivative_free::Values;
/// use kiln_tensor::derivative::EvaluationError;
///
/// struct Steps;
///
/// impl Values for Steps {
///     fn value(&self, x: &[f64]) -> Result<f64, EvaluationError> {
///         Ok(x[0].abs().ceil())
///     }
/// }
/// assert_eq!(Steps.value(&[1.5])?, 2.0);
/// # Ok::<(), EvaluationError>(())
/// ```
pub trait Values {
    /// Computes f(x). A value that is NaN counts as infinite.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    fn value(&self, x: &[f64]) -> Result<f64, EvaluationError>;

    /// Returns x as a tensor, for the outcome. Default: on the CPU in `f64`.
    ///
    /// # Errors
    /// Returns an error if this build has no CPU backend.
    fn vector(&self, x: &[f64]) -> Result<Tensor<1>, EvaluationError> {
        let device = DeviceChoice::Cpu.resolve()?.device();
        Ok(Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), (&device, DType::F64)))
    }
}

/// The value of a function of tensors, `[1]`.
impl<M: Module, I: Inputs> Values for Function<'_, M, I, 1> {
    fn value(&self, x: &[f64]) -> Result<f64, EvaluationError> {
        let value = Function::value(self, &Values::vector(self, x)?)?.without_autodiff();
        Ok(value.cast(DType::F64).into_scalar::<f64>())
    }

    fn vector(&self, x: &[f64]) -> Result<Tensor<1>, EvaluationError> {
        let like = self.parameters();
        Ok(Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), (&like.device(), like.dtype())))
    }
}

/// A function that is a closure on slices of `f64`.
///
/// # Example
/// ```
/// use kiln_optim::derivative_free::{SliceValues, Values};
///
/// let square = SliceValues::new(|x: &[f64]| x[0] * x[0]);
/// assert_eq!(square.value(&[3.0])?, 9.0);
/// # Ok::<(), kiln_tensor::derivative::EvaluationError>(())
/// ```
pub struct SliceValues<F>(RefCell<F>);

impl<F: FnMut(&[f64]) -> f64> SliceValues<F> {
    /// Wraps a closure that returns the value at x.
    pub fn new(function: F) -> Self {
        Self(RefCell::new(function))
    }
}

impl<F: FnMut(&[f64]) -> f64> Values for SliceValues<F> {
    fn value(&self, x: &[f64]) -> Result<f64, EvaluationError> {
        Ok((self.0.borrow_mut())(x))
    }
}
