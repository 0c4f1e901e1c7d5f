//! The options of a fit.

use serde::{Deserialize, Serialize};

use super::Loss;
use crate::solver::SolverError;

/// How a step is taken.
///
/// # Example
/// ```
/// use kiln_optim::least_squares::{LeastSquares, Step};
///
/// let dogleg = LeastSquares { step: Step::Dogleg, ..LeastSquares::default() };
/// # let _ = dogleg;
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Levenberg–Marquardt: the minimum of the linear model within a trust region, as in MINPACK (Moré, 1978). The default.
    #[default]
    LevenbergMarquardt,
    /// Powell's dogleg: a path from the steepest descent to the Gauss–Newton step. Cheaper, and for problems of full rank.
    Dogleg,
}

/// The options of [`least_squares`](super::least_squares). A fit has converged if one of `ftol`, `xtol` and `gtol` holds.
///
/// # Example
/// ```
/// use kiln_optim::least_squares::{LeastSquares, Loss};
///
/// let robust = LeastSquares { loss: Loss::SoftL1, lower: Some(vec![0.0, 0.0]), ..LeastSquares::default() };
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LeastSquares {
    /// How a step is taken.
    pub step: Step,
    /// The loss of a squared residual.
    pub loss: Loss,
    /// The residual s beyond which a robust loss grows more slowly. Default 1.
    pub loss_scale: f64,
    /// Lower bounds `[n]`; −∞ where there is none. Default: none.
    pub lower: Option<Vec<f64>>,
    /// Upper bounds `[n]`; +∞ where there is none. Default: none.
    pub upper: Option<Vec<f64>>,
    /// The sizes of the unknowns `[n]`, in which the trust region is round. Default: the inverse norms of the Jacobian's columns.
    pub scale: Option<Vec<f64>>,
    /// The first radius of the trust region, as a multiple of the size of the start in its units, or of 1 if the start is 0. Default 10;
    /// MINPACK has 100.
    pub initial_radius: f64,
    /// The fit has converged if the model and a step both decrease the objective by at most this fraction. Default 0: only
    /// where rounding hides every decrease, and the angle of `gtol` no longer falls.
    pub ftol: f64,
    /// The fit has converged if the trust region is smaller than this fraction of x, both scaled. Default 1e-13.
    pub xtol: f64,
    /// The fit has converged if the cosine of the angle between the residuals and every column of the Jacobian is at most this. Default
    /// 1e-12.
    pub gtol: f64,
    /// Maximum number of evaluations of the residuals, without those for differences. Default 200·(n + 1).
    pub max_evaluations: Option<usize>,
}

impl LeastSquares {
    /// The default, for constants.
    pub const DEFAULT: Self = Self {
        step: Step::LevenbergMarquardt,
        loss: Loss::Linear,
        loss_scale: 1.0,
        lower: None,
        upper: None,
        scale: None,
        initial_radius: 10.0,
        ftol: 0.0,
        xtol: 1e-13,
        gtol: 1e-12,
        max_evaluations: None,
    };

    /// Checks the options for n unknowns, and returns the bounds.
    pub(super) fn bounds(&self, n: usize) -> Result<(Vec<f64>, Vec<f64>), SolverError> {
        for (name, value) in [("ftol", self.ftol), ("xtol", self.xtol), ("gtol", self.gtol)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(SolverError::Option { name, expected: "a finite number, 0 or more", got: value });
            }
        }
        for (name, value) in [("loss_scale", self.loss_scale), ("initial_radius", self.initial_radius)] {
            if !(value.is_finite() && value > 0.0) {
                return Err(SolverError::Option { name, expected: "a finite number above 0", got: value });
            }
        }
        let side = |name, given: &Option<Vec<f64>>, none: f64| match given {
            None => Ok(vec![none; n]),
            Some(side) if side.len() != n => Err(SolverError::Length { name, expected: n, got: side.len() }),
            Some(side) => Ok(side.clone()),
        };
        let (lower, upper) =
            (side("lower", &self.lower, f64::NEG_INFINITY)?, side("upper", &self.upper, f64::INFINITY)?);
        for (low, high) in lower.iter().zip(&upper) {
            if low.is_nan() || high.is_nan() || low > high {
                return Err(SolverError::Option { name: "lower", expected: "at most the upper bound", got: *low });
            }
        }
        for size in side("scale", &self.scale, 1.0)? {
            if !(size.is_finite() && size > 0.0) {
                return Err(SolverError::Option { name: "scale", expected: "finite numbers above 0", got: size });
            }
        }
        Ok((lower, upper))
    }
}

impl Default for LeastSquares {
    fn default() -> Self {
        Self::DEFAULT
    }
}
