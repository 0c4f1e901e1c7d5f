//! An ℓ1 penalty as a smooth function.

use burn::tensor::Tensor;
use kiln_tensor::{
    derivative::{EvaluationError, Hessian, Objective},
    linalg::Symmetric,
};

use super::host::on_host;
use crate::solver::SolverError;

/// An ℓ1 penalty as a problem with bounds, which can have a certificate.
///
/// The function is f(u − v) + Σ λ·(u + v) for u, v ≥ 0. Its minimum is that of f(x) + Σ λ·|x| at x = u − v. The vector `[2n]` holds
/// u, then v.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::{constrained::{Bounded, Certifiable, Certificate, Split, split}, solver::{L1, Stop, minimize, owlqn}};
/// use kiln_tensor::derivative::Function;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let device = Device::default();
/// let start = Tensor::<1>::from_data([3.0, 0.5], &device);
/// let f = Function::of_vector(start.clone(), |x: Tensor<1>| (x - 1.0).square().sum() * 0.5);
/// let lambda = Tensor::<1>::from_data([0.25, 1.5], &device);
/// let outcome = minimize(&f, start, &owlqn(L1::new(lambda.clone())?), &Stop::default())?;
///
/// let smooth = Split::new(&f, lambda)?;
/// let problem = Bounded::new(&smooth, vec![0.0; 4], vec![f64::INFINITY; 4])?;
/// let x = split(outcome.x);                                  // (0.75, 0, 0, 0)
/// let certificate = Certificate::of(&problem, &x, &problem.bound_multipliers(&x, &[], &[], 1e-5)?)?;
/// assert!(certificate.holds());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Split<'f, P> {
    objective: &'f P,
    lambda: Tensor<1>,
}

impl<'f, P> Split<'f, P> {
    /// Returns the function with weights λ `[n]`, each finite and at least 0.
    ///
    /// # Errors
    /// Returns [`SolverError::Option`].
    pub fn new(objective: &'f P, lambda: Tensor<1>) -> Result<Self, SolverError> {
        let lambda = lambda.without_autodiff();
        match on_host(lambda.clone()).into_iter().find(|lambda| !(lambda.is_finite() && *lambda >= 0.0)) {
            None => Ok(Self { objective, lambda }),
            Some(got) => Err(SolverError::Option { name: "lambda", expected: "finite and at least 0", got }),
        }
    }
}

/// Splits x `[n]` into a vector `[2n]` of u = max(x, 0) and v = max(−x, 0).
pub fn split(x: Tensor<1>) -> Tensor<1> {
    Tensor::cat(vec![x.clone().clamp_min(0.0), x.neg().clamp_min(0.0)], 0)
}

/// Joins a vector `[2n]` to u − v `[n]`.
pub fn joined(parts: &Tensor<1>) -> Tensor<1> {
    let n = parts.dims()[0] / 2;
    parts.clone().narrow(0, 0, n) - parts.clone().narrow(0, n, n)
}

impl<P: Objective> Objective for Split<'_, P> {
    fn rounding_units(&self) -> f64 {
        self.objective.rounding_units()
    }

    fn scale(&self) -> f64 {
        self.objective.scale()
    }

    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        let n = x.dims()[0] / 2;
        let (value, gradient) = self.objective.value_and_grad(&joined(x))?;
        let (lambda, sums) = (self.lambda.clone(), x.clone().narrow(0, 0, n) + x.clone().narrow(0, n, n));
        let slopes = Tensor::cat(vec![gradient.clone() + lambda.clone(), lambda.clone() - gradient], 0);
        Ok((value + (sums * lambda).sum(), slopes))
    }
}

impl<P: Hessian> Hessian for Split<'_, P> {
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        let hessian = self.objective.hessian(&joined(x))?;
        let n = hessian.rows();
        let sign = |i: usize, j: usize| if (i < n) == (j < n) { 1.0 } else { -1.0 };
        Ok(Symmetric::from_fn(2 * n, |i, j| sign(i, j) * hessian.at(i % n, j % n)))
    }
}
