//! When a minimisation ends.

use super::{
    SolverError,
    error::tolerance,
    minimum::CheckMinimum,
    outcome::Status,
    problem::{Evaluations, Point},
};

/// When to stop. By default the gradient alone decides, as in SciPy.
///
/// # Example
/// ```
/// use kiln_optim::solver::Stop;
///
/// let stop = Stop { gtol: 1e-8, max_iter: 200, ..Stop::default() };
/// assert_eq!(stop.ftol, 0.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stop {
    /// The solver has converged if the largest absolute entry of the gradient is at most `gtol`. Default 1e-5, which f32 reaches
    /// for values of size 1; in f64, 1e-8 is within reach for well-scaled problems.
    pub gtol: f64,
    /// The solver has converged if a step changes the value by at most `ftol`·max(|f|, |f before|, 1). Default 0: never.
    pub ftol: f64,
    /// The solver has converged if a step is no longer than `xtol`·(`xtol` + ‖x‖₂). Default 0: never.
    pub xtol: f64,
    /// Maximum number of iterations. Default 1000.
    pub max_iter: usize,
    /// Maximum number of function values. Default: no limit.
    pub max_evaluations: usize,
    /// Maximum number of iterations without a new minimum of the value or the gradient. Default 50.
    pub patience: usize,
    /// Whether a converged point is tested for being a minimum. Default: by solvers with curvature, where it costs little.
    pub check_minimum: CheckMinimum,
    /// The solver stops as [`Unbounded`](super::Status::Unbounded) if the value is below this. Default −1e30, which f32 can hold.
    pub lower_bound: f64,
}

impl Default for Stop {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Stop {
    /// The default, for constants.
    pub const DEFAULT: Self = Self {
        gtol: 1e-5,
        ftol: 0.0,
        xtol: 0.0,
        max_iter: 1000,
        max_evaluations: usize::MAX,
        patience: 50,
        check_minimum: CheckMinimum::Auto,
        lower_bound: -1e30,
    };

    pub(crate) fn validate(&self) -> Result<(), SolverError> {
        tolerance("gtol", self.gtol)?;
        tolerance("ftol", self.ftol)?;
        tolerance("xtol", self.xtol)
    }

    /// The convergence test, from the point before, `step` away, and the point that is reached:
    /// max|∇f| ≤ gtol (or what a solver has in its place, [`Solver::stationarity`](super::Solver::stationarity)), or |f before − f| ≤ ftol·max(|f|, |f before|, 1), or ‖Δx‖ ≤ xtol·(xtol + ‖x‖).
    pub(super) fn converged(
        &self,
        before: &Point,
        at: &Point,
        stationarity: f64,
        step: f64,
        length: f64,
    ) -> Option<Status> {
        if stationarity <= self.gtol {
            return Some(Status::GradientSmall);
        }
        let change = (before.value - at.value).abs();
        if self.ftol > 0.0 && change <= self.ftol * at.value.abs().max(before.value.abs()).max(1.0) {
            return Some(Status::ValueFlat);
        }
        (self.xtol > 0.0 && step <= self.xtol * (self.xtol + length)).then_some(Status::StepSmall)
    }

    /// What ends a minimisation that has not converged, `since` steps after its last best.
    pub(super) fn exhausted(&self, at: &Point, iterations: usize, since: usize, counts: Evaluations) -> Option<Status> {
        if at.value < self.lower_bound {
            return Some(Status::Unbounded);
        }
        if since > self.patience {
            return Some(Status::Stalled);
        }
        (iterations >= self.max_iter || counts.values >= self.max_evaluations).then_some(Status::Budget)
    }
}
