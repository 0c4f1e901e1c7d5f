//! Training: what is minimised, the loop that minimises it, and what it leaves behind.
//!
//! - [`objective`]: maximum likelihood (with an ℓ2 penalty: MAP), the ELBO and bounds by importance weights, in nats an example.
//! - [`config`]: how long, and in what steps.
//! - [`trainer`]: the minibatch loop, over any Burn module, any objective, any dataset.
//! - [`lr_find()`](lr_find::lr_find): the learning-rate range test.
//! - [`checkpoint`]: everything that a run needs to go on, written atomically.
//! - [`observer`]: what watches a run; [`MetricsLog`] writes `metrics.jsonl`.
//! - [`vi`]: black-box variational inference, and Laplace's approximation.
//! - [`marginal`]: how likely data are under a model with a latent variable, by importance sampling.
//! - [`mle`]: families of distributions fitted to data.
//! - [`evaluate()`](evaluate::evaluate): an objective averaged over a dataset.
//!
//! Nothing here knows a model: an objective asks for one of the contracts in [`kiln_dist`].

pub mod checkpoint;
pub mod config;
pub mod error;
pub mod evaluate;
pub mod lr_find;
pub mod marginal;
pub mod metrics;
pub mod mle;
pub mod objective;
pub mod observer;
pub mod trainer;
pub mod vi;

mod run;
mod weighting;

pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints};
pub use config::TrainConfig;
pub use error::TrainError;
pub use evaluate::{evaluate, full_gradient};
pub use lr_find::{LrFindConfig, LrFindError, LrPoint, LrRange, lr_find};
pub use marginal::{Bound, Marginal, marginal_likelihood};
pub use metrics::Metrics;
pub use mle::{FitMle, MleError};
pub use objective::{Constrained, Elbo, ImportanceGradient, Iwae, Loss, MaximumLikelihood, Objective};
pub use observer::{EpochReport, MetricsLog, Observer, StepReport};
pub use trainer::{Loaded, Outcome, Status, Trainer};
