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
//! | [`TorchSgd`] | its parameter | u ← μu + (1 − d)g, θ ← θ − εu, or θ ← θ − ε(g + μu) |
//! | [`Adam`], [`AdamW`] | θ | m, v: running means of g and g², θ ← θ − ε·m̂/(√v̂ + δ) |
//!
//! In the classical forms the step size is inside the velocity. PyTorch and Burn keep it outside: the two agree for a
//! constant ε only, since theirs rescales the whole velocity whenever ε changes.
//!
//! [`FirstOrder`] is the optimiser of a whole module: it transforms the gradient (clipping, accumulation, skipping), steps,
//! and leads to the iterate or to the average of the iterates ([`Average`]).

mod adam;
mod averaged;
mod coefficient;
mod method;
mod momentum;
mod nesterov;
mod optimizer;
mod sgd;
mod state;
mod torch_sgd;
mod transform;

pub use adam::{Adam, AdamConfig, AdamW, AdamWConfig, Moments};
pub use averaged::{Average, Averaged, AveragedState};
pub use method::Method;
pub use momentum::{Momentum, MomentumConfig, Velocity};
pub use nesterov::{LookAhead, Nesterov, NesterovConfig};
pub use optimizer::{FirstOrder, StepError};
pub use sgd::Sgd;
pub use torch_sgd::{TorchSgd, TorchSgdConfig, WeightDecay};

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

pub(crate) fn require(holds: bool, name: &'static str, expected: &'static str, got: f64) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { name, expected, got }) }
}

/// α in [0, 1): at 1 and above the velocity would never decay.
fn check_momentum(momentum: f64) -> Result<(), ConfigError> {
    require((0.0..1.0).contains(&momentum), "momentum", "in [0, 1)", momentum)
}
