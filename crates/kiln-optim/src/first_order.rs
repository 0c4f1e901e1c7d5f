//! First-order stochastic methods, per parameter, as Burn [`Optimizer`](burn::optim::Optimizer)s.
//!
//! With the gradient g, the learning rate ε and the momentum α:
//!
//! | method | gradient taken at | update |
//! |---|---|---|
//! | [`Sgd`] | θ | θ ← θ − εg |
//! | [`Momentum`] | θ | v ← αv − εg, θ ← θ + v |
//! | [`Nesterov`] | θ + αv | v ← αv − εg, θ ← θ + v |
//! | [`TorchSgd`] | its parameter | u ← μu + (1 − d)g, θ ← θ − εu, or θ ← θ − ε(g + μu) |
//! | [`Adam`], [`AdamW`] | θ | m, v: running means of g and g², θ ← θ − ε·m̂/(√v̂ + δ) |
//!
//! In the classical forms the velocity includes the learning rate. PyTorch and Burn keep the learning rate outside of the velocity.
//! The two agree for a constant learning rate only, because PyTorch's form rescales the whole velocity when the learning rate
//! changes.
//!
//! [`FirstOrder`] is the optimiser of a whole module. It has parameter groups, transforms the gradient (clipping, accumulation,
//! skipping), takes the steps, and returns the module at the iterate or at an [`Average`] of the iterates.
//!
//! # References
//! Goodfellow, Bengio and Courville, *Deep Learning* (2016), algorithms 8.1–8.3. Sutskever, Martens, Dahl and Hinton (2013).

mod adam;
mod adjusted;
mod average;
mod averaged;
mod coefficient;
mod error;
mod method;
mod momentum;
mod nesterov;
mod optimizer;
mod place;
mod sgd;
mod state;
mod torch_sgd;
mod transform;
mod wide;

pub use adam::{Adam, AdamConfig, AdamW, AdamWConfig, Moments};
pub use average::Average;
pub use averaged::AveragedState;
pub(crate) use error::require;
pub use error::{ConfigError, StepError};
pub use method::{Adjusted, Averaged, Method};
pub use momentum::{Momentum, MomentumConfig, Velocity};
pub use nesterov::{LookAhead, Nesterov, NesterovConfig};
pub use optimizer::FirstOrder;
pub use sgd::Sgd;
pub use torch_sgd::{TorchSgd, TorchSgdConfig, WeightDecay};
