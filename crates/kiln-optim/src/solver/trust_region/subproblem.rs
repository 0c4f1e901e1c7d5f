//! The quadratic model that a trust region minimises.

use burn::tensor::Tensor;

use crate::solver::{
    EvaluationError, Objective, SolverError,
    problem::{Counted, Point, dots},
    snapshot::Remember,
};

/// How a trust region minimises its quadratic model.
pub trait Subproblem<P: Objective> {
    /// What is kept for as long as the point stays, such as its Hessian.
    type Known: Remember + Default;

    /// The model at a point.
    type Model<'m>: Quadratic
    where
        Self: 'm,
        P: 'm;

    /// Checks that the options are in their ranges.
    ///
    /// # Errors
    /// Returns [`SolverError::Option`].
    fn validate(&self) -> Result<(), SolverError> {
        Ok(())
    }

    /// Returns about how many bytes the matrices take for `n` variables of `number` bytes. Default: 0.
    fn memory(&self, _n: usize, _number: usize) -> u64 {
        0
    }

    /// Returns the model at a point.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    fn model<'m>(
        &'m self,
        problem: &'m Counted<'m, P>,
        at: &'m Point,
        known: &'m mut Self::Known,
    ) -> Result<Self::Model<'m>, EvaluationError>;
}

/// A quadratic function g·p + ½·pᵀ·H·p with a Hessian H.
pub trait Quadratic {
    /// Returns H·v.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    fn product(&self, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError>;

    /// Minimises g·p + ½·pᵀ·H·p within ‖p‖ ≤ `radius`, over the entries of p at which `free` is 1. Those at which it is 0 stay 0.
    /// Without `free`, over all.
    ///
    /// # Errors
    /// Returns an error if the function cannot be evaluated.
    fn minimise(
        &self,
        gradient: &Tensor<1>,
        free: Option<&Tensor<1>>,
        radius: f64,
    ) -> Result<RegionStep, EvaluationError>;
}

/// A step p in a trust region.
#[derive(Clone, Debug)]
pub struct RegionStep {
    /// The step p, `[n]`.
    pub p: Tensor<1>,
    /// H·p, `[n]`.
    pub hp: Tensor<1>,
    /// The predicted decrease, −g·p − ½·pᵀ·H·p.
    pub promise: f64,
    /// Whether ‖p‖ is the radius.
    pub at_rim: bool,
}

impl RegionStep {
    pub(super) fn new(gradient: &Tensor<1>, p: Tensor<1>, hp: Tensor<1>, at_rim: bool) -> Self {
        let [slope, curvature] = dots([[gradient, &p], [&p, &hp]]);
        Self { p, hp, promise: -slope - 0.5 * curvature, at_rim }
    }
}

/// Sets the entries to 0 that are not free.
pub(super) fn masked(v: Tensor<1>, free: Option<&Tensor<1>>) -> Tensor<1> {
    match free {
        Some(free) => v * free.clone(),
        None => v,
    }
}

/// How small the gradient of the model must become, so that the whole run converges superlinearly.
pub(super) fn tolerance(norm: f64) -> f64 {
    norm * norm.sqrt().min(0.5)
}
