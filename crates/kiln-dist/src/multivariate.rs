//! Distributions over vectors along the last axis.

pub(crate) mod dirichlet;
pub(crate) mod lkj;
pub(crate) mod low_rank;
pub(crate) mod normal;
mod triangular;
