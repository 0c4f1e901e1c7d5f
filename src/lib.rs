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
//! let outcome = Trainer::new(config, AdamConfig::new().build()?).fit(model, &Elbo::new(), &digits, None)?;
//! assert!(outcome.train.loss < 45.0, "a model that knows nothing has a loss of 64 ln 2 = 44.4 nats");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to find what
//!
//! **Models.** [`LogisticConfig`](models::LogisticConfig) fits a logistic regression to slices, with
//! [`ClassWeights`](models::ClassWeights) and a [`Covariance`](models::Covariance) estimator.
//! [`LogisticRegression`](models::LogisticRegression), [`SoftmaxRegression`](models::SoftmaxRegression) and
//! [`Vae`](models::Vae) ([`VaeConfig`](models::VaeConfig), with [`HiddenActivation`](models::HiddenActivation),
//! [`Prior`](models::Prior), [`Likelihood`](models::Likelihood) and [`GreyLevels`](models::GreyLevels),
//! [`DiscretizedLogistic`](models::DiscretizedLogistic)) are Burn modules;
//! [`RegressionLoss`](models::RegressionLoss) is the loss of a regression over all rows.
//! [`GlmConfig`](models::GlmConfig) fits a generalised linear model ([`Family`](models::glm::Family),
//! [`Link`](models::glm::Link), [`CovarianceEstimator`](models::glm::CovarianceEstimator),
//! [`Information`](models::glm::Information)) to slices or other [`Values`](models::glm::Values)
//! ([`SparseRows`](models::glm::SparseRows), [`NumberFile`](models::glm::NumberFile)); [`GlmData`](models::glm::GlmData) and
//! [`GlmLoss`](models::glm::GlmLoss) ([`FirthLoss`](models::glm::FirthLoss), [`InferenceOptions`](models::glm::InferenceOptions)) are for a solver of your own, and
//! [`GlmModel`](models::glm::GlmModel) ([`Part`](models::glm::Part), [`Term`](models::glm::Term)) predicts
//! [`GlmRows`](models::glm::GlmRows).
//! [`GmmConfig`](models::GmmConfig) ([`CovarianceType`](models::CovarianceType)) fits a
//! [`GaussianMixture`](models::GaussianMixture), and [`SvmConfig`](models::SvmConfig) ([`Kernel`](models::Kernel)) a
//! [`SupportVectorMachine`](models::SupportVectorMachine). Conjugate models, fitted by coordinate ascent
//! ([`Sweeps`](models::cavi::Sweeps)): [`NormalSample`](models::cavi::NormalSample),
//! [`BayesianLinearRegression`](models::cavi::BayesianLinearRegression)
//! ([`WeightPrecision`](models::cavi::WeightPrecision)), [`BayesianMixture`](models::cavi::BayesianMixture) and
//! [`TopicModel`](models::cavi::TopicModel). Log-densities: [`BayesianLogistic`](models::bayes::BayesianLogistic) and
//! [`EightSchools`](models::bayes::EightSchools).
//!
//! **Measures.** Of predicted classes: [`ConfusionMatrix`](models::metrics::ConfusionMatrix) (averaged by
//! [`Average`](models::metrics::Average)). Of scores: [`RocCurve`](models::metrics::RocCurve),
//! [`PrecisionRecall`](models::metrics::PrecisionRecall). Of probabilities: [`log_loss`](models::metrics::log_loss),
//! [`brier`](models::metrics::brier), [`Calibration`](models::metrics::Calibration) ([`Bins`](models::metrics::Bins)). Of
//! numbers: [`rmse`](models::metrics::rmse), [`r2`](models::metrics::r2),
//! [`tweedie_deviance`](models::metrics::tweedie_deviance) and others in [`metrics`](models::metrics).
//!
//! **Training.** [`Trainer`](train::Trainer), [`TrainConfig`](train::TrainConfig),
//! [`EarlyStopping`](train::EarlyStopping), [`Checkpoints`](train::Checkpoints), [`Metrics`](train::Metrics),
//! [`MetricsLog`](train::MetricsLog), [`TensorBoardLog`](train::TensorBoardLog), [`Observer`](train::Observer), [`LrFindConfig`](train::LrFindConfig),
//! [`Marginal`](train::Marginal), [`AnnealedConfig`](train::AnnealedConfig) ([`AnnealedStart`](train::AnnealedStart)).
//! Objectives: [`MaximumLikelihood`](train::MaximumLikelihood), [`LikelihoodOf`](train::LikelihoodOf),
//! [`Elbo`](train::Elbo), [`Iwae`](train::Iwae) ([`ImportanceGradient`](train::ImportanceGradient)),
//! [`Constrained`](train::Constrained).
//!
//! **Inference.** [`FitMle`](train::FitMle) fits a distribution. A closure becomes a model by
//! [`LogJointOf`](dist::LogJointOf) ([`Factors`](dist::Factors)). [`Svi`](train::vi::Svi) (with an
//! [`Estimator`](train::vi::Estimator)), [`MinibatchElbo`](train::vi::MinibatchElbo) (with a
//! [`Trainer`](train::Trainer)), [`SampleAverage`](train::vi::SampleAverage), [`laplace`](train::vi::laplace)
//! and the guides [`MeanField`](train::vi::MeanField), [`LowRank`](train::vi::LowRank),
//! [`FullRank`](train::vi::FullRank) and [`Delta`](train::vi::Delta) approximate its posterior;
//! [`Sites`](train::vi::Sites) names its variables, and [`Importance`](train::vi::Importance) checks the
//! approximation.
//!
//! **Optimisers.** [`Sgd`](optim::Sgd), [`MomentumConfig`](optim::MomentumConfig),
//! [`NesterovConfig`](optim::NesterovConfig), [`TorchSgdConfig`](optim::TorchSgdConfig)
//! ([`WeightDecay`](optim::WeightDecay)), [`AdamConfig`](optim::AdamConfig), [`AdamWConfig`](optim::AdamWConfig),
//! [`Average`](optim::Average). [`FirstOrder`](optim::FirstOrder) adds gradient transforms and parameter groups.
//! [`Schedule`](optim::Schedule), [`ScheduleSpec`](optim::ScheduleSpec), [`PlateauConfig`](optim::PlateauConfig) and
//! [`ReduceOnPlateau`](optim::ReduceOnPlateau) set the learning rate; [`ScheduledLr`](optim::schedule::ScheduledLr) is a
//! schedule for Burn's own training loop.
//!
//! **Solvers.** [`minimize_fn`](optim::solver::minimize_fn) takes a plain closure (a
//! [`SliceObjective`](optim::solver::SliceObjective)), and [`minimize`](optim::solver::minimize) a
//! [`Function`](tensor::derivative::Function) of tensors;
//! [`Minimization`](optim::solver::Minimization) takes single steps, and a [`Snapshot`](optim::solver::Snapshot)
//! resumes them. Directions: [`Lbfgs`](optim::solver::Lbfgs), [`Bfgs`](optim::solver::Bfgs),
//! [`Newton`](optim::solver::Newton), [`NewtonCg`](optim::solver::NewtonCg),
//! [`NonlinearCg`](optim::solver::NonlinearCg) ([`CgFormula`](optim::solver::CgFormula)),
//! [`Steepest`](optim::solver::Steepest). Line searches: [`LineSearch`](optim::solver::LineSearch),
//! [`StrongWolfe`](optim::solver::StrongWolfe), [`HagerZhang`](optim::solver::HagerZhang),
//! [`Armijo`](optim::solver::Armijo). Trust regions: [`TrustRegion`](optim::solver::TrustRegion) and
//! [`BoundedTrustRegion`](optim::solver::BoundedTrustRegion) with [`Steihaug`](optim::solver::Steihaug),
//! [`Krylov`](optim::solver::Krylov) or [`Exact`](optim::solver::Exact). Others:
//! [`LinearCg`](optim::solver::LinearCg), [`ProjectedGradient`](optim::solver::ProjectedGradient),
//! [`ProjectedLbfgs`](optim::solver::ProjectedLbfgs). [`Stop`](optim::solver::Stop) says when to stop;
//! [`CheckMinimum`](optim::solver::CheckMinimum) whether a saddle is told from a minimum, along the directions of a
//! [`Cone`](optim::solver::Cone); [`Bounds`](optim::solver::Bounds) and [`L1`](optim::solver::L1) restrict and penalise.
//!
//! **Without gradients.** [`NelderMead`](optim::derivative_free::NelderMead) and [`CmaEs`](optim::derivative_free::CmaEs) minimise a
//! [`SliceValues`](optim::derivative_free::SliceValues).
//!
//! **Sums.** [`Svrg`](optim::finite_sum::Svrg), [`Saga`](optim::finite_sum::Saga) and
//! [`SgdLineSearch`](optim::finite_sum::SgdLineSearch) minimise a [`SliceSum`](optim::finite_sum::SliceSum) or a
//! [`TensorSum`](optim::finite_sum::TensorSum).
//!
//! **Least squares.** [`curve_fit`](optim::least_squares::curve_fit) ([`Curve`](optim::least_squares::Curve)) fits a curve, and
//! [`least_squares`](optim::least_squares::least_squares) ([`LeastSquares`](optim::least_squares::LeastSquares),
//! [`Step`](optim::least_squares::Step), [`Loss`](optim::least_squares::Loss)) any residuals, such as
//! [`SliceResiduals`](optim::least_squares::SliceResiduals).
//!
//! **Roots.** [`RootFinder`](optim::root::RootFinder) ([`RootMethod`](optim::root::RootMethod)) and
//! [`FixedPoint`](optim::root::FixedPoint).
//!
//! **Expressions.** [`ExpressionProblem`](optim::expression::ExpressionProblem),
//! [`Expression`](optim::expression::Expression) ([`Value`](optim::expression::Value)) and
//! [`Relation`](optim::expression::Relation) ([`Comparison`](optim::expression::Comparison)) make functions from text.
//!
//! **Constraints.** [`ConstrainedProblem`](optim::constrained::ConstrainedProblem),
//! [`Bounded`](optim::constrained::Bounded), [`ConstrainedStop`](optim::constrained::ConstrainedStop),
//! [`Sqp`](optim::constrained::Sqp) ([`LagrangianHessian`](optim::constrained::LagrangianHessian)),
//! [`InteriorPoint`](optim::constrained::InteriorPoint) with [`SparseProblem`](optim::constrained::SparseProblem) and
//! [`QuadraticProgram`](optim::constrained::QuadraticProgram) ([`VanDerPol`](optim::problems::VanDerPol)),
//! [`AugmentedLagrangian`](optim::constrained::AugmentedLagrangian)
//! ([`NewtonWithinBounds`](optim::constrained::NewtonWithinBounds), [`WithinBounds`](optim::constrained::WithinBounds)),
//! [`Multipliers`](optim::constrained::Multipliers),
//! [`Certificate`](optim::constrained::Certificate) ([`Proof`](optim::constrained::Proof)), [`DualAscent`](optim::constrained::DualAscent).
//!
//! **Distributions.** Continuous: [`Beta`](dist::Beta), [`Cauchy`](dist::Cauchy), [`Exponential`](dist::Exponential),
//! [`Gamma`](dist::Gamma), [`Gumbel`](dist::Gumbel), [`HalfNormal`](dist::HalfNormal),
//! [`InverseGamma`](dist::InverseGamma), [`Laplace`](dist::Laplace), [`LogNormal`](dist::LogNormal),
//! [`Normal`](dist::Normal), [`StudentT`](dist::StudentT), [`Uniform`](dist::Uniform), [`Weibull`](dist::Weibull).
//! Discrete: [`Bernoulli`](dist::Bernoulli), [`Binomial`](dist::Binomial), [`Categorical`](dist::Categorical),
//! [`Geometric`](dist::Geometric), [`NegativeBinomial`](dist::NegativeBinomial), [`Poisson`](dist::Poisson).
//! Multivariate: [`Dirichlet`](dist::Dirichlet), [`LkjCholesky`](dist::LkjCholesky),
//! [`LowRankMultivariateNormal`](dist::LowRankMultivariateNormal), [`MultivariateNormal`](dist::MultivariateNormal).
//! Of other distributions: [`Independent`](dist::Independent), [`Mixture`](dist::Mixture),
//! [`Transformed`](dist::Transformed). Bijectors: [`Affine`](dist::Affine), [`Chain`](dist::Chain),
//! [`CorrelationCholesky`](dist::CorrelationCholesky), [`Exp`](dist::Exp), [`Identity`](dist::Identity),
//! [`LowerCholesky`](dist::LowerCholesky), [`Sigmoid`](dist::Sigmoid), [`Softplus`](dist::Softplus),
//! [`StickBreaking`](dist::StickBreaking); a [`Constraint`](dist::Constraint) names the one that a set needs.
//!
//! **Data.** [`Table`](data::Table) ([`TableOptions`](data::TableOptions), [`Dates`](data::Dates), [`Note`](data::Note)),
//! [`TableChunks`](data::TableChunks), [`Columns`](data::Columns) ([`Role`](data::Role), [`Reason`](data::Reason)),
//! [`EncoderConfig`](data::EncoderConfig) ([`Coding`](data::Coding), [`Reference`](data::Reference),
//! [`Missing`](data::Missing), [`Unseen`](data::Unseen)), [`Encoder`](data::Encoder)
//! ([`EncodedColumn`](data::EncodedColumn), [`Target`](data::Target)), [`Formula`](data::Formula)
//! ([`FormulaError`](data::FormulaError), [`FormulaEncoder`](data::FormulaEncoder), [`FormulaTerm`](data::FormulaTerm)),
//! [`SparseExamples`](data::SparseExamples) ([`SparseOptions`](data::SparseOptions), [`ZeroBased`](data::ZeroBased)),
//! [`Examples`](data::Examples), [`RegressionExamples`](data::RegressionExamples),
//! [`TensorDataset`](data::TensorDataset), [`Images`](data::Images), [`Labelled`](data::Labelled),
//! [`Binarized`](data::Binarized) ([`Binarize`](data::Binarize), [`Augment`](data::Augment)), [`Resident`](data::Resident),
//! [`ImageGrid`](data::ImageGrid). [`ImageLoader`](data::ImageLoader) reads images of any [`ImageShape`](data::ImageShape), and
//! [`load_images`](data::load_images) calls it with a [`Locate`](data::Locate) and a [`HoldOut`](data::HoldOut);
//! [`Pictures`](data::Pictures) reads picture files ([`Fit`](data::Fit), [`ColorMode`](data::ColorMode),
//! [`LoadProgress`](data::LoadProgress)). [`minibatches`](data::minibatches) takes an [`Order`](data::Order).
//! [`stratified_split`](data::stratified_split) and [`Folds`](data::Folds) divide rows for training and testing.
//!
//! **Tensors.** [`DeviceChoice`](tensor::DeviceChoice), [`Backend`](tensor::device::Backend),
//! [`Stream`](tensor::Stream) and [`Normals`](tensor::Normals) (random numbers), [`Function`](tensor::derivative::Function) and
//! [`GaussNewton`](tensor::derivative::GaussNewton) (exact second derivatives, also of custom operations:
//! [`CustomTensor`](tensor::derivative::custom::CustomTensor),
//! [`HvpMethod`](tensor::derivative::HvpMethod)), [`Layout`](tensor::flat::Layout),
//! [`Matrix`](tensor::linalg::Matrix), [`Symmetric`](tensor::linalg::Symmetric),
//! [`Activation`](tensor::fused::Activation), [`MatmulPrecision`](tensor::fused::MatmulPrecision), [`weights`](tensor::weights), [`atomic`](tensor::atomic) ([`AtomicFile`](tensor::atomic::AtomicFile)).
//! On a GPU: [`Steps`](tensor::steps::Steps) ([`StepsConfig`](tensor::steps::StepsConfig), [`Planned`](tensor::steps::Planned),
//! [`Halt`](tensor::steps::Halt)) and
//! [`ByteRows`](tensor::byte_rows::ByteRows).
//!
//! **Several processes.** A [`World`](tensor::World) of ranks, which a [`Communicator`](tensor::world::Communicator) connects: MPI in
//! [`mpi`], or [`threads`](tensor::world::threads) in tests. [`Trainer::distributed`](train::Trainer::distributed) shares minibatches, and
//! [`Distributed`](tensor::derivative::Distributed) the rows of a solver's function. [`Traffic`](tensor::world::Traffic) says what it cost.
//!
//! # Features
//!
//! A backend is a feature: `flex` (CPU, the default), `ndarray` (CPU; deprecated by Burn since 0.22), `wgpu` (any GPU),
//! `vulkan` (GPU through SPIR-V), `cuda` (NVIDIA). The same code runs on all of them. `kernel-cache`, on by default, keeps on disk
//! what a GPU backend has compiled ([`keep_kernels`](tensor::device::keep_kernels)). `mpi` links the MPI library of the machine. `parquet` and `arrow`
//! read files of these formats, and `pictures` picture files.

