//! Log-densities ln p(data, z) of models whose posteriors have no closed form, for black-box inference.

mod logistic;
mod schools;

pub use self::{logistic::BayesianLogistic, schools::EightSchools};
