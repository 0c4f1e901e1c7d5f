//! Residuals as functions of the unknowns.

use std::cell::RefCell;

use burn::{
    module::Module,
    tensor::{DType, Tensor, TensorData},
};
use kiln_tensor::{
    DeviceChoice,
    derivative::{EvaluationError, Function, Inputs},
    linalg::Matrix,
};

/// Residuals r of unknowns x, with their Jacobian.
///
/// # Example
/// ```
/// use kiln_optim::least_squares::Residuals;
/// use kiln_tensor::{derivative::EvaluationError, linalg::Matrix};
///
/// /// x² − 2.
/// struct Root;
///
/// impl Residuals for Root {
///     fn residuals(&self, x: &[f64]) -> Result<Vec<f64>, EvaluationError> {
///         Ok(vec![x[0] * x[0] - 2.0])
///     }
///
///     fn jacobian(&self, x: &[f64], _residuals: &[f64]) -> Result<Matrix, EvaluationError> {
///         Ok(Matrix::from_fn(1, 1, |_, _| 2.0 * x[0]))
///     }
/// }
/// assert_eq!(Root.residuals(&[2.0])?, [2.0]);
/// # Ok::<(), EvaluationError>(())
/// ```
pub trait Residuals {
    /// Computes r(x) `[m]`. Values that are not finite are no error: a shorter step is taken.
    ///
    /// # Errors
    /// Returns an error if the residuals cannot be evaluated.
    fn residuals(&self, x: &[f64]) -> Result<Vec<f64>, EvaluationError>;

    /// Computes J(x) `[m, n]`, at an x whose residuals are known.
    ///
    /// # Errors
    /// Returns an error if the Jacobian cannot be computed.
    fn jacobian(&self, x: &[f64], residuals: &[f64]) -> Result<Matrix, EvaluationError>;

    /// Returns x as a tensor, for the outcome. Its float type is that of the residuals. Default: on the CPU in `f64`.
    ///
    /// # Errors
    /// Returns an error if this build has no CPU backend.
    fn vector(&self, x: &[f64]) -> Result<Tensor<1>, EvaluationError> {
        let device = DeviceChoice::Cpu.resolve()?.device();
        Ok(Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), (&device, DType::F64)))
    }
}

/// The value of a function of tensors. Its Jacobian is computed by columns or by rows, whichever are fewer.
impl<M: Module, I: Inputs> Residuals for Function<'_, M, I, 1> {
    fn residuals(&self, x: &[f64]) -> Result<Vec<f64>, EvaluationError> {
        let value = self.value(&Residuals::vector(self, x)?)?.without_autodiff();
        Ok(value.cast(DType::F64).into_data().try_into_vec_as()?)
    }

    fn jacobian(&self, x: &[f64], _residuals: &[f64]) -> Result<Matrix, EvaluationError> {
        Ok(Matrix::from_tensor(Function::jacobian(self, &Residuals::vector(self, x)?)?))
    }

    fn vector(&self, x: &[f64]) -> Result<Tensor<1>, EvaluationError> {
        let like = self.parameters();
        Ok(Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), (&like.device(), like.dtype())))
    }
}

/// Residuals that are closures on slices of `f64`.
///
/// The Jacobian is that of [`with_jacobian`](Self::with_jacobian), or computed by differences with a relative step of √ε.
///
/// # Example
/// ```
/// use kiln_optim::least_squares::{Residuals, SliceResiduals};
///
/// let circle = SliceResiduals::new(1, |x: &[f64], r: &mut [f64]| r[0] = x[0] * x[0] + x[1] * x[1] - 1.0);
/// assert_eq!(circle.residuals(&[1.0, 2.0])?, [4.0]);
/// # Ok::<(), kiln_tensor::derivative::EvaluationError>(())
/// ```
pub struct SliceResiduals<R, J = NoJacobian> {
    count: usize,
    residuals: RefCell<R>,
    jacobian: Option<RefCell<J>>,
}

/// The type of a Jacobian that is not given.
pub type NoJacobian = fn(&[f64], &mut [f64]);

impl<R: FnMut(&[f64], &mut [f64])> SliceResiduals<R> {
    /// Wraps `f(x, r)`, which writes `count` residuals at x into r.
    pub fn new(count: usize, residuals: R) -> Self {
        Self { count, residuals: RefCell::new(residuals), jacobian: None }
    }

    /// Adds `f(x, j)`, which writes the Jacobian `[m, n]` at x row by row into j, which holds zeros before.
    pub fn with_jacobian<J: FnMut(&[f64], &mut [f64])>(self, jacobian: J) -> SliceResiduals<R, J> {
        SliceResiduals { count: self.count, residuals: self.residuals, jacobian: Some(RefCell::new(jacobian)) }
    }
}

impl<R: FnMut(&[f64], &mut [f64]), J: FnMut(&[f64], &mut [f64])> Residuals for SliceResiduals<R, J> {
    fn residuals(&self, x: &[f64]) -> Result<Vec<f64>, EvaluationError> {
        let mut residuals = vec![0.0; self.count];
        (self.residuals.borrow_mut())(x, &mut residuals);
        Ok(residuals)
    }

    fn jacobian(&self, x: &[f64], residuals: &[f64]) -> Result<Matrix, EvaluationError> {
        let n = x.len();
        let Some(jacobian) = &self.jacobian else { return differences(self, x, residuals) };
        let mut entries = vec![0.0; self.count * n];
        (jacobian.borrow_mut())(x, &mut entries);
        Ok(Matrix::from_fn(self.count, n, |i, j| entries[i * n + j]))
    }
}

/// The Jacobian by forward differences; backward where forward is not finite.
fn differences(problem: &impl Residuals, x: &[f64], residuals: &[f64]) -> Result<Matrix, EvaluationError> {
    let mut columns = Vec::with_capacity(x.len());
    let mut moved = x.to_vec();
    for j in 0..x.len() {
        let size = if x[j] == 0.0 { 1.0 } else { x[j].abs() };
        let mut column = Vec::new();
        for sign in [1.0, -1.0] {
            moved[j] = x[j] + sign * f64::EPSILON.sqrt() * size;
            // The step as it is after rounding.
            let step = moved[j] - x[j];
            let there = problem.residuals(&moved)?;
            column = there.iter().zip(residuals).map(|(there, here)| (there - here) / step).collect();
            if column.iter().all(|slope: &f64| slope.is_finite()) {
                break;
            }
        }
        moved[j] = x[j];
        columns.push(column);
    }
    Ok(Matrix::from_fn(residuals.len(), x.len(), |i, j| columns[j][i]))
}
