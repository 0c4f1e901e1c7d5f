//! Distributions over classes and counts.

pub(crate) mod bernoulli;
pub(crate) mod binomial;
pub(crate) mod categorical;
pub(crate) mod geometric;
pub(crate) mod negative_binomial;
pub(crate) mod poisson;
