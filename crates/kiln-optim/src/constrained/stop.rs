//! When a constrained minimisation ends.

use burn::tensor::DType;

use crate::solver::SolverError;

/// When to stop.
///
/// # Example
/// ```
/// use burn::tensor::DType;
/// use kiln_optim::constrained::ConstrainedStop;
///
/// let stop = ConstrainedStop { max_iter: 100, ..ConstrainedStop::default() };
/// assert_eq!(stop.tolerance(DType::F64), 1e-9);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConstrainedStop {
    /// The solver has converged if all four residuals are within this tolerance. Primal feasibility has the units of the
    /// constraints; the other residuals are divided by max(1, max |∇f|). Default 1e-9 in f64, 3e-4 in f32.
    pub tol: Option<f64>,
    /// Maximum number of iterations. For an augmented Lagrangian it is the total of its inner solver. Default 1000.
    pub max_iter: usize,
    /// Whether a converged point is tested for being a minimum, for up to 1000 unknowns in f64. Default: true.
    pub check_minimum: bool,
    /// The status is [`Unbounded`](crate::solver::Status::Unbounded) if the value at a feasible point is below this. Default −1e15.
    pub lower_bound: f64,
}

impl Default for ConstrainedStop {
    fn default() -> Self {
        Self { tol: None, max_iter: 1000, check_minimum: true, lower_bound: -1e15 }
    }
}

impl ConstrainedStop {
    pub(super) fn validate(&self) -> Result<(), SolverError> {
        match self.tol {
            Some(tol) if !(tol.is_finite() && tol >= 0.0) => {
                Err(SolverError::Option { name: "tol", expected: "a finite number, 0 or more", got: tol })
            }
            _ => Ok(()),
        }
    }

    /// Returns the tolerance for vectors of a float type.
    pub fn tolerance(&self, dtype: DType) -> f64 {
        self.tol.unwrap_or(if dtype == DType::F64 { 1e-9 } else { 3e-4 })
    }
}
