//! Choices of the direction.

mod bfgs;
mod lbfgs;
mod newton;
mod newton_cg;
mod nonlinear_cg;
mod stacked;
mod steepest;

use burn::tensor::Tensor;

pub(super) use self::bfgs::squares;
pub use self::{
    bfgs::Bfgs,
    lbfgs::{Lbfgs, Memory},
    newton::Newton,
    newton_cg::NewtonCg,
    nonlinear_cg::{CgFormula, NonlinearCg},
    steepest::Steepest,
};
use super::{
    EvaluationError, Objective, SolverError,
    line::Trial,
    problem::{Counted, Point},
    snapshot::Remember,
};

/// A choice of the search direction.
pub trait Descent<P: Objective> {
    /// What the method remembers from step to step.
    type State: Remember;

    /// Checks that the options are in their ranges.
    ///
    /// # Errors
    /// Returns [`SolverError::Option`].
    fn validate(&self) -> Result<(), SolverError> {
        Ok(())
    }

    /// Returns about how many bytes the method's matrices take for `n` variables of `number` bytes. Default: 0.
    fn memory(&self, _n: usize, _number: usize) -> u64 {
        0
    }

    /// Returns the state at the start and after a restart.
    fn start(&self) -> Self::State;

    /// Returns the direction from `at`.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    fn heading(
        &self,
        problem: &Counted<'_, P>,
        at: &Point,
        state: &mut Self::State,
    ) -> Result<Heading, EvaluationError>;

    /// Updates the state after an accepted step.
    fn moved(&self, state: &mut Self::State, heading: &Heading, from: &Point, to: &Trial);

    /// Returns whether the method uses the Hessian. Default: false.
    fn has_curvature(&self) -> bool {
        false
    }

    /// Returns whether the method is steepest descent, so that a restart is pointless.
    fn is_steepest(&self) -> bool {
        false
    }
}

/// A search direction d.
#[derive(Clone, Debug)]
pub struct Heading {
    /// The direction d, `[n]`.
    pub direction: Tensor<1>,
    /// The slope ∇f·d.
    pub slope: f64,
    /// The first step along d to try.
    pub first: First,
}

/// The first step along a direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum First {
    /// The step 1. Newton's and quasi-Newton methods scale their directions.
    One,
    /// The step 2·1.01·Δf/φ′(0), at most 1, with the decrease Δf of the last step. On a parabola it would decrease the value a
    /// little more than that step did (Nocedal and Wright, *Numerical Optimization*, 2006, eq. 3.60).
    LikeTheLast,
    /// A given step.
    Given(f64),
}

impl Heading {
    /// Returns the direction −∇f.
    pub fn steepest(at: &Point) -> Self {
        Self {
            direction: at.gradient.clone().neg(),
            slope: -at.gradient_norm * at.gradient_norm,
            first: First::LikeTheLast,
        }
    }

    pub(super) fn first_step(&self, at: &Point, gain: Option<f64>) -> f64 {
        match self.first {
            First::One => 1.0,
            First::Given(step) => step,
            // The first step of a run has length 1.01·‖∇f‖, as in SciPy.
            First::LikeTheLast => {
                let gain = gain.filter(|gain| *gain > 0.0).unwrap_or(at.gradient_norm / 2.0);
                (1.01 * 2.0 * gain / -self.slope).min(1.0)
            }
        }
    }
}
