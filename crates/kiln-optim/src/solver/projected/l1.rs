//! An l1 penalty.

use burn::tensor::Tensor;

use super::{Piece, Region};
use crate::solver::{
    SolverError,
    problem::{Point, read},
};

/// Σ λᵢ·|xᵢ| added to the function, for [`ProjectedLbfgs`](super::ProjectedLbfgs): the solution has zeros, exactly so (Tibshirani,
/// 1996); with a squared penalty in the function itself it is the elastic net (Zou and Hastie, 2005). The outcome's value includes
/// the penalty, its gradient does not. What must become small is the largest entry of the subgradient of least length (Andrew and
/// Gao, 2007, (4)): zero at a minimum.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{L1, Stop, minimize, owlqn};
/// use kiln_tensor::derivative::Function;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Device::default();
/// let vector = |values: [f64; 2]| Tensor::<1>::from_data(values, &device);
/// let f = Function::of_vector(vector([0.0, 0.0]), move |x: Tensor<1>| {
///     (x.clone() - Tensor::<1>::from_data([3.0, 0.5], &x.device())).square().sum() * 0.5
/// });
/// let outcome = minimize(&f, f.parameters(), &owlqn(L1::new(vector([1.0, 1.0]))?), &Stop::default())?;
/// assert!(outcome.success);
/// assert_eq!(outcome.x.try_into_vec_as::<f32>()?, [2.0, 0.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct L1 {
    weights: Tensor<1>,
}

impl L1 {
    /// The λ `[n]`, zero for coordinates that are free.
    ///
    /// # Errors
    /// When one is negative or not finite.
    pub fn new(weights: Tensor<1>) -> Result<Self, SolverError> {
        let weights = weights.without_autodiff();
        let [smallest, largest] = read([weights.clone().min(), weights.clone().max()]);
        let got = if smallest >= 0.0 { largest } else { smallest };
        if !(smallest >= 0.0 && largest.is_finite()) {
            return Err(SolverError::Option { name: "weights", expected: "finite numbers, 0 or more", got });
        }
        Ok(Self { weights })
    }

    /// The subgradient of least length, `[n]`: ∇f + λ·sign(x); at zero what is left of ∇f when λ is taken off.
    fn pseudo_gradient(&self, at: &Point) -> Tensor<1> {
        let (x, g) = (&at.x, &at.gradient);
        let away = g.clone() + self.weights.clone() * x.clone().sign();
        let shrunk = g.clone().sign() * (g.clone().abs() - self.weights.clone()).clamp_min(0.0);
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
        Some((self.weights.clone() * x.clone().abs()).sum())
    }

    /// The orthant of x, and where x is zero the one to which the subgradient points. Without a penalty there are no orthants.
    fn piece(&self, at: &Point) -> Piece {
        let gradient = self.pseudo_gradient(at);
        let zero = at.x.clone().equal_scalar(0.0);
        let sign = at.x.clone().sign().mask_where(zero, gradient.clone().sign().neg());
        let unpenalised = self.weights.clone().equal_scalar(0.0);
        let bound = |held: Tensor<1>, none: f64| {
            held.zeros_like().mask_fill(held.lower_scalar(0.0).bool_or(unpenalised.clone()), none)
        };
        Piece { lower: bound(sign.clone(), f64::NEG_INFINITY), upper: bound(sign.neg(), f64::INFINITY), gradient }
    }

    fn stationarity(&self, at: &Point) -> f64 {
        let [largest] = read([self.pseudo_gradient(at).abs().max()]);
        largest
    }
}
