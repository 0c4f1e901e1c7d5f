//! Generalised linear models and their relatives: families of responses, links, and the loss over all rows.
//!
//! A model is a [`Family`] with a [`Link`]. [`GlmLoss`] is its negative log-likelihood, for any solver. `kiln::models::GlmConfig` fits
//! it in one call.
//!
//! # References
//! McCullagh and Nelder, *Generalized Linear Models* (1989); Agresti, *Foundations of Linear and Generalized Linear Models* (2015).

mod classes;
mod covariance;
mod data;
mod design;
mod each;
mod exact;
mod family;
mod features;
mod firth;
mod group;
mod inference;
mod influence;
mod latest;
mod link;
mod loss;
mod margins;
mod measures;
mod model;
mod objective;
mod parameters;
mod penalty;
mod predictors;
mod ranks;
mod row;
mod rows;
mod score;
mod start;
mod sums;
mod table;
mod thinned;
mod triangle;
mod values;

pub use self::{
    covariance::{CovarianceEstimator, InferenceOptions, Information},
    data::{GlmData, GlmDataError},
    family::Family,
    firth::FirthLoss,
    inference::{Estimate, GlmInference},
    influence::Influence,
    link::{Link, UnknownName},
    loss::GlmLoss,
    margins::{Margin, WaldTest, variance_inflation},
    measures::{FitMeasures, Null},
    model::{GlmModel, Prediction, Uncertainty},
    parameters::{Part, Place, Term},
    score::{GlmRows, TrainingScore},
    table::GlmTable,
    thinned::Thinned,
    values::{NumberFile, NumberFileWriter, SparseRows, SparseRowsError, Values},
};
