//! An ℓ1 penalty.

use burn::tensor::Tensor;

use super::{Region, SmoothBox};
use crate::solver::{
    SolverError,
    problem::{Point, read},
    vector::{HostVector, IntoVector},
};

/// The penalty Σ λᵢ·|xᵢ| on the function, for [`ProjectedLbfgs`](super::ProjectedLbfgs).
///
/// The solution has entries that are exactly 0 (the lasso: Tibshirani, 1996). With a squared penalty in the function, it is the
/// elastic net (Zou and Hastie, 2005). The outcome's value includes the penalty, its gradient does not. The optimality measure is
/// the largest absolute entry of the subgradient of least norm (Andrew and Gao, 2007, eq. 4), which is 0 at a minimum.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{L1, Stop, minimize, owlqn};
/// use kiln_tensor::derivative::Function;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let start = Tensor::<1>::zeros([2], &Device::default());
/// let f = Function::of_vector(start, |x: Tensor<1>| {
///     (x.clone() - Tensor::<1>::from_data([3.0, 0.5], &x.device())).square().sum() * 0.5
/// });
/// let outcome = minimize(&f, f.parameters(), &owlqn(L1::new([1.0, 1.0])?), &Stop::default())?;
/// assert!(outcome.success);
/// assert_eq!(outcome.x.try_into_vec_as::<f32>()?, [2.0, 0.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct L1 {
    weights: HostVector,
}

impl L1 {
    /// Returns a penalty with weights λ from n numbers: a slice, an array, a `Vec` or a tensor. Use 0 for variables without a
    /// penalty.
    ///
    /// # Errors
    /// Returns [`SolverError::Option`] if a weight is negative or not finite.
    pub fn new(weights: impl IntoVector) -> Result<Self, SolverError> {
        let weights = HostVector::new(weights);
        match weights.numbers().iter().find(|weight| !(weight.is_finite() && **weight >= 0.0)) {
            None => Ok(Self { weights }),
            Some(&got) => Err(SolverError::Option { name: "weights", expected: "finite and not negative", got }),
        }
    }

    /// The subgradient of least norm, `[n]`: ∇f + λ·sign(x), and at 0 the soft threshold of ∇f.
    fn pseudo_gradient(&self, at: &Point) -> Tensor<1> {
        let (x, g, weights) = (&at.x, &at.gradient, self.weights.like(&at.x));
        let away = g.clone() + weights.clone() * x.clone().sign();
        let shrunk = g.clone().sign() * (g.clone().abs() - weights).clamp_min(0.0);
        away.mask_where(x.clone().equal_scalar(0.0), shrunk)
    }
}

impl Region for L1 {
    fn validate(&self, n: usize) -> Result<(), SolverError> {
        super::fits("weights", &self.weights, n)
    }

    fn nearest(&self, x: Tensor<1>) -> Tensor<1> {
        x
    }

    fn penalty(&self, x: &Tensor<1>) -> Option<Tensor<1>> {
        Some((self.weights.like(x) * x.clone().abs()).sum())
    }

    /// The orthant of x. A variable at 0 belongs to the side that the subgradient points away from; without a penalty it has no
    /// side.
    fn piece(&self, at: &Point) -> SmoothBox {
        let gradient = self.pseudo_gradient(at);
        let zero = at.x.clone().equal_scalar(0.0);
        let sign = at.x.clone().sign().mask_where(zero, gradient.clone().sign().neg());
        let unpenalised = self.weights.like(&at.x).equal_scalar(0.0);
        let bound = |held: Tensor<1>, none: f64| {
            held.zeros_like().mask_fill(held.lower_scalar(0.0).bool_or(unpenalised.clone()), none)
        };
        let near = at.x.zeros_like();
        SmoothBox {
            lower: bound(sign.clone(), f64::NEG_INFINITY),
            upper: bound(sign.neg(), f64::INFINITY),
            near,
            gradient,
        }
    }

    fn stationarity(&self, at: &Point) -> f64 {
        let [largest] = read([self.pseudo_gradient(at).abs().max()]);
        largest
    }
}
