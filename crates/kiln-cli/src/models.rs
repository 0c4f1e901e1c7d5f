//! The models that the command line trains, each in its own folder.
//!
//! A model implements [`Model`] and has one line in `registry.rs`. What all models share, from flags to locks and
//! progress, is in `skeleton.rs`.

mod files;
mod glm;
mod gmm;
mod logistic;
mod model;
mod registry;
mod skeleton;
mod svm;
pub(crate) mod vae;

pub(crate) use self::{
    glm::{GeneralizedLinear, GlmFlags, cv as cv_glm},
    logistic::{LogisticFlags, Regression as LogisticRegression, cv as cv_logistic, lr_find as lr_find_logistic},
    model::{Losses, Model, own_help},
    registry::{Config, Train, WarmUp},
    skeleton::open,
    vae::{Autoencoder, ImageSize, VaeFlags},
};
