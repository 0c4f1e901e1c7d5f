//! Maximum likelihood, variational inference and optimisation on the [Burn](https://burn.dev) framework.
//!
//! This crate is the facade: it re-exports the parts, and [`prelude`] brings in what most programs need.
//!
//! ```toml
//! [dependencies]
//! kiln = { package = "kiln-ml", version = "0.2" }
//! ```
//!
//! ```
//! use kiln::prelude::*;
//!
//! let device = kiln::tensor::device::auto()?;
//! let digits = kiln::data::digits();
//! let model = VaeConfig::new(64).hidden_dim(32).latent_dim(2).init(0, &device.autodiff())?;
//! let config = TrainConfig { epochs: 1, ..TrainConfig::default() };
//! let outcome = Trainer::new(config, AdamConfig::new().init()?).fit(model, &Elbo::new(), &digits, None)?;
//! assert!(outcome.train.loss < 45.0, "a model that knows nothing has a loss of 64 ln 2 = 44.4 nats");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to find what
//!
//! **Models.** [`LogisticConfig`](models::LogisticConfig) fits from slices;
//! [`LogisticRegression`](models::LogisticRegression), [`SoftmaxRegression`](models::SoftmaxRegression) and
//! [`Vae`](models::Vae) ([`VaeConfig`](models::VaeConfig)) are Burn modules; [`RegressionLoss`](models::RegressionLoss) is the
//! loss over all rows. [`GmmConfig`](models::GmmConfig), [`GaussianMixture`](models::GaussianMixture),
//! [`SvmConfig`](models::SvmConfig), [`Kernel`](models::Kernel), [`SupportVectorMachine`](models::SupportVectorMachine).
//! Conjugate models: [`NormalGamma`](models::cavi::NormalGamma),
//! [`BayesianLinearRegression`](models::cavi::BayesianLinearRegression), [`BayesianMixture`](models::cavi::BayesianMixture),
//! [`TopicModel`](models::cavi::TopicModel). Log-densities: [`BayesianLogistic`](models::bayes::BayesianLogistic),
//! [`EightSchools`](models::bayes::EightSchools).
//!
//! **Training.** [`Trainer`](train::Trainer), [`TrainConfig`](train::TrainConfig),
//! [`EarlyStopping`](train::EarlyStopping), [`Checkpoints`](train::Checkpoints), [`MetricsLog`](train::MetricsLog),
//! [`Observer`](train::Observer), [`LrFindConfig`](train::LrFindConfig). Objectives:
//! [`MaximumLikelihood`](train::MaximumLikelihood), [`LikelihoodOf`](train::LikelihoodOf), [`Elbo`](train::Elbo),
//! [`Iwae`](train::Iwae), [`Constrained`](train::Constrained).
//!
//! **Inference.** [`FitMle`](train::FitMle) fits a distribution. [`LogJointOf`](dist::LogJointOf) makes a model of a closure;
//! [`Svi`](train::vi::Svi), [`SampleAverage`](train::vi::SampleAverage), [`laplace`](train::vi::laplace) and the guides
//! [`MeanField`](train::vi::MeanField), [`LowRank`](train::vi::LowRank), [`FullRank`](train::vi::FullRank) and
//! [`Delta`](train::vi::Delta) approximate its posterior; [`Sites`](train::vi::Sites),
//! [`Importance`](train::vi::Importance).
//!
//! **Optimisers.** [`Sgd`](optim::Sgd), [`MomentumConfig`](optim::MomentumConfig), [`NesterovConfig`](optim::NesterovConfig),
//! [`TorchSgdConfig`](optim::TorchSgdConfig), [`AdamConfig`](optim::AdamConfig), [`AdamWConfig`](optim::AdamWConfig),
//! [`Average`](optim::Average), [`FirstOrder`](optim::FirstOrder) (transforms and parameter groups),
//! [`Schedule`](optim::Schedule), [`ScheduleSpec`](optim::ScheduleSpec), [`PlateauConfig`](optim::PlateauConfig).
//!
//! **Solvers.** [`minimize_fn`](optim::solver::minimize_fn) takes a plain closure, [`minimize`](optim::solver::minimize) a
//! [`Function`](tensor::derivative::Function) of tensors. [`Stop`](optim::solver::Stop), [`Bounds`](optim::solver::Bounds),
//! [`L1`](optim::solver::L1), [`LineSearch`](optim::solver::LineSearch),
//! [`ProjectedGradient`](optim::solver::ProjectedGradient). Constraints:
//! [`ConstrainedProblem`](optim::constrained::ConstrainedProblem), [`Sqp`](optim::constrained::Sqp),
//! [`AugmentedLagrangian`](optim::constrained::AugmentedLagrangian), [`Certificate`](optim::constrained::Certificate),
//! [`DualAscent`](optim::constrained::DualAscent).
//!
//! **Distributions.** [`Normal`](dist::Normal), [`Bernoulli`](dist::Bernoulli), [`Categorical`](dist::Categorical) and twenty
//! more: see [`dist`]. [`Mixture`](dist::Mixture), [`Independent`](dist::Independent), [`Transformed`](dist::Transformed),
//! [`Constraint`](dist::Constraint).
//!
//! **Data.** [`Table`](data::Table), [`Encoder`](data::Encoder), [`Examples`](data::Examples),
//! [`RegressionExamples`](data::RegressionExamples), [`TensorDataset`](data::TensorDataset), [`Images`](data::Images),
//! [`Labelled`](data::Labelled), [`Binarized`](data::Binarized), [`Resident`](data::Resident),
//! [`ImageGrid`](data::ImageGrid).
//!
//! **Tensors.** [`DeviceChoice`](tensor::DeviceChoice), [`Stream`](tensor::Stream),
//! [`Function`](tensor::derivative::Function) (exact second derivatives), [`Layout`](tensor::flat::Layout),
//! [`weights`](tensor::weights), [`atomic`](tensor::atomic).
//!
//! # Features
//!
//! A backend is a feature: `flex` (CPU, the default), `ndarray` (CPU; deprecated by Burn since 0.22), `wgpu` (any GPU),
//! `vulkan` (GPU through SPIR-V), `cuda` (NVIDIA). The same code runs on all of them.

