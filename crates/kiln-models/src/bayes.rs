//! Models whose posteriors have no closed form, as log-densities ln p(data, z) for black-box inference.

mod logistic;
mod schools;

pub use self::{
    logistic::{BayesianLogistic, BayesianLogisticError},
    schools::EightSchools,
};
