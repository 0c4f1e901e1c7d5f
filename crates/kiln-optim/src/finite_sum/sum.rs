//! Sums of many terms.

use std::cell::RefCell;

use burn::{
    module::Param,
    tensor::{DType, Int, Tensor, TensorData},
};
use kiln_tensor::{
    DeviceChoice,
    derivative::{EvaluationError, Function, Objective},
    device::machine_epsilon,
};

/// The mean f(x) = 1/N·Σ fᵢ(x) of N terms.
pub trait FiniteSum {
    /// Returns the number of terms N.
    fn terms(&self) -> usize;

    /// Computes the mean of some terms at x, and writes its gradient to `gradient`, which holds zeros before.
    ///
    /// # Errors
    /// Returns an error if the terms cannot be evaluated.
    fn evaluate(&self, terms: &[usize], x: &[f64], gradient: &mut [f64]) -> Result<f64, EvaluationError>;

    /// Returns the machine epsilon of the float type in which the terms are computed. Default: that of `f64`.
    fn epsilon(&self) -> f64 {
        f64::EPSILON
    }

    /// Returns x as a tensor, for the outcome. Default: on the CPU in `f64`.
    ///
    /// # Errors
    /// Returns an error if this build has no CPU backend.
    fn vector(&self, x: &[f64]) -> Result<Tensor<1>, EvaluationError> {
        let device = DeviceChoice::Cpu.resolve()?.device();
        Ok(Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), (&device, DType::F64)))
    }
}

/// A sum as a closure on slices of `f64`.
///
/// The closure `f(terms, x, gradient)` returns the mean of the terms with these numbers, and writes its gradient, which holds zeros before.
///
/// # Example
/// ```
/// use kiln_optim::finite_sum::{FiniteSum, SliceSum};
///
/// // The terms i·x for i = 0, 1, 2.
/// let sum = SliceSum::new(3, |terms: &[usize], x: &[f64], gradient: &mut [f64]| {
///     gradient[0] = terms.iter().map(|&i| i as f64).sum::<f64>() / terms.len() as f64;
///     gradient[0] * x[0]
/// });
/// let mut gradient = [0.0];
/// assert_eq!((sum.evaluate(&[1, 2], &[4.0], &mut gradient)?, gradient), (6.0, [1.5]));
/// # Ok::<(), kiln_tensor::derivative::EvaluationError>(())
/// ```
pub struct SliceSum<F> {
    terms: usize,
    function: RefCell<F>,
}

impl<F: FnMut(&[usize], &[f64], &mut [f64]) -> f64> SliceSum<F> {
    /// Wraps a closure for `terms` terms.
    pub fn new(terms: usize, function: F) -> Self {
        Self { terms, function: RefCell::new(function) }
    }
}

impl<F: FnMut(&[usize], &[f64], &mut [f64]) -> f64> FiniteSum for SliceSum<F> {
    fn terms(&self) -> usize {
        self.terms
    }

    fn evaluate(&self, terms: &[usize], x: &[f64], gradient: &mut [f64]) -> Result<f64, EvaluationError> {
        Ok((self.function.borrow_mut())(terms, x, gradient))
    }
}

/// A sum as a function of tensors, whose gradient Burn computes.
///
/// # Example
/// ```
/// use burn::tensor::{Int, Tensor};
/// use kiln_optim::{finite_sum::{Saga, TensorSum, saga}, solver::Stop};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = kiln_tensor::device::named_f64("cpu")?;
/// let (x, y) = (Tensor::<1>::from_data([-1.0, 0.0, 1.0, 2.0], &device), Tensor::<1>::from_data([5.0, 2.0, -1.0, -4.0], &device));
/// let start = Tensor::<1>::zeros([2], &device);
/// let sum = TensorSum::new(4, start, move |w: Tensor<1>, rows: Tensor<1, Int>| {
///     let (x, y) = (x.clone().select(0, rows.clone()), y.clone().select(0, rows));
///     (x * w.clone().slice(1..2) + w.slice(0..1) - y).square().mean()
/// });
/// let outcome = saga(&sum, [0.0, 0.0], &Saga::default(), &Stop { gtol: 1e-9, ..Stop::default() })?;
/// assert!(outcome.success && (outcome.to_vec()[1] + 3.0).abs() < 1e-7, "{outcome:?}");
/// # Ok(())
/// # }
/// ```
pub struct TensorSum<F> {
    terms: usize,
    like: Tensor<1>,
    function: F,
}

impl<F: Fn(Tensor<1>, Tensor<1, Int>) -> Tensor<1> + Send + Sync> TensorSum<F> {
    /// Wraps a function of x and of the numbers of some terms, which returns their mean, `[1]`, for `terms` terms. x is on the device, and
    /// of the float type, of `like`.
    pub fn new(terms: usize, like: Tensor<1>, function: F) -> Self {
        Self { terms, like: like.without_autodiff(), function }
    }
}

impl<F: Fn(Tensor<1>, Tensor<1, Int>) -> Tensor<1> + Send + Sync> FiniteSum for TensorSum<F> {
    fn terms(&self) -> usize {
        self.terms
    }

    fn evaluate(&self, terms: &[usize], x: &[f64], gradient: &mut [f64]) -> Result<f64, EvaluationError> {
        let x = FiniteSum::vector(self, x)?;
        let rows: Vec<i64> = terms.iter().map(|&term| term as i64).collect();
        let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [terms.len()]), &x.device());
        let mean = Function::new(&Param::from_tensor(x.clone()), rows, |x: &Param<Tensor<1>>, rows: Tensor<1, Int>| {
            (self.function)(x.val(), rows)
        });
        let (value, slope) = Objective::value_and_grad(&mean, &x)?;
        gradient.copy_from_slice(&slope.try_into_vec_as::<f64>()?);
        Ok(value.without_autodiff().cast(DType::F64).into_scalar::<f64>())
    }

    fn epsilon(&self) -> f64 {
        machine_epsilon(self.like.dtype())
    }

    fn vector(&self, x: &[f64]) -> Result<Tensor<1>, EvaluationError> {
        let data = TensorData::new(x.to_vec(), [x.len()]);
        Ok(Tensor::from_data(data, (&self.like.device(), self.like.dtype())))
    }
}
