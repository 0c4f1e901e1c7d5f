//! Training: objectives, the minibatch trainer, checkpoints and observers.
//!
//! | module | content |
//! |---|---|
//! | [`objective`] | maximum likelihood (with an ℓ2 penalty: MAP), the ELBO and importance-weighted bounds, in nats per example |
//! | [`config`] | the settings of training |
//! | [`trainer`] | the minibatch loop, for any Burn module, objective and dataset |
//! | [`outcome`] | the result of training |
//! | [`checkpoint`] | everything that a run needs to continue, written atomically |
//! | [`observer`] | observers, which see a run and may stop it; [`MetricsLog`] writes `metrics.jsonl`, and [`TensorBoardLog`] what TensorBoard reads |
//! | [`early_stopping`] | the end of a run whose held-out loss no longer falls |
//! | [`evaluate`](mod@evaluate) | an objective averaged over a dataset |
//! | [`lr_find`](mod@lr_find) | the learning-rate range test |
//! | [`marginal`] | the likelihood of data under a model with a latent variable, by importance sampling |
//! | [`annealed`] | the same by annealed importance sampling |
//! | [`mle`] | families of distributions fitted to data |
//! | [`vi`] | black-box variational inference, and Laplace's approximation |
//!
//! Nothing here knows a model: an objective asks for one of the contracts in [`kiln_dist`].

pub mod annealed;
pub mod checkpoint;
pub mod config;
pub mod early_stopping;
pub mod error;
pub mod evaluate;
pub mod lr_find;
pub mod marginal;
pub mod metrics;
pub mod mle;
pub mod objective;
pub mod observer;
pub mod outcome;
pub mod trainer;
pub mod vi;

mod number;
mod place;
mod run;
mod setup;
mod weighting;

pub use annealed::{Annealed, AnnealedConfig, AnnealedStart, annealed_importance};
pub use checkpoint::{Checkpoint, CheckpointError, Checkpoints, Position};
pub use config::TrainConfig;
pub use early_stopping::EarlyStopping;
pub use error::{LrFindError, TrainError};
pub use evaluate::{FullGradient, evaluate, full_gradient};
pub use lr_find::{LrFindConfig, LrPoint, LrRange, lr_find};
pub use marginal::{Bound, ExampleBounds, Marginal, example_bounds, marginal_likelihood};
pub use metrics::Metrics;
pub use mle::{FitMle, MleError};
pub use objective::{Constrained, Elbo, ImportanceGradient, Iwae, LikelihoodOf, Loss, MaximumLikelihood, Objective};
pub use observer::{EpochReport, MetricsLog, Observer, StepReport, TensorBoardLog, Watched};
pub use outcome::{TrainOutcome, TrainStatus};
pub use trainer::{Loaded, Trainer};
