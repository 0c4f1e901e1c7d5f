//! Optimisation for the Burn framework: first-order optimisers, deterministic solvers, constraints, schedules.
//!
//! - [`first_order`]: [`Sgd`], [`Momentum`], [`Nesterov`], [`TorchSgd`], [`Adam`] and [`AdamW`] as Burn
//!   [`Optimizer`](burn::optim::Optimizer)s, with parameter groups, averages of the iterates and transforms of the gradient.
//! - [`schedule`]: the learning rate, momentum or batch size as a function of the step.
//! - [`plateau`]: a learning rate that falls when the loss stops improving.
//! - [`solver`]: deterministic minimisation by line searches, trust regions and projections, with Newton's method, BFGS, L-BFGS,
//!   conjugate gradients and gradient descent.
//! - [`derivative_free`]: minimisation without gradients, by the simplex of Nelder and Mead or by CMA-ES.
//! - [`finite_sum`]: minimisation of sums of many terms by SVRG, SAGA, and stochastic gradient descent with a line search.
//! - [`mod@least_squares`]: nonlinear least squares within bounds and with robust losses, and curves fitted to data.
//! - [`mod@root`]: roots of systems of equations, fixed points, and their derivatives by the parameters.
//! - [`constrained`]: minimisation under equalities, inequalities and bounds, with Lagrange multipliers and certificates.
//! - [`expression`]: expressions such as `a * exp(-b * x)` as functions of tensors.
//! - [`problems`]: the classic test problems for solvers.
//! - [`rate`]: rates of convergence, estimated from a curve of errors.

pub mod constrained;
pub mod derivative_free;
pub mod expression;
pub mod finite_sum;
pub mod first_order;
pub mod least_squares;
mod norms;
pub mod plateau;
pub mod problems;
pub mod rate;
pub mod root;
pub mod schedule;
pub mod solver;

pub use first_order::{
    Adam, AdamConfig, AdamW, AdamWConfig, Average, ConfigError, FirstOrder, Method, Momentum, MomentumConfig, Nesterov,
    NesterovConfig, Sgd, StepError, TorchSgd, TorchSgdConfig, WeightDecay,
};
pub use plateau::{PlateauConfig, ReduceOnPlateau};
pub use schedule::{Schedule, ScheduleError, ScheduleSpec, SpecError};
