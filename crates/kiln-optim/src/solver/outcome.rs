//! The result of a minimisation.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{minimum::Downhill, problem::Evaluations};

/// Why a solver stopped.
///
/// In JSON a status is its name in kebab case, such as `gradient-small`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// Converged: the largest absolute entry of the gradient is within `gtol`. With bounds it is the projected gradient, with an ℓ1
    /// penalty the subgradient of least norm.
    GradientSmall,
    /// Converged under constraints: all four residuals of the Karush-Kuhn-Tucker conditions are within `tol`.
    ResidualsSmall,
    /// Converged: every equation holds within `tol`.
    EquationsHold,
    /// Converged: the last step is shorter than `xtol` allows.
    StepSmall,
    /// Converged: the last step changed the value by less than `ftol` allows.
    ValueFlat,
    /// Converged, without gradients: the points of the search are within `xtol` of each other and their values within `ftol`, or one of both, as the
    /// method says.
    SpreadSmall,
    /// The maximum number of iterations or evaluations is reached.
    Budget,
    /// The line search, or the trust region, found no better point, although the gradient says that there is one: the gradient is wrong, or
    /// the function is not smooth.
    NoProgress,
    /// The line search, or the trust region, found no better point, because a step changes the value by less than its rounding error: the
    /// result is as accurate as the value allows. The gradient agrees with differences of values.
    AtRounding,
    /// Neither the value nor the gradient decreased for [`Stop::patience`](super::Stop::patience) iterations: the result is
    /// accurate to rounding error.
    Stalled,
    /// The value or the gradient at the start is not finite.
    NotFinite,
    /// The value is below `lower_bound`. Under constraints, the value also appears to fall without bound along a direction. The
    /// function appears to have no minimum.
    Unbounded,
    /// The gradient is within `gtol`, but the function falls along a direction of negative curvature: the point is a saddle or a
    /// maximum. [`Outcome::downhill`] has the direction.
    StationaryNotMinimum,
    /// The sum of squares of the equations is at a minimum, or a step that should make it smaller does not, and the equations do not hold.
    NotARoot,
    /// No point near here satisfies the constraints. The point violates them least, in the sum of squares.
    Infeasible,
    /// The callback stopped the run.
    Stopped,
}

impl Status {
    /// Returns whether the solver converged: the gradient, the residuals, the step or the change of the value is small.
    pub fn is_success(self) -> bool {
        matches!(
            self,
            Self::GradientSmall
                | Self::ResidualsSmall
                | Self::EquationsHold
                | Self::StepSmall
                | Self::ValueFlat
                | Self::SpreadSmall
        )
    }

    /// Returns a sentence for the user.
    pub fn message(self) -> &'static str {
        match self {
            Self::GradientSmall => "converged: every entry of the gradient is within gtol",
            Self::ResidualsSmall => "converged: all four residuals of the Karush-Kuhn-Tucker conditions are within tol",
            Self::EquationsHold => "converged: every equation holds within tol",
            Self::NotARoot => {
                "stopped at a point where the sum of squares falls no more, and the equations do not hold: try another start"
            }
            Self::StepSmall => "converged: the step is within xtol",
            Self::ValueFlat => "converged: the value changed by at most ftol",
            Self::SpreadSmall => {
                "converged: the points of the search, or their values, are within the tolerance of each other"
            }
            Self::Budget => "stopped: the maximum number of iterations or evaluations is reached",
            Self::NoProgress => {
                "stopped: no lower point was found, although the gradient is not within the tolerance: the gradient is wrong, or \
                 the function is not smooth"
            }
            Self::AtRounding => {
                "stopped: a step changes the value by less than its rounding error, so the result is as accurate as the value allows"
            }
            Self::Stalled => {
                "stopped: neither the value nor the gradient decreased for many iterations; the result is accurate to \
                 rounding error"
            }
            Self::NotFinite => "stopped: the value or the gradient at the start is not finite",
            Self::Unbounded => {
                "stopped: the value is below lower_bound, or appears to fall without bound along a direction, so there \
                 appears to be no minimum"
            }
            Self::Infeasible => {
                "stopped: no point near here satisfies the constraints, and this one violates them least; try another \
                 start, unless the constraints contradict one another"
            }
            Self::StationaryNotMinimum => {
                "stopped at a stationary point that is no minimum: the function falls along a direction of negative curvature; try \
                 another start, or a solver that leaves such points (newton, newton-cg, trust-ncg)"
            }
            Self::Stopped => "stopped by the callback",
        }
    }
}

/// One iteration, as in the history and the callback.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Iteration {
    /// The number of the iteration; 0 is the start.
    pub iteration: usize,
    /// The value f.
    #[serde(rename = "fun")]
    pub value: f64,
    /// The largest absolute entry of the gradient. With bounds it is the projected gradient, with an ℓ1 penalty the subgradient of
    /// least norm, and under constraints the largest residual.
    pub grad_norm: f64,
    /// The length ‖Δx‖₂ of the last step.
    pub step: f64,
    /// Number of function values computed so far.
    #[serde(rename = "nfev")]
    pub values: usize,
}

/// The result of [`minimize`](super::minimize). In JSON the fields have SciPy's names.
///
/// # Example
/// ```
/// use kiln_optim::solver::{Status, Stop, lbfgs, minimize_fn};
///
/// let square = |x: &[f64], g: &mut [f64]| {
///     g[0] = 2.0 * x[0];
///     x[0] * x[0]
/// };
/// let outcome = minimize_fn(square, &[3.0], &lbfgs(), &Stop::default())?;
/// assert_eq!(outcome.status, Status::GradientSmall);
/// println!("{} after {} iterations: x = {:?}", outcome.message, outcome.iterations, outcome.to_vec());
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The last point, `[n]`. It is the best one, up to rounding, for solvers whose values decrease.
    #[serde(skip)]
    pub x: Tensor<1>,
    /// The gradient ∇f at x, `[n]`.
    #[serde(skip)]
    pub gradient: Tensor<1>,
    /// The value f(x), including the penalty if there is one.
    #[serde(rename = "fun")]
    pub value: f64,
    /// The largest absolute entry of the gradient at x: see [`Iteration::grad_norm`].
    pub grad_norm: f64,
    /// Why the solver stopped.
    pub status: Status,
    /// Whether the solver converged: see [`Status::is_success`].
    pub success: bool,
    /// The status as a sentence.
    pub message: String,
    /// Number of iterations.
    #[serde(rename = "nit")]
    pub iterations: usize,
    /// The direction along which the point is no minimum, for [`Status::StationaryNotMinimum`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downhill: Option<Downhill>,
    /// Numbers of evaluations.
    #[serde(flatten)]
    pub evaluations: Evaluations,
    /// The start and every iteration.
    #[serde(skip)]
    pub history: Vec<Iteration>,
}

impl Outcome {
    /// Returns the point x as numbers.
    pub fn to_vec(&self) -> Vec<f64> {
        self.x.clone().try_into_vec_as().expect("floats convert to f64")
    }
}
