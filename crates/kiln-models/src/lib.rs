//! Models: a configuration, a Burn [`Module`](burn::module::Module), and a forward pass that returns a distribution.
//!
//! - [`LogisticRegression`]: p(y = 1 | x), a Bernoulli.
//! - [`SoftmaxRegression`]: p(y = k | x), a Categorical.
//! - [`RegressionLoss`]: the loss of either over all data, with its derivatives, for solvers.
//! - [`GaussianMixture`]: by expectation and maximisation.
//! - [`SvmConfig`]: a support vector machine, by its dual.
//! - [`cavi`]: conjugate models by coordinate ascent; [`bayes`]: log-densities for black-box inference.
//! - [`Vae`]: p(x, z) with an amortised posterior q(z | x).
//!
//! What a loss is, and how it is minimised, is not decided here: see `kiln-train`.

pub mod bayes;
pub mod cavi;
mod mixture;
mod regression;
mod svm;
mod vae;

pub use mixture::{CovarianceType, Degenerate, GaussianMixture, GmmConfig, GmmError, GmmFit};
pub use regression::{
    Coefficient, Covariance, Inference, InferenceError, InferenceTable, LogisticRegression, RegressionDataError,
    RegressionLoss, Separation, SeparationMismatch, Sides, SoftmaxRegression, curvature_bound,
};
pub use svm::{Kernel, SupportVectorMachine, SvmConfig, SvmError, SvmFit};
pub use vae::{
    GreyLevels, HiddenActivation, LatentPosterior, Likelihood, PixelDistribution, Vae, VaeConfig, VaeConfigError,
};
