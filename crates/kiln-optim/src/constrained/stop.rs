//! When a constrained minimisation ends.

use burn::tensor::DType;

use crate::solver::SolverError;

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// Converged when all four residuals are within it: primal feasibility in the constraints' own units, the others divided by
    /// max(1, max |∇f|). Default: 1e-9 in f64, 3e-4 in f32.
    pub tol: Option<f64>,
    /// Iterations allowed; of an augmented Lagrangian, of its inner solver, all together. Default: 1000.
    pub max_iter: usize,
    /// A value below this at a point that is feasible says that there is no minimum. Default −1e15.
    pub lower_bound: f64,
}

impl Default for Stop {
    fn default() -> Self {
        Self { tol: None, max_iter: 1000, lower_bound: -1e15 }
    }
}

impl Stop {
    pub(super) fn validate(&self) -> Result<(), SolverError> {
        match self.tol {
            Some(tol) if !(tol.is_finite() && tol >= 0.0) => {
                Err(SolverError::Option { name: "tol", expected: "a finite number, 0 or more", got: tol })
            }
            _ => Ok(()),
        }
    }

    /// The tolerance for vectors of a type.
    pub fn tolerance(&self, dtype: DType) -> f64 {
        self.tol.unwrap_or(if dtype == DType::F64 { 1e-9 } else { 3e-4 })
    }
}
