//! Optimisation for the Burn framework, in the textbook forms.
//!
//! - [`first_order`]: [`Sgd`], [`Momentum`] and [`Nesterov`] as Burn [`Optimizer`](burn::optim::Optimizer)s.
//! - [`schedule`]: the step size as a plain function of the step.
//!
//! Adam and AdamW are Burn's own, re-exported as [`adam`].

pub mod first_order;
pub mod schedule;

pub use first_order::{ConfigError, FirstOrder, Momentum, MomentumConfig, Nesterov, NesterovConfig, Sgd, StepError};
pub use schedule::{Schedule, ScheduleError};

pub mod adam;
