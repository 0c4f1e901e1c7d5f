//! The choice of a method, and its result.

use kiln_tensor::linalg::Matrix;
use serde::{Deserialize, Serialize};

use super::{broyden::broyden, newton::newton};
use crate::{
    least_squares::{LeastSquares, Residuals, Step, least_squares},
    solver::{Evaluations, IntoVector, Iteration, Outcome, SolverError, Status, at_least_one},
};

/// How the equations are solved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootMethod {
    /// Powell's hybrid of Newton's step and the steepest descent of ‖F‖², in a trust region. The default.
    #[default]
    Hybrid,
    /// Newton's method, with shorter steps where ‖F‖ does not fall.
    Newton,
    /// Broyden's method: the Jacobian is computed once, and then learnt from the steps. It is computed again where a step fails.
    Broyden,
}

/// The options of [`root`].
///
/// # Example
/// ```
/// use kiln_optim::root::{RootFinder, RootMethod};
///
/// let finder = RootFinder { method: RootMethod::Broyden, tol: 1e-8, ..RootFinder::default() };
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RootFinder {
    /// The method.
    pub method: RootMethod,
    /// It is a root if every |Fᵢ| is at most this. Default 1e-10.
    pub tol: f64,
    /// Maximum number of iterations. Default 500.
    pub max_iter: usize,
}

impl Default for RootFinder {
    fn default() -> Self {
        Self { method: RootMethod::Hybrid, tol: 1e-10, max_iter: 500 }
    }
}

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

/// A singular value below this, relative to the largest one, is 0.
pub(super) const SINGULAR: f64 = 1e-13;

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
    if !(finder.tol.is_finite() && finder.tol >= 0.0) {
        return Err(SolverError::Option { name: "tol", expected: "a finite number, 0 or more", got: finder.tol });
    }
    let start = start.into_vector();
    let n = start.len();
    let residuals = problem.residuals(&start)?;
    if residuals.len() != n || n == 0 {
        return Err(SolverError::Length { name: "F(x)", expected: n, got: residuals.len() });
    }
    match finder.method {
        RootMethod::Hybrid => hybrid(problem, start, finder),
        RootMethod::Newton => newton(problem, Place::new(start, residuals), finder)?.root(problem, finder),
        RootMethod::Broyden => broyden(problem, Place::new(start, residuals), finder)?.root(problem, finder),
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

/// The largest absolute value; NaN if one is.
pub(super) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest: f64, value| if value.is_nan() { f64::NAN } else { largest.max(value.abs()) })
}

/// A point with F there.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) x: Vec<f64>,
    pub(super) residuals: Vec<f64>,
}

impl Place {
    pub(super) fn new(x: Vec<f64>, residuals: Vec<f64>) -> Self {
        Self { x, residuals }
    }

    pub(super) fn square(&self) -> f64 {
        self.residuals.iter().map(|f| f * f).sum()
    }

    /// Moves along d, with shorter steps until ‖F‖ falls. None if it does not.
    pub(super) fn along<P: Residuals + ?Sized>(
        &self,
        problem: &P,
        d: &[f64],
        counts: &mut Evaluations,
    ) -> Result<Option<Self>, SolverError> {
        let before = self.square();
        let mut t = 1.0;
        for _ in 0..SHORTER {
            let x: Vec<f64> = self.x.iter().zip(d).map(|(x, d)| x + t * d).collect();
            let next = Self { residuals: problem.residuals(&x)?, x };
            counts.values += 1;
            // It is false for NaN.
            if next.square() <= (1.0 - 1e-4 * t) * before {
                return Ok(Some(next));
            }
            t *= 0.5;
        }
        Ok(None)
    }
}

/// Maximum number of points along a step.
const SHORTER: usize = 40;

/// A run that has ended.
pub(super) struct Ended {
    pub(super) at: Place,
    pub(super) status: Status,
    pub(super) iterations: usize,
    pub(super) counts: Evaluations,
    pub(super) history: Vec<Iteration>,
}

impl Ended {
    fn root<P: Residuals + ?Sized>(mut self, problem: &P, finder: &RootFinder) -> Result<Root, SolverError> {
        let Place { x, residuals } = self.at;
        let jacobian = problem.jacobian(&x, &residuals)?;
        self.counts.gradients += 1;
        let gradient = jacobian.transpose_multiply(&residuals);
        let largest = largest(&residuals);
        let status = if largest <= finder.tol { Status::EquationsHold } else { self.status };
        let outcome = Outcome {
            x: problem.vector(&x)?,
            gradient: problem.vector(&gradient)?,
            value: 0.5 * residuals.iter().map(|f| f * f).sum::<f64>(),
            grad_norm: largest,
            status,
            success: status.is_success(),
            message: status.message().to_owned(),
            iterations: self.iterations,
            downhill: None,
            evaluations: self.counts,
            history: self.history,
        };
        Ok(Root { x, residuals, jacobian, outcome })
    }
}

/// The entry of the history for a point.
pub(super) fn entry(iteration: usize, at: &Place, step: f64, counts: Evaluations) -> Iteration {
    Iteration { iteration, value: 0.5 * at.square(), grad_norm: largest(&at.residuals), step, values: counts.values }
}
