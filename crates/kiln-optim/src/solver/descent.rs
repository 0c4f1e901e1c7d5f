//! Where to look.

mod bfgs;
mod lbfgs;
mod newton;
mod newton_cg;
mod nonlinear_cg;
mod steepest;

use burn::tensor::Tensor;

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

/// A choice of directions.
pub trait Descent<P: Objective> {
    /// What it remembers.
    type State: Remember;

    /// Refuses options that are out of range.
    ///
    /// # Errors
    /// [`SolverError::Option`].
    fn validate(&self) -> Result<(), SolverError> {
        Ok(())
    }

    /// What it knows at the start, or when it starts afresh.
    fn start(&self) -> Self::State;

    /// The direction from `at`.
    ///
    /// # Errors
    /// When the function cannot be evaluated.
    fn heading(
        &self,
        problem: &Counted<'_, P>,
        at: &Point,
        state: &mut Self::State,
    ) -> Result<Heading, EvaluationError>;

    /// Learns from a step that was accepted.
    fn moved(&self, state: &mut Self::State, heading: &Heading, from: &Point, to: &Trial);

    /// Whether there is nothing to forget.
    fn is_steepest(&self) -> bool {
        false
    }
}

/// A direction d.
#[derive(Clone, Debug)]
pub struct Heading {
    /// d, `[n]`.
    pub direction: Tensor<1>,
    /// ∇f·d.
    pub slope: f64,
    /// Which step along d to try first.
    pub first: First,
}

/// The first step along a direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum First {
    /// 1, as methods of Newton's kind scale their directions themselves.
    One,
    /// The step that lowers the value as much as the last one did if the line is a parabola, and a little more,
    /// 2·1.01·Δf/φ′(0), but at most 1 (Nocedal and Wright, Numerical Optimization, 2nd ed., (3.60)).
    LikeTheLast,
    /// This one.
    Given(f64),
}

impl Heading {
    /// −∇f.
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
            // At the start, a step of the length 1.01 along the gradient, as SciPy has it.
            First::LikeTheLast => {
                let gain = gain.filter(|gain| *gain > 0.0).unwrap_or(at.gradient_norm / 2.0);
                (1.01 * 2.0 * gain / -self.slope).min(1.0)
            }
        }
    }
}
