//! Kiln: maximum likelihood, variational inference and optimisation on the [Burn](https://burn.dev) framework.
//!
//! This crate is the facade: it re-exports the parts, and [`prelude`] brings in what most programs need.
//!
//! | module | what |
//! |---|---|
//! | [`tensor`] | devices by name, keyed random streams, parameters by name and as a vector, exact second derivatives |
//! | [`dist`] | twenty-three families: `log_prob`, `sample`, `cdf`, `entropy`, KL; bijectors, mixtures |
//! | [`optim`] | SGD, momentum, true Nesterov, PyTorch's SGD, Adam; averages, clipping; schedules; Newton, BFGS, conjugate gradients; constraints, multipliers, certificates |
//! | [`train`] | objectives (likelihood, ELBO, IWAE), the minibatch trainer, checkpoints; `FitMle`; black-box variational inference |
//! | [`models`] | logistic and softmax regression with standard errors, the VAE, Gaussian mixtures, support vector machines, coordinate ascent |
//! | [`data`] | digits, breast cancer, MNIST, CSV; splits and standardisation |
//!
//! # Features
//!
//! A backend is a feature: `flex` (default, CPU), `ndarray` (CPU; deprecated by Burn since 0.22, kept while Burn ships
//! it), `wgpu` (any GPU), `vulkan` (GPU through SPIR-V), `cuda` (NVIDIA). Model code is the same for all:
//!
//! ```
//! use kiln::prelude::*;
//!
//! let device = "auto".parse::<DeviceChoice>()?.resolve()?.device();
//! let digits = kiln::data::digits();
//! let model = VaeConfig::new(64).hidden_dim(32).latent_dim(2).init(0, &device.clone().autodiff())?;
//! let config = TrainConfig { epochs: 1, ..TrainConfig::default() };
//! let optimizer = AdamConfig::new().init()?;
//! let outcome = Trainer::new(config, optimizer).fit(model, &Elbo::new(), &digits, None, &device)?;
//! assert!(outcome.train.loss < 45.0, "64 ln 2 = 44.4 nats is what knowing nothing costs");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use burn;
pub use kiln_data as data;
pub use kiln_dist as dist;
pub use kiln_models as models;
pub use kiln_optim as optim;
pub use kiln_tensor as tensor;
pub use kiln_train as train;

/// What most programs need.
pub mod prelude {
    pub use burn::{
        module::Module,
        tensor::{Device, Int, Tensor},
    };
    pub use kiln_data::{Dataset, Examples, Images, Supervised};
    pub use kiln_dist::{
        Bernoulli, Categorical, Cdf, ConditionalModel, Distribution, Entropy, FromNoise, LatentVariableModel, Moments,
        Normal, Quantile, Reparameterized, kl_divergence,
    };
    pub use kiln_models::{LogisticRegression, SoftmaxRegression, Vae, VaeConfig};
    pub use kiln_optim::{
        AdamConfig, Average, FirstOrder, Method, Momentum, MomentumConfig, Nesterov, NesterovConfig, Schedule, Sgd,
        TorchSgdConfig,
        solver::{Stop, minimize},
    };
    pub use kiln_tensor::{DeviceChoice, Stream, derivative::Function};
    pub use kiln_train::{
        Elbo, ImportanceGradient, Iwae, MaximumLikelihood, Metrics, Objective, Outcome, Status, TrainConfig, Trainer,
    };
}

/// The README's program, compiled and run with the documentation's tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The guide's programs, likewise.
#[cfg(doctest)]
#[doc = include_str!("../docs/first-order.md")]
struct FirstOrderGuide;

#[cfg(doctest)]
#[doc = include_str!("../docs/solvers.md")]
struct SolversGuide;

#[cfg(doctest)]
#[doc = include_str!("../docs/maximum-likelihood.md")]
struct MaximumLikelihoodGuide;

#[cfg(doctest)]
#[doc = include_str!("../docs/variational-inference.md")]
struct VariationalInferenceGuide;

#[cfg(doctest)]
#[doc = include_str!("../docs/constrained.md")]
struct ConstrainedGuide;
