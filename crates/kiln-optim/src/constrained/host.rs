//! A problem's functions on the host.

use std::cell::Cell;

use burn::{
    module::Module,
    tensor::{DType, Tensor, TensorData},
};
use kiln_tensor::{
    derivative::{EvaluationError, Function, Inputs},
    device::machine_epsilon,
    linalg::{Matrix, Symmetric},
};

use super::{
    evaluated::{Evaluated, Pulled, Slopes, Values},
    kkt::Multipliers,
    problem::{ConstrainedProblem, Functions},
};
use crate::solver::Evaluations;

/// A problem on the host, with counts of evaluations.
pub(super) struct Host<'p, 'a, M, I> {
    pub(super) problem: &'p ConstrainedProblem<'a, M, I>,
    like: Tensor<1>,
    counts: Cell<Evaluations>,
}

impl<'p, 'a, M: Module + 'a, I: Inputs + 'a> Host<'p, 'a, M, I> {
    /// For vectors on the device, and of the float type, of `like`.
    pub(super) fn new(problem: &'p ConstrainedProblem<'a, M, I>, like: &Tensor<1>) -> Self {
        Self { problem, like: like.clone().without_autodiff(), counts: Cell::default() }
    }

    pub(super) fn counts(&self) -> Evaluations {
        self.counts.get()
    }

    pub(super) fn add(&self, more: Evaluations) {
        let now = self.counts.get();
        self.counts.set(Evaluations {
            values: now.values + more.values,
            gradients: now.gradients + more.gradients,
            hessians: now.hessians + more.hessians,
        });
    }

    /// The machine epsilon of the float type.
    pub(super) fn epsilon(&self) -> f64 {
        machine_epsilon(self.like.dtype())
    }

    pub(super) fn tensor(&self, x: &[f64]) -> Tensor<1> {
        Tensor::from_data(TensorData::new(x.to_vec(), [x.len()]), (&self.like.device(), self.like.dtype()))
    }

    pub(super) fn values(&self, x: &[f64]) -> Result<Values, EvaluationError> {
        self.add(Evaluations { values: 1, ..Evaluations::default() });
        let x = self.tensor(x);
        let Functions { objective, equality, inequality, .. } = self.problem.functions();
        let numbers = |function: &Option<Function<'a, M, I, 1>>| match function {
            Some(function) => Ok::<_, EvaluationError>(on_host(function.value(&x)?)),
            None => Ok(Vec::new()),
        };
        let objective = on_host(objective.value(&x)?)[0];
        Ok(Values { objective, equality: numbers(equality)?, inequality: numbers(inequality)? })
    }

    pub(super) fn slopes(&self, x: &[f64]) -> Result<Slopes, EvaluationError> {
        self.add(Evaluations { gradients: 1, ..Evaluations::default() });
        let (n, x) = (x.len(), self.tensor(x));
        let Functions { objective, equality, inequality, .. } = self.problem.functions();
        let rows = |function: &Option<Function<'a, M, I, 1>>| match function {
            Some(function) => Ok::<_, EvaluationError>(Matrix::from_tensor(function.jacobian(&x)?)),
            None => Ok(Matrix::from_fn(0, n, |_, _| 0.0)),
        };
        let gradient = on_host(objective.value_and_grad(&x)?.1);
        Ok(Slopes { gradient, equality: rows(equality)?, inequality: rows(inequality)? })
    }

    /// Computes the values and first derivatives at x.
    pub(super) fn evaluate(&self, x: Vec<f64>) -> Result<Evaluated, EvaluationError> {
        Ok(Evaluated { values: self.values(&x)?, slopes: self.slopes(&x)?, x })
    }

    /// Computes ∇f and ∇(f + λᵀ·h + μᵀ·g), by a backward pass each.
    pub(super) fn pull(
        &self,
        x: Vec<f64>,
        values: Values,
        multipliers: &Multipliers,
    ) -> Result<Pulled, EvaluationError> {
        self.add(Evaluations { gradients: 1, ..Evaluations::default() });
        let point = self.tensor(&x);
        let gradient = on_host(self.problem.functions().objective.value_and_grad(&point)?.1);
        let pull = on_host(self.lagrangian(multipliers).value_and_grad(&point)?.1);
        Ok(Pulled { x, values, gradient, pull })
    }

    /// f + λᵀ·h + μᵀ·g.
    fn lagrangian(&self, multipliers: &Multipliers) -> Function<'a, M, (I, Tensor<1>, Tensor<1>), 1> {
        // A missing constraint has one multiplier, which is unused.
        let weights = |values: &[f64]| self.tensor(if values.is_empty() { &[0.0] } else { values });
        self.problem.functions().lagrangian.clone().with_inputs((
            self.problem.inputs().clone(),
            weights(&multipliers.equality),
            weights(&multipliers.inequality),
        ))
    }

    /// Computes the Hessian of the Lagrangian.
    pub(super) fn hessian(&self, x: &[f64], multipliers: &Multipliers) -> Result<Symmetric, EvaluationError> {
        self.add(Evaluations { hessians: 1, ..Evaluations::default() });
        Ok(Symmetric::from_tensor(self.lagrangian(multipliers).hessian(&self.tensor(x))?))
    }
}

/// A vector as numbers in f64.
pub(super) fn on_host(vector: Tensor<1>) -> Vec<f64> {
    vector.without_autodiff().cast(DType::F64).into_data().try_into_vec_as().expect("just cast")
}
