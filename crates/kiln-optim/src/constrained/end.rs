//! The end of a run on the host.

use burn::tensor::Tensor;

use super::{Multipliers, Residuals, Solution};
use crate::solver::{Evaluations, Iteration, Outcome, Status};

/// How a run ended, on the host.
pub(super) struct End {
    pub(super) x: Vec<f64>,
    pub(super) value: f64,
    /// ∇L with all constraints.
    pub(super) gradient: Vec<f64>,
    pub(super) multipliers: Multipliers,
    pub(super) residuals: Residuals,
    pub(super) status: Status,
    pub(super) iterations: usize,
    pub(super) evaluations: Evaluations,
    pub(super) history: Vec<Iteration>,
}

impl End {
    pub(super) fn solution(self, tensor: &dyn Fn(&[f64]) -> Tensor<1>) -> Solution {
        let Self { x, value, gradient, multipliers, residuals, status, iterations, evaluations, history } = self;
        let outcome = Outcome {
            x: tensor(&x),
            gradient: tensor(&gradient),
            value,
            grad_norm: residuals.largest(),
            status,
            success: status.is_success(),
            message: status.message().to_owned(),
            iterations,
            downhill: None,
            evaluations,
            history,
        };
        Solution { outcome, multipliers, residuals }
    }
}
