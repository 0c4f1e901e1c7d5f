//! What a minimisation ends with.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::problem::Evaluations;

/// Why a solver stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Status {
    /// No entry of the gradient is larger than `gtol`; within bounds, or with an l1 penalty, of what must become small in its place.
    GradientSmall,
    /// Under constraints: all four residuals of the conditions of Karush, Kuhn and Tucker are within `tol`.
    ResidualsSmall,
    /// The last step was shorter than `xtol` allows.
    StepSmall,
    /// The last step changed the value by less than `ftol` allows.
    ValueFlat,
    /// The iterations, or the evaluations, that were allowed are used up.
    Budget,
    /// No step along the direction lowers the value enough: the numbers' precision is reached, or the gradient is wrong.
    LineSearchFailed,
    /// For [`Stop::patience`](super::Stop::patience) steps neither the value nor the gradient has been smaller than before: the numbers'
    /// precision is reached.
    Stalled,
    /// The value or the gradient at the start is not finite.
    NotFinite,
    /// The value fell below `lower_bound`, or under constraints falls along a direction as far as can be seen: the function seems to have no
    /// minimum.
    Unbounded,
    /// The constraints cannot be met near here: the point violates them least, in the sum of squares.
    Infeasible,
    /// The callback said so.
    Stopped,
}

impl Status {
    /// Whether this is a minimum as far as first derivatives tell: the gradient, the residuals, the step or the change of the value are
    /// small.
    pub fn is_success(self) -> bool {
        matches!(self, Self::GradientSmall | Self::ResidualsSmall | Self::StepSmall | Self::ValueFlat)
    }

    /// A sentence.
    pub fn message(self) -> &'static str {
        match self {
            Self::GradientSmall => "converged: every entry of the gradient is within gtol",
            Self::ResidualsSmall => "converged: all four residuals of the Karush-Kuhn-Tucker conditions are within tol",
            Self::StepSmall => "converged: the step is within xtol",
            Self::ValueFlat => "converged: the value changes by no more than ftol",
            Self::Budget => "stopped: the iterations or evaluations allowed are used up",
            Self::LineSearchFailed => {
                "stopped: no step along the direction lowers the value; the precision of the numbers is reached, or the gradient is wrong"
            }
            Self::Stalled => {
                "stopped: for many steps neither the value nor the gradient has become smaller; the precision of the numbers is reached"
            }
            Self::NotFinite => "stopped: the value or the gradient is not finite at the start",
            Self::Unbounded => {
                "stopped: the value falls below lower_bound, or without end along a direction, so there seems to be no minimum"
            }
            Self::Infeasible => {
                "stopped: the constraints cannot be met near here, and this is the point that violates them least; \
                 another start may find one that meets them, unless they contradict one another"
            }
            Self::Stopped => "stopped by the callback",
        }
    }
}

/// One iteration, as the history and the callback have it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Iteration {
    /// 0 is the start.
    pub iteration: usize,
    /// f.
    #[serde(rename = "fun")]
    pub value: f64,
    /// What must become small: the largest absolute value in ∇f, within bounds in the projected gradient, with an l1 penalty in the
    /// least subgradient.
    pub grad_norm: f64,
    /// The length of the step that led here, ‖Δx‖₂.
    pub step: f64,
    /// Values computed so far.
    #[serde(rename = "nfev")]
    pub values: usize,
}

/// The result of [`minimize`](super::minimize).
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The last point, `[n]`: the best one, but for the rounding of its value, where the search sees to it that values fall.
    #[serde(skip)]
    pub x: Tensor<1>,
    /// ∇f there, `[n]`.
    #[serde(skip)]
    pub gradient: Tensor<1>,
    /// f there, with the penalty where there is one.
    #[serde(rename = "fun")]
    pub value: f64,
    /// [`Iteration::grad_norm`] there.
    pub grad_norm: f64,
    /// Why it stopped.
    pub status: Status,
    /// [`Status::is_success`].
    pub success: bool,
    /// The status as a sentence.
    pub message: String,
    /// Steps taken.
    #[serde(rename = "nit")]
    pub iterations: usize,
    /// Evaluations.
    #[serde(flatten)]
    pub evaluations: Evaluations,
    /// The start and every step.
    #[serde(skip)]
    pub history: Vec<Iteration>,
}
