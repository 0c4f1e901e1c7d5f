//! First-order stochastic methods, per parameter, as Burn [`Optimizer`](burn::optim::Optimizer)s.
//!
//! With the gradient g, the step size ε and the momentum α (Goodfellow, Bengio and Courville, *Deep Learning*, 2016,
//! algorithms 8.1–8.3; Sutskever, Martens, Dahl and Hinton, 2013):
//!
//! | method | gradient taken at | update |
//! |---|---|---|
//! | [`Sgd`] | θ | θ ← θ − εg |
//! | [`Momentum`] | θ | v ← αv − εg, θ ← θ + v |
//! | [`Nesterov`] | θ + αv | v ← αv − εg, θ ← θ + v |
//!
//! The step size is inside the velocity. PyTorch and Burn keep it outside (v ← αv + g, θ ← θ − εv): the two agree for a
//! constant ε only, since theirs rescales the whole velocity whenever ε changes.

mod momentum;
mod nesterov;
mod sgd;
mod stepper;

pub use momentum::{Momentum, MomentumConfig, Velocity};
pub use nesterov::{LookAhead, Nesterov, NesterovConfig};
pub use sgd::Sgd;
pub use stepper::{FirstOrder, StepError};

/// A hyperparameter outside its range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{name} must be {expected}, got {got}")]
pub struct ConfigError {
    /// The hyperparameter.
    pub name: &'static str,
    /// Its range, in words.
    pub expected: &'static str,
    /// The value that came.
    pub got: f64,
}

/// α in [0, 1): at 1 and above the velocity would never decay.
fn check_momentum(momentum: f64) -> Result<f64, ConfigError> {
    if (0.0..1.0).contains(&momentum) {
        Ok(momentum)
    } else {
        Err(ConfigError { name: "momentum", expected: "in [0, 1)", got: momentum })
    }
}
