//! What a solver is.

use burn::tensor::Tensor;

use super::{
    EvaluationError, Objective, SolverError,
    minimum::Cone,
    problem::{Counted, Point},
    snapshot::Remember,
};

/// A method that steps from a point to a better one.
pub trait Solver<P: Objective> {
    /// What the solver remembers from step to step.
    type State: Remember;

    /// Checks that the options are in their ranges, and suit vectors of `n` numbers.
    ///
    /// # Errors
    /// Returns [`SolverError::Option`] or [`SolverError::Length`].
    fn validate(&self, n: usize) -> Result<(), SolverError>;

    /// Returns about how many bytes the solver's matrices take for `n` variables of `number` bytes. Vectors do not count. Default: 0.
    fn memory(&self, _n: usize, _number: usize) -> u64 {
        0
    }

    /// Returns the start and the initial state. With bounds, the start is projected.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    fn start(&self, problem: &Counted<'_, P>, x: Tensor<1>) -> Result<(Point, Self::State), EvaluationError>;

    /// Returns the optimality measure that is compared with `gtol`: the largest absolute entry of ∇f, of the projected gradient
    /// with bounds, or of the subgradient of least norm with an ℓ1 penalty.
    fn stationarity(&self, at: &Point) -> f64 {
        at.gradient_max
    }

    /// Returns whether the solver uses the Hessian, and so leaves a stationary point that is no minimum. Default: false.
    fn has_curvature(&self) -> bool {
        false
    }

    /// Returns the directions in which `at`, a stationary point up to `gtol`, may be left without a slope. None if that is not known,
    /// so that the point cannot be tested. Default: all directions.
    fn cone(&self, _at: &Point, _gtol: f64) -> Option<Cone> {
        Some(Cone::default())
    }

    /// Returns the nearest point within the bounds, if there are any. Default: x.
    fn within(&self, x: Tensor<1>) -> Tensor<1> {
        x
    }

    /// Returns the penalty that the solver adds to the function. Default: 0.
    fn penalty(&self, _x: &Tensor<1>) -> f64 {
        0.0
    }

    /// Takes one step from `at`.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    fn step(&self, problem: &Counted<'_, P>, at: &Point, state: &mut Self::State) -> Result<Move, EvaluationError>;
}

/// The result of one step.
#[derive(Clone, Debug)]
pub enum Move {
    /// A new point is accepted.
    To(Box<Point>),
    /// The step is rejected. The solver tries a smaller region next.
    Refused,
    /// No better point can be found.
    Stuck,
}
