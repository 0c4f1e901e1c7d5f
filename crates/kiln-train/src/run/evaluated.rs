//! A minibatch's loss and gradient.

use burn::{module::Module, optim::GradientsParams};
use kiln_optim::StepError;
use kiln_tensor::{Stream, params};

use crate::{Metrics, Objective, TrainError, evaluate::read_back};

/// The loss of a minibatch and its gradient, read back in one transfer.
pub(super) struct Evaluated {
    pub(super) loss: f64,
    pub(super) terms: Vec<(&'static str, f64)>,
    pub(super) norm: f64,
    pub(super) largest: f64,
    pub(super) gradients: GradientsParams,
}

impl Evaluated {
    pub(super) fn new<M, O, B>(model: &M, objective: &O, batch: B, noise: &mut Stream) -> Result<Self, TrainError>
    where
        M: Module,
        O: Objective<M, B>,
    {
        let loss = objective.loss(model, batch, noise);
        if !loss.value.is_autodiff() || !loss.value.is_tracked() {
            return Err(StepError::NothingToUpdate.into());
        }
        let gradients = GradientsParams::from_grads(loss.value.backward(), model);
        let summary = params::gradient_summary(model, &gradients);
        let (Some(squared_norm), Some(largest)) = (summary.squared_norm, summary.max_abs) else {
            return Err(StepError::NothingToUpdate.into());
        };
        let names: Vec<&'static str> = loss.terms.iter().map(|(name, _)| *name).collect();
        let values = read_back(loss, [squared_norm, largest]);
        let (summary, terms) = (&values[1 + names.len()..], &values[1..]);
        Ok(Self {
            loss: values[0],
            terms: names.into_iter().zip(terms.iter().copied()).collect(),
            norm: summary[0].sqrt(),
            largest: summary[1],
            gradients,
        })
    }

    /// What is not finite, if anything is.
    pub(super) fn not_finite<M: Module>(&self, model: &M) -> Option<String> {
        if !self.loss.is_finite() {
            let terms: Vec<&str> = self.terms.iter().filter(|(_, v)| !v.is_finite()).map(|(name, _)| *name).collect();
            let terms = if terms.is_empty() { String::new() } else { format!(" (its terms: {})", terms.join(", ")) };
            return Some(format!("the loss{terms}"));
        }
        // A maximum can hide a NaN on some backends; a sum of squares cannot. It can overflow where no entry does.
        if self.norm.is_finite() {
            return None;
        }
        params::first_non_finite_gradient(model, &self.gradients).map(|name| format!("the gradient of {name}"))
    }

    pub(super) fn metrics(&self) -> Metrics {
        Metrics {
            loss: self.loss,
            terms: self.terms.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
        }
    }
}