#[cfg(not(any(feature = "flex", feature = "ndarray", feature = "wgpu", feature = "vulkan", feature = "cuda")))]
compile_error!(
    "kiln needs a backend: enable one of the features `flex` (CPU, the default), `ndarray`, `wgpu`, `vulkan` or `cuda`"
);

pub use burn;
pub use kiln_data as data;
pub use kiln_dist as dist;
pub use kiln_mpi as mpi;
pub use kiln_optim as optim;
pub use kiln_tensor as tensor;
pub use kiln_train as train;

mod glm;
mod logistic;

/// Models: logistic and softmax regression, the VAE, Gaussian mixtures, support vector machines, conjugate models.
///
/// All of `kiln_models`, and [`LogisticConfig`](models::LogisticConfig) and [`GlmConfig`](models::GlmConfig), which need a solver too.
pub mod models {
    pub use crate::glm::{GlmConfig, GlmError, GlmFit};
    pub use crate::logistic::{ClassWeights, LogisticConfig, LogisticError, LogisticFit};
    pub use kiln_models::*;
}

/// What most programs need.
///
/// It includes the crate `burn`, so that Burn's derives (`#[derive(Module)]`, `#[derive(Config)]`) work in a program whose
/// only dependency is Kiln.
pub mod prelude {
    pub use crate::models::{
        CovarianceType, GaussianMixture, GmmConfig, Kernel, LogisticConfig, LogisticRegression, SoftmaxRegression,
        SvmConfig, Vae, VaeConfig,
    };
    pub use ::burn;
    pub use burn::{
        module::{Module, ParamGroup},
        nn,
        tensor::{Device, Int, Tensor, activation},
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
        constrained::{ConstrainedProblem, ConstrainedStop, Sqp, minimize_constrained},
        solver::{Bounds, Stop, bfgs, lbfgs, minimize, minimize_fn, newton},
    };
    pub use kiln_tensor::{DeviceChoice, Stream, derivative::Function, device, init, weights};
    pub use kiln_train::{
        Checkpoints, EarlyStopping, Elbo, EpochReport, ImportanceGradient, Iwae, LikelihoodOf, Loss, MaximumLikelihood,
        Metrics, MetricsLog, Objective, Observer, StepReport, TrainConfig, TrainError, TrainOutcome, TrainStatus,
        Trainer, Watched,
        vi::{FullRank, Guide, MeanField, MinibatchElbo, Svi},
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
        Distributed "docs/src/tasks/distributed.md"
        Vae "docs/src/tasks/vae.md"
        Logistic "docs/src/tasks/logistic.md"
        Glm "docs/src/tasks/glm.md"
        Formulas "docs/src/tasks/formulas.md"
        Mixtures "docs/src/tasks/mixtures.md"
        Svm "docs/src/tasks/svm.md"
        Solve "docs/src/tasks/solve.md"
        Curves "docs/src/tasks/curves.md"
        Constraints "docs/src/tasks/constraints.md"
        Inference "docs/src/tasks/inference.md"
        LearningRate "docs/src/tasks/learning-rate.md"
        Performance "docs/src/tasks/performance.md"
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
