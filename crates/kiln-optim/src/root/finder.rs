//! The search for a root, and its result.

use super::{
    newton::newton,
    options::{RootFinder, RootMethod},
    place::{Ended, Place, SINGULAR, largest},
};
use crate::{
    least_squares::{LeastSquares, Residuals, Step, least_squares},
    solver::{IntoVector, Outcome, SolverError, Status, at_least_one, tolerance},
};
use kiln_tensor::linalg::Matrix;

/// The result of [`root`].
#[derive(Clone, Debug)]
pub struct Root {
    /// The root x `[n]`.
    pub x: Vec<f64>,
    /// F(x) `[n]`.
    pub residuals: Vec<f64>,
    /// The Jacobian of F at x `[n, n]`.
    pub jacobian: Matrix,
    /// The point, ½·‖F‖², its gradient, and why the run ended. `grad_norm` is the largest |Fᵢ|.
    pub outcome: Outcome,
}

impl Root {
    /// Returns ∂x/∂p `[n, k]` from ∂F/∂p `[n, k]`, by the implicit function theorem: −(∂F/∂x)⁻¹·∂F/∂p. None if ∂F/∂x is singular.
    ///
    /// # Panics
    /// If the matrix has another number of rows.
    ///
    /// # Example
    /// ```
    /// use kiln_optim::{least_squares::SliceResiduals, root::{RootFinder, root}};
    /// use kiln_tensor::linalg::Matrix;
    ///
    /// // x² = p at p = 2: dx/dp = 1/(2x).
    /// let equation = SliceResiduals::new(1, |x: &[f64], f: &mut [f64]| f[0] = x[0] * x[0] - 2.0);
    /// let found = root(&equation, [1.0], &RootFinder::default())?;
    /// let slope = found.sensitivity(&Matrix::from_fn(1, 1, |_, _| -1.0)).expect("a root of an equation with a slope");
    /// assert!((slope.at(0, 0) - 0.5 / 2f64.sqrt()).abs() < 1e-7);
    /// # Ok::<(), kiln_optim::solver::SolverError>(())
    /// ```
    pub fn sensitivity(&self, parameters: &Matrix) -> Option<Matrix> {
        let n = self.x.len();
        assert_eq!(parameters.rows(), n, "a row of ∂F/∂p per equation");
        let svd = self.jacobian.svd()?;
        if svd.rank(SINGULAR) < n {
            return None;
        }
        let columns: Vec<Vec<f64>> =
            (0..parameters.columns()).map(|k| svd.solve(&parameters.column(k), SINGULAR)).collect();
        Some(Matrix::from_fn(n, parameters.columns(), |i, k| -columns[k][i]))
    }
}

/// Solves F(x) = 0 from `start`.
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range, there are more or fewer equations than unknowns, or the equations cannot be
/// evaluated. Everything else is a [`Status`] of the outcome: without success, x is the best point that was found.
///
/// # Example
/// See the [module](super).
///
/// # References
/// Powell, "A hybrid method for nonlinear equations" (1970). Broyden, "A class of methods for solving nonlinear simultaneous equations" (1965).
pub fn root<P: Residuals + ?Sized>(
    problem: &P,
    start: impl IntoVector,
    finder: &RootFinder,
) -> Result<Root, SolverError> {
    at_least_one("max_iter", finder.max_iter)?;
    tolerance("tol", finder.tol)?;
    let start = start.into_vector();
    let n = start.len();
    let residuals = problem.residuals(&start)?;
    if residuals.len() != n || n == 0 {
        return Err(SolverError::Length { name: "F(x)", expected: n, got: residuals.len() });
    }
    match finder.method {
        RootMethod::Hybrid => hybrid(problem, start, finder),
        RootMethod::Newton => {
            at_the_end(newton(problem, Place::new(start, residuals), finder, false)?, problem, finder)
        }
        RootMethod::Broyden => {
            at_the_end(newton(problem, Place::new(start, residuals), finder, true)?, problem, finder)
        }
    }
}

fn hybrid<P: Residuals + ?Sized>(problem: &P, start: Vec<f64>, finder: &RootFinder) -> Result<Root, SolverError> {
    let options =
        LeastSquares { step: Step::Dogleg, max_evaluations: Some(finder.max_iter + 1), ..LeastSquares::DEFAULT };
    let fit = least_squares(problem, start, &options)?;
    let largest = largest(&fit.residuals);
    let status = match fit.outcome.status {
        _ if largest <= finder.tol => Status::EquationsHold,
        status if status.is_success() => Status::NotARoot,
        status => status,
    };
    let outcome = Outcome {
        status,
        success: status.is_success(),
        message: status.message().to_owned(),
        grad_norm: largest,
        ..fit.outcome
    };
    Ok(Root { x: fit.x, residuals: fit.residuals, jacobian: fit.jacobian, outcome })
}

/// Computes the Jacobian at the end of a run.
fn at_the_end<P: Residuals + ?Sized>(mut ended: Ended, problem: &P, finder: &RootFinder) -> Result<Root, SolverError> {
    let Place { x, residuals } = ended.at;
    let jacobian = problem.jacobian(&x, &residuals)?;
    ended.counts.gradients += 1;
    let gradient = jacobian.transpose_multiply(&residuals);
    let largest = largest(&residuals);
    let status = if largest <= finder.tol { Status::EquationsHold } else { ended.status };
    let outcome = Outcome {
        x: problem.vector(&x)?,
        gradient: problem.vector(&gradient)?,
        value: 0.5 * residuals.iter().map(|f| f * f).sum::<f64>(),
        grad_norm: largest,
        status,
        success: status.is_success(),
        message: status.message().to_owned(),
        iterations: ended.iterations,
        downhill: None,
        evaluations: ended.counts,
        history: ended.history,
    };
    Ok(Root { x, residuals, jacobian, outcome })
}
