//! Probability distributions as batches of Burn tensors.
//!
//! A distribution holds parameters of shape `[..]` and answers elementwise: [`log_prob`](Distribution::log_prob) of a
//! value of that shape has that shape. Logarithms of probabilities are in nats. Nothing is summed unless the name says so
//! ([`log_prob_per_example`](Distribution::log_prob_per_example)).
//!
//! What a distribution can do are traits, and what has no closed form does not compile:
//!
//! | | families |
//! |---|---|
//! | [`Distribution`]: `log_prob`, `sample` | all |
//! | [`Moments`]: `mean`, `variance`, `stddev` | all but [`LkjCholesky`]; not a number or infinite where there are none |
//! | [`Entropy`] | all but [`LkjCholesky`]; of [`Poisson`], [`Binomial`] and [`NegativeBinomial`] term by term |
//! | [`Cdf`] | all of one dimension but [`Bernoulli`] and [`Categorical`] |
//! | [`Quantile`] | [`Normal`], [`LogNormal`], [`HalfNormal`], [`Laplace`], [`Cauchy`], [`Gumbel`], [`Exponential`], [`Uniform`], [`Weibull`] |
//! | [`Reparameterized`]: `rsample` | all that are continuous; [`Gamma`], [`InverseGamma`], [`Beta`], [`StudentT`], [`Dirichlet`] and [`LkjCholesky`] by implicit derivatives |
//! | [`FromNoise`] | those with a quantile, and [`MultivariateNormal`] |
//! | [`KlDivergence`] | each family with itself, but [`StudentT`], [`LowRankMultivariateNormal`] and [`LkjCholesky`]; [`Exponential`] with [`Gamma`]; all real ones with [`Normal`] |
//!
//! Of distributions others are made: [`Transformed`] by a [`Bijector`], [`Independent`] numbers as a vector, a [`Mixture`]. A [`Constraint`] says
//! where a value may be, and is the map that leads there.
//!
//! Parameters broadcast. [`kl_monte_carlo`] estimates what has no closed form.
//!
//! [`ConditionalModel`] and [`LatentVariableModel`] are what an objective asks of a model: a forward pass that gives a
//! distribution.

mod bijector;
mod continuous;
mod discrete;
mod distribution;
mod error;
mod family;
mod independent;
mod kl;
mod mixture;
mod model;
mod multivariate;
mod transformed;

pub use bijector::{
    Affine, Bijector, Chain, Constraint, CorrelationCholesky, Exp, Identity, LowerCholesky, Sigmoid, Softplus,
    StickBreaking,
};
pub use continuous::{
    beta::Beta, cauchy::Cauchy, exponential::Exponential, gamma::Gamma, gumbel::Gumbel, half_normal::HalfNormal,
    inverse_gamma::InverseGamma, laplace::Laplace, log_normal::LogNormal, normal::Normal, student_t::StudentT,
    uniform::Uniform, weibull::Weibull,
};
pub use discrete::{
    bernoulli::Bernoulli, binomial::Binomial, categorical::Categorical, geometric::Geometric,
    negative_binomial::NegativeBinomial, poisson::Poisson,
};
pub use distribution::{
    Batch, Cdf, Distribution, Entropy, Estimate, FromNoise, KlDivergence, Moments, Quantile, Reparameterized,
    kl_divergence, kl_monte_carlo, sum_per_example,
};
pub use error::DistError;
pub use independent::Independent;
pub use mixture::Mixture;
pub use model::{ConditionalModel, LatentVariableModel};
pub use multivariate::{
    dirichlet::Dirichlet, lkj::LkjCholesky, low_rank::LowRankMultivariateNormal, normal::MultivariateNormal,
};
pub use transformed::Transformed;
