//! An objective with bounds, for its certificate.

use burn::tensor::Tensor;
use kiln_tensor::{
    derivative::{EvaluationError, Hessian},
    linalg::{Matrix, Symmetric},
};

use super::{
    Certifiable, Multipliers, ProblemError,
    evaluated::{Evaluated, Slopes, Values},
    host::on_host,
    problem::check_bounds,
};
use crate::solver::IntoVector;

/// An objective with its derivatives and bounds, for a [`Certificate`](super::Certificate) of a solution found without constraints.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::{constrained::{Bounded, Certifiable, Certificate}, solver::{Stop, minimize, newton}};
/// use kiln_tensor::derivative::Function;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let start = Tensor::<1>::from_data([3.0, -1.0], &Device::default());
/// let bowl = Function::of_vector(start.clone(), |x: Tensor<1>| x.square().sum());
/// let outcome = minimize(&bowl, start, &newton(), &Stop::default())?;
/// let problem = Bounded::free(&bowl, 2).convex();
/// let certificate = Certificate::of(&problem, &outcome.x, &problem.bound_multipliers(&outcome.x, &[], &[], 1e-5)?)?;
/// assert!(certificate.holds());
/// assert!((certificate.second_order.unwrap().smallest_eigenvalue.unwrap() - 2.0).abs() < 1e-5);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Bounded<'f, P> {
    objective: &'f P,
    lower: Vec<f64>,
    upper: Vec<f64>,
    convex: bool,
}

impl<'f, P: Hessian> Bounded<'f, P> {
    /// Returns a problem with `n` unknowns and no bounds.
    pub fn free(objective: &'f P, n: usize) -> Self {
        Self { objective, lower: vec![f64::NEG_INFINITY; n], upper: vec![f64::INFINITY; n], convex: false }
    }

    /// Returns a problem with bounds, which are slices, arrays, `Vec`s or tensors. An infinite entry means no bound.
    ///
    /// # Errors
    /// Returns [`ProblemError`] if the lengths differ, or no number lies between two bounds.
    pub fn new(objective: &'f P, lower: impl IntoVector, upper: impl IntoVector) -> Result<Self, ProblemError> {
        let (lower, upper) = (lower.into_vector(), upper.into_vector());
        check_bounds(lower.len(), &lower, &upper)?;
        Ok(Self { objective, lower, upper, convex: false })
    }

    /// Declares that the objective is convex.
    #[must_use]
    pub fn convex(mut self) -> Self {
        self.convex = true;
        self
    }
}

impl<P: Hessian> Certifiable for Bounded<'_, P> {
    fn unknowns(&self) -> usize {
        self.lower.len()
    }
    fn lower(&self) -> &[f64] {
        &self.lower
    }
    fn upper(&self) -> &[f64] {
        &self.upper
    }
    fn is_convex(&self) -> bool {
        self.convex
    }
    fn inequality_names(&self) -> Vec<String> {
        Vec::new()
    }
    fn evaluate(&self, x: &Tensor<1>) -> Result<Evaluated, EvaluationError> {
        let (value, gradient) = self.objective.value_and_grad(x)?;
        let none = || Matrix::from_fn(0, self.lower.len(), |_, _| 0.0);
        Ok(Evaluated {
            x: on_host(x.clone()),
            values: Values { objective: on_host(value)[0], equality: Vec::new(), inequality: Vec::new() },
            slopes: Slopes { gradient: on_host(gradient), equality: none(), inequality: none() },
        })
    }
    fn lagrangian_hessian(&self, x: &Tensor<1>, _: &Multipliers) -> Result<Symmetric, EvaluationError> {
        self.objective.hessian(x)
    }
}