#[cfg(not(any(feature = "flex", feature = "ndarray", feature = "wgpu", feature = "vulkan", feature = "cuda")))]
compile_error!(
    "kiln needs a backend: enable one of the features `flex` (CPU, the default), `ndarray`, `wgpu`, `vulkan` or `cuda`"
);

pub use burn;
pub use kiln_data as data;
pub use kiln_dist as dist;
pub use kiln_optim as optim;
pub use kiln_tensor as tensor;
pub use kiln_train as train;

mod logistic;

/// Models: logistic and softmax regression, the VAE, Gaussian mixtures, support vector machines, conjugate models.
///
/// All of `kiln_models`, and [`LogisticConfig`](models::LogisticConfig), which needs a solver too.
pub mod models {
    pub use crate::logistic::{ClassWeights, LogisticConfig, LogisticError, LogisticFit};
    pub use kiln_models::*;
}

/// What most programs need.
///
/// It includes the crate `burn`, so that Burn's derives (`#[derive(Module)]`, `#[derive(Config)]`) work in a program whose
/// only dependency is Kiln.
pub mod prelude {
    pub use crate::models::{
        GmmConfig, Kernel, LogisticConfig, LogisticRegression, SoftmaxRegression, SvmConfig, Vae, VaeConfig,
    };
    pub use ::burn;
    pub use burn::{
        module::Module,
        tensor::{Device, Int, Tensor},
    };
    pub use kiln_data::{
        Dataset, Encoder, Examples, ImageGrid, Images, Labelled, RegressionExamples, Supervised, Table, TensorDataset,
    };
    pub use kiln_dist::{
        Bernoulli, Categorical, Cdf, ConditionalModel, Distribution, Entropy, FromNoise, LatentVariableModel, LogJoint,
        LogJointOf, Moments, Normal, Quantile, Reparameterized, kl_divergence,
    };
    pub use kiln_optim::{
        AdamConfig, AdamWConfig, Average, FirstOrder, Method, Momentum, MomentumConfig, Nesterov, NesterovConfig,
        Schedule, Sgd, TorchSgdConfig,
        constrained::{ConstrainedProblem, Sqp},
        solver::{Bounds, Stop, bfgs, lbfgs, minimize, minimize_fn, newton},
    };
    pub use kiln_tensor::{DeviceChoice, Stream, derivative::Function, device, weights};
    pub use kiln_train::{
        Checkpoints, EarlyStopping, Elbo, EpochReport, ImportanceGradient, Iwae, LikelihoodOf, Loss, MaximumLikelihood,
        Metrics, MetricsLog, Objective, Observer, StepReport, TrainConfig, TrainError, TrainOutcome, TrainStatus,
        Trainer, Watched,
        vi::{FullRank, MeanField, Svi},
    };
}

/// The programs of the README and of the guide, compiled and run with the documentation's tests.
#[cfg(doctest)]
mod guide {
    macro_rules! pages {
        ($($name:ident $path:literal)*) => { $(
            #[doc = include_str!(concat!("../", $path))]
            struct $name;
        )* };
    }

    pages! {
        Readme "README.md"
        ReadmeZh "README.zh.md"
        Tutorial "docs/src/tutorial.md"
        Install "docs/src/tasks/install.md"
        Vae "docs/src/tasks/vae.md"
        Logistic "docs/src/tasks/logistic.md"
        Mixtures "docs/src/tasks/mixtures.md"
        Svm "docs/src/tasks/svm.md"
        Solve "docs/src/tasks/solve.md"
        Constraints "docs/src/tasks/constraints.md"
        Inference "docs/src/tasks/inference.md"
        OwnImages "docs/src/tasks/own-images.md"
        OwnModel "docs/src/tasks/own-model.md"
        Python "docs/src/tasks/python.md"
        Cookbook "docs/src/tasks/cookbook.md"
        FirstOrder "docs/src/theory/first-order.md"
        Solvers "docs/src/theory/solvers.md"
        Constrained "docs/src/theory/constrained.md"
        MaximumLikelihood "docs/src/theory/maximum-likelihood.md"
        VariationalInference "docs/src/theory/variational-inference.md"
    }
}
