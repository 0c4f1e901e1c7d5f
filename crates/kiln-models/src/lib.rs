//! Models for Kiln: each has settings, parameters, and a distribution as its output.
//!
//! - [`LogisticRegression`]: p(y = 1 | x), a Bernoulli distribution.
//! - [`SoftmaxRegression`]: p(y = k | x), a categorical distribution.
//! - [`RegressionLoss`]: the loss of either over all data, with derivatives, for solvers; [`Inference`]: standard errors and tests.
//! - [`glm`]: generalised linear models: linear, Poisson, negative binomial, gamma, ordinal regression and others.
//! - [`Vae`]: a variational autoencoder, p(x, z) with an amortised posterior q(z | x).
//! - [`GaussianMixture`]: fitted by expectation maximisation.
//! - [`SvmConfig`]: a support vector machine, fitted in the dual.
//! - [`cavi`]: conjugate models, fitted by coordinate ascent.
//! - [`bayes`]: models with log-densities for black-box inference.
//! - [`metrics`]: measures of predictions: confusion matrices, ROC and precision-recall curves, calibration, proper scores, errors, deviances.
//!
//! This crate contains no losses and no optimisers: see `kiln-train` and `kiln-optim`.
//!
//! # How models are built
//!
//! | pattern | meaning |
//! |---|---|
//! | `XConfig::new(…)` and setters | settings with defaults, checked when they are used |
//! | `XConfig::init(seed, device)` | builds a Burn [`Module`](burn::module::Module) with initial parameters |
//! | `XConfig::fit(data)` | fits to data and returns an `XFit` with the model and diagnostics |
//! | `X::new(parts)`, `X::from_parts(parts)` | builds a model from its parts; a `Result` if the parts can be inconsistent |

pub mod bayes;
mod blocks;
pub mod cavi;
pub mod glm;
pub mod metrics;
mod mixture;
mod regression;
mod svm;
mod vae;

pub use mixture::{CovarianceType, Degenerate, GaussianMixture, GmmConfig, GmmError, GmmFit, GmmState};
pub use regression::{
    Coefficient, Covariance, Dependence, Inference, InferenceError, InferenceTable, LogisticRegression,
    RegressionDataError, RegressionLoss, Separation, SeparationMismatch, Sides, SoftmaxRegression, curvature_bound,
    dependent_columns,
};
pub use svm::{Kernel, SupportVectorMachine, SvmConfig, SvmError, SvmFit, SvmProgress, SvmState};
pub use vae::{
    DiscretizedLogistic, GreyLevels, HiddenActivation, LatentPosterior, Likelihood, PixelDistribution, Prior, Vae,
    VaeConfig, VaeConfigError,
};
