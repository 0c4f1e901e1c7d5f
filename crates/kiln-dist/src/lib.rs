//! Probability distributions as batches of Burn tensors.
//!
//! A distribution holds parameters of shape `[..]` and evaluates elementwise: [`log_prob`](Distribution::log_prob) of a value of
//! that shape has that shape. Log-probabilities are in nats. Nothing is summed unless the name says so
//! ([`log_prob_per_example`](Distribution::log_prob_per_example)). Parameters broadcast.
//!
//! The capabilities of a distribution are traits. A quantity without a closed form does not compile:
//!
//! | trait | families |
//! |---|---|
//! | [`Distribution`]: `log_prob`, `sample` | all |
//! | [`Moments`]: `mean`, `variance`, `stddev` | all except [`LkjCholesky`]; NaN or infinite if a moment does not exist |
//! | [`Entropy`] | all except [`LkjCholesky`]; summed term by term for [`Poisson`], [`Binomial`] and [`NegativeBinomial`] |
//! | [`Cdf`] | all of single numbers except [`Bernoulli`] and [`Categorical`] |
//! | [`Quantile`] | [`Normal`], [`LogNormal`], [`HalfNormal`], [`Laplace`], [`Cauchy`], [`Gumbel`], [`Exponential`], [`Uniform`], [`Weibull`] |
//! | [`Reparameterized`]: `rsample` | all continuous families; [`Gamma`], [`InverseGamma`], [`Beta`], [`StudentT`], [`Dirichlet`] and [`LkjCholesky`] by implicit derivatives |
//! | [`FromNoise`] | those with a quantile function, and [`MultivariateNormal`] |
//! | [`KlDivergence`] | each family with itself, except [`StudentT`], [`LowRankMultivariateNormal`] and [`LkjCholesky`]; [`Exponential`] with [`Gamma`]; most continuous families with [`Normal`] |
//!
//! [`kl_monte_carlo`] estimates divergences without a closed form.
//!
//! Distributions combine: [`Transformed`] by a [`Bijector`], [`Independent`] entries as a vector, a [`Mixture`]. A [`Constraint`] is
//! a set of values, with a map from the real numbers onto it.
//!
//! The contracts between models and objectives are [`ConditionalModel`], [`LatentVariableModel`] and [`LogJoint`].
//!
//! # Constructors
//!
//! | pattern | meaning |
//! |---|---|
//! | `X::new(parameters)` | a family from its parameters; a `Result`, because shapes must broadcast |
//! | `X::from_logits`, `X::from_log_scale`, … | the same from other parameters; a `Result` if shapes can conflict |
//! | `X::new(inner)` of a wrapper | [`Independent`], [`Transformed`] and [`Chain`] accept all parts and return `Self` |
//! | `.validated()` | checks the values, which waits for the device; without it, invalid values give NaN or meaningless results |

mod bijector;
mod continuous;
mod discrete;
mod distribution;
mod error;
mod family;
mod independent;
mod kl;
mod log_joint;
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
    Batch, Cdf, Distribution, Entropy, FromNoise, KlDivergence, Moments, MonteCarloEstimate, Quantile, Reparameterized,
    kl_divergence, kl_monte_carlo, sum_per_example,
};
pub use error::DistError;
pub use independent::Independent;
pub use log_joint::{Factors, LogJoint, LogJointOf};
pub use mixture::{Mixture, Scalar};
pub use model::{ConditionalModel, LatentVariableModel};
pub use multivariate::{
    dirichlet::Dirichlet, lkj::LkjCholesky, low_rank::LowRankMultivariateNormal, normal::MultivariateNormal,
};
pub use transformed::Transformed;
