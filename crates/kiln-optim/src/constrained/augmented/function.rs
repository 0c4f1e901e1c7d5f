//! L_ρ as a function for a solver.

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::{
    derivative::{EvaluationError, Function, Hessian, HessianProduct, Inputs, Objective},
    linalg::Symmetric,
};

use super::super::host::on_host;

/// λ/ρ and μ/ρ, and the penalties ρ of the equalities and of the inequalities, on the device.
pub(super) type Weights = (Tensor<1>, Tensor<1>, Tensor<1>, Tensor<1>);

/// L_ρ as a function for a solver. It includes the bounds, with their multipliers, if the solver does not keep them.
pub struct Augmented<'a, M, I> {
    pub(super) function: Function<'a, M, (I, Weights), 1>,
    pub(super) bounds: Option<BoundPenalty>,
}

/// ρ/2·Σ max(0, lower − x + ν₋/ρ)² + ρ/2·Σ max(0, x − upper + ν₊/ρ)².
pub(super) struct BoundPenalty {
    /// lower + ν₋/ρ; −∞ means no bound.
    pub(super) lower: Tensor<1>,
    /// upper − ν₊/ρ; ∞ means no bound.
    pub(super) upper: Tensor<1>,
    pub(super) penalty: f64,
}

impl BoundPenalty {
    /// Signed distance from the box to x, 0 inside.
    fn beyond(&self, x: &Tensor<1>) -> Tensor<1> {
        let (below, above) = (x.clone() - self.lower.clone(), x.clone() - self.upper.clone());
        below.clamp_max(0.0) + above.clamp_min(0.0)
    }

    /// The penalty where x is outside of the box, 0 inside.
    fn outside(&self, x: &Tensor<1>) -> Tensor<1> {
        let beyond = self.beyond(x);
        beyond.zeros_like().mask_fill(beyond.not_equal_scalar(0.0), self.penalty)
    }
}

impl<M: Module, I: Inputs> Objective for Augmented<'_, M, I> {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        let (value, gradient) = Function::value_and_grad(&self.function, x)?;
        Ok(match &self.bounds {
            None => (value, gradient),
            Some(bounds) => {
                let beyond = bounds.beyond(x);
                let cost = beyond.clone().square().sum() * (0.5 * bounds.penalty);
                (value + cost, gradient + beyond * bounds.penalty)
            }
        })
    }
}

impl<M: Module, I: Inputs> HessianProduct for Augmented<'_, M, I> {
    fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        let product = Function::hvp(&self.function, x, v)?;
        Ok(match &self.bounds {
            None => product,
            Some(bounds) => product + bounds.outside(x) * v.clone(),
        })
    }
}

impl<M: Module, I: Inputs> Hessian for Augmented<'_, M, I> {
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        let hessian = Symmetric::from_tensor(Function::hessian(&self.function, x)?);
        Ok(match &self.bounds {
            None => hessian,
            Some(bounds) => {
                let outside = on_host(bounds.outside(x));
                Symmetric::from_fn(hessian.rows(), |i, j| hessian.at(i, j) + if i == j { outside[i] } else { 0.0 })
            }
        })
    }
}
