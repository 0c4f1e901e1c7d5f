//! Minimisation of a closure on slices of numbers, without tensors.

use std::cell::RefCell;

use burn::tensor::{DType, Tensor, TensorData};
use kiln_tensor::DeviceChoice;

use super::{EvaluationError, Objective, Outcome, Solver, SolverError, Stop, minimize};

/// An objective that is a closure on slices of f64.
///
/// The closure `f(x, g)` returns the value at x and writes the gradient to g, which holds zeros before. [`minimize_fn`] wraps a closure
/// in this type; build it yourself for a [`Minimization`](super::Minimization) that is saved and resumed.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Objective, SliceObjective};
///
/// let square = SliceObjective::new(|x, g| {
///     g[0] = 2.0 * x[0];
///     x[0] * x[0]
/// });
/// let (value, gradient) = square.value_and_grad(&Tensor::from_data([3.0], &Device::default()))?;
/// assert_eq!((value.into_scalar::<f64>(), gradient.into_scalar::<f64>()), (9.0, 6.0));
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct SliceObjective<F> {
    function: RefCell<F>,
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64> SliceObjective<F> {
    /// Wraps `function`.
    pub fn new(function: F) -> Self {
        Self { function: RefCell::new(function) }
    }
}

impl<F: FnMut(&[f64], &mut [f64]) -> f64> Objective for SliceObjective<F> {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        let numbers = x.clone().without_autodiff().try_into_vec_as::<f64>()?;
        let mut gradient = vec![0.0; numbers.len()];
        let value = (self.function.borrow_mut())(&numbers, &mut gradient);
        let tensor = |numbers: Vec<f64>| {
            let shape = [numbers.len()];
            Tensor::from_data(TensorData::new(numbers, shape), (&x.device().without_autodiff(), x.dtype()))
        };
        Ok((tensor(vec![value]), tensor(gradient)))
    }
}

/// Minimises a closure on slices of f64 from `start`, on the CPU in f64.
///
/// The closure `f(x, g)` returns the value at x and writes the gradient to g, which holds zeros before. Every solver that needs gradients
/// only can be used. [`Outcome::to_vec`] returns the minimiser as numbers.
///
/// The float type of the CPU device does not matter. As the first tensor of a program does, this function fixes it: call
/// `kiln_tensor::device::named_f64` earlier if the program needs it.
///
/// This is SciPy's `minimize(fun, x0, jac=True)`.
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range, `start` is empty, or this build has no CPU backend. Everything else is a
/// [`Status`](super::Status) of the outcome.
///
/// # Example
/// Rosenbrock's function has its minimum at (1, 1):
///
/// ```
/// use kiln_optim::solver::{Stop, lbfgs, minimize_fn};
///
/// let rosenbrock = |x: &[f64], g: &mut [f64]| {
///     let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
///     g[0] = -2.0 * a - 400.0 * x[0] * b;
///     g[1] = 200.0 * b;
///     a * a + 100.0 * b * b
/// };
/// let outcome = minimize_fn(rosenbrock, &[-1.2, 1.0], &lbfgs(), &Stop::default())?;
/// assert!(outcome.success, "{}", outcome.message);
/// assert!(outcome.to_vec().iter().all(|x| (x - 1.0).abs() < 1e-5));
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
pub fn minimize_fn<F, S>(f: F, start: &[f64], solver: &S, stop: &Stop) -> Result<Outcome, SolverError>
where
    F: FnMut(&[f64], &mut [f64]) -> f64,
    S: Solver<SliceObjective<F>>,
{
    let device = DeviceChoice::Cpu.resolve()?.device();
    let start = Tensor::from_data(TensorData::new(start.to_vec(), [start.len()]), (&device, DType::F64));
    minimize(&SliceObjective::new(f), start, solver, stop)
}
