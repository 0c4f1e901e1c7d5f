//! Probability distributions as batches of Burn tensors.
//!
//! A distribution holds parameters of shape `[..]` and answers elementwise: [`log_prob`](Distribution::log_prob) of a
//! value of that shape has that shape. Logarithms of probabilities are in nats. Nothing is summed unless the name says so
//! ([`log_prob_per_example`](Distribution::log_prob_per_example)).
//!
//! | distribution | parameters | sample | rsample | KL with itself |
//! |---|---|---|---|---|
//! | [`Normal`] | `loc`, `scale` | yes | yes | yes |
//! | [`Bernoulli`] | `logits` or `probs` | yes | – | yes |
//! | [`Categorical`] | `logits` | yes | – | yes |
//!
//! [`ConditionalModel`] and [`LatentVariableModel`] are what an objective asks of a model: a forward pass that gives a
//! distribution.

mod bernoulli;
mod categorical;
mod distribution;
mod error;
mod model;
mod normal;

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;
pub use distribution::{Distribution, KlDivergence, Reparameterized, kl_divergence, sum_per_example};
pub use error::DistError;
pub use model::{ConditionalModel, LatentVariableModel};
pub use normal::Normal;
