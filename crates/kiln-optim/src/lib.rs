//! Optimisation for the Burn framework, in the textbook forms.
//!
//! - [`first_order`]: [`Sgd`], [`Momentum`], [`Nesterov`], [`TorchSgd`], [`Adam`] and [`AdamW`] as
//!   Burn [`Optimizer`](burn::optim::Optimizer)s, averages of their iterates, transforms of the whole gradient.
//! - [`schedule`]: step size, momentum or batch size as a plain function of the step.
//! - [`plateau`]: the step size as a loss decides.
//! - [`solver`]: deterministic minimisation: searches, descents and curvatures, one loop.
//! - [`constrained`]: minimisation under equalities, inequalities and bounds; multipliers and certificates.
//! - [`problems`]: the classic functions that solvers are tried on.
//! - [`rate`]: rates of convergence, measured from a curve of errors.

pub mod constrained;
pub mod first_order;
pub mod plateau;
pub mod problems;
pub mod rate;
pub mod schedule;
pub mod solver;

pub use first_order::{
    Adam, AdamConfig, AdamW, AdamWConfig, Average, ConfigError, FirstOrder, Method, Momentum, MomentumConfig, Nesterov,
    NesterovConfig, Sgd, StepError, TorchSgd, TorchSgdConfig, WeightDecay,
};
pub use plateau::{PlateauConfig, ReduceOnPlateau};
pub use schedule::{Schedule, ScheduleError, ScheduleSpec, SpecError};
