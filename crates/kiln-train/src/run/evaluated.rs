//! The loss and gradient of a minibatch.

use burn::{module::Module, optim::GradientsParams};
use kiln_optim::StepError;
use kiln_tensor::{Stream, params};

use crate::{Metrics, Objective, TrainError, evaluate::read_back, objective::Loss};

/// Returns the loss of a minibatch at a step, and its gradient. Nothing is read from the device.
pub(super) fn gradient<M, O, B>(
    model: &M,
    objective: &O,
    (batch, step): (B, u64),
    noise: &mut Stream,
) -> Result<(Loss, GradientsParams), TrainError>
where
    M: Module,
    O: Objective<M, B>,
{
    let loss = objective.loss_at_step(step, model, batch, noise);
    if !loss.value.is_autodiff() || !loss.value.is_tracked() {
        return Err(StepError::NothingToUpdate.into());
    }
    let gradients = GradientsParams::from_grads(loss.value.backward(), model);
    if gradients.is_empty() {
        return Err(StepError::NothingToUpdate.into());
    }
    Ok((loss, gradients))
}

/// Says that the loss is not finite, and which of its terms are not.
pub(super) fn loss_is_not_finite(terms: impl Iterator<Item = (&'static str, f64)>) -> String {
    let terms: Vec<&str> = terms.filter(|(_, value)| !value.is_finite()).map(|(name, _)| name).collect();
    let terms = if terms.is_empty() { String::new() } else { format!(" (its terms: {})", terms.join(", ")) };
    format!("the loss{terms}")
}

/// The loss of a minibatch and its gradient, read back in one transfer.
pub(super) struct Evaluated {
    pub(super) loss: f64,
    pub(super) terms: Vec<(&'static str, f64)>,
    /// The Euclidean norm of the whole gradient.
    pub(super) norm: f64,
    /// The largest absolute entry of the gradient.
    pub(super) largest: f64,
    pub(super) gradients: GradientsParams,
}

impl Evaluated {
    pub(super) fn new<M: Module>(model: &M, loss: Loss, gradients: GradientsParams) -> Result<Self, TrainError> {
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

    /// Returns what is not finite: the loss or the gradient of a parameter.
    ///
    /// The terms are not checked, because they are only reported: a bound of −∞ beside a finite loss is no divergence.
    /// They are named if the loss is not finite.
    pub(super) fn not_finite<M: Module>(&self, model: &M) -> Option<String> {
        if !self.loss.is_finite() {
            return Some(loss_is_not_finite(self.terms.iter().copied()));
        }
        // On some backends a maximum hides a NaN, but a sum of squares does not. A sum of squares may overflow although every
        // entry is finite.
        if self.norm.is_finite() {
            return None;
        }
        params::first_non_finite_gradient(model, &self.gradients).map(|name| format!("the gradient of {name}"))
    }

    pub(super) fn metrics(&self) -> Metrics {
        Metrics {
            loss: self.loss,
            terms: self.terms.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        }
    }
}
