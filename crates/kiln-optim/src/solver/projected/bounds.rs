//! Lower and upper bounds.

use burn::tensor::Tensor;

use super::{Region, SmoothBox};
use crate::solver::{
    SolverError,
    problem::{Point, read},
    vector::{HostVector, IntoVector},
};

/// Bounds lower ≤ x ≤ upper, for [`ProjectedLbfgs`](super::ProjectedLbfgs) and
/// [`ProjectedGradient`](crate::solver::ProjectedGradient).
///
/// The optimality measure is the projected gradient, the largest absolute entry of P(x − ∇f) − x, as in SciPy's L-BFGS-B. It is computed
/// without cancellation, so that it is right for large x in f32 too. The start is projected.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Bounds, Stop, lbfgs_b, minimize};
/// use kiln_tensor::derivative::Function;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let start = Tensor::<1>::zeros([2], &Device::default());
/// let f = Function::of_vector(start, |x: Tensor<1>| (x - 1.0).square().sum());
/// let bounds = Bounds::new([0.0, 0.0], [0.5, f64::INFINITY])?;
/// let outcome = minimize(&f, f.parameters(), &lbfgs_b(bounds), &Stop::default())?;
/// assert!(outcome.success);
/// assert_eq!(outcome.x.try_into_vec_as::<f32>()?, [0.5, 1.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Bounds {
    lower: HostVector,
    upper: HostVector,
}

/// How near a bound is taken for met, relative to the distance of the bounds, at most 1.
const NEAR: f64 = 1e-3;

impl Bounds {
    /// Returns bounds from two vectors of n numbers: slices, arrays, `Vec`s or tensors. An infinite entry means no bound.
    ///
    /// # Errors
    /// Returns [`SolverError::Length`] if the lengths differ, and [`SolverError::Option`] if a lower bound is above the upper one,
    /// or an entry is NaN.
    pub fn new(lower: impl IntoVector, upper: impl IntoVector) -> Result<Self, SolverError> {
        let (lower, upper) = (HostVector::new(lower), HostVector::new(upper));
        let (expected, got) = (lower.numbers().len(), upper.numbers().len());
        if expected != got {
            return Err(SolverError::Length { name: "upper", expected, got });
        }
        for (&low, &high) in lower.numbers().iter().zip(upper.numbers()) {
            if low > high || low.is_nan() || high.is_nan() {
                let expected = "at most upper, entry by entry";
                return Err(SolverError::Option { name: "lower", expected, got: low });
            }
            if low == f64::INFINITY || high == f64::NEG_INFINITY {
                let lower = ("lower", "below infinity", low);
                let (name, expected, got) = if low > 0.0 { lower } else { ("upper", "above -infinity", high) };
                return Err(SolverError::Option { name, expected, got });
            }
        }
        Ok(Self { lower, upper })
    }

    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        let (lower, upper) = (self.lower.like(&x), self.upper.like(&x));
        super::between(x, &lower, &upper)
    }

    /// x − P(x − ∇f) without the difference of two large numbers, which would hide a small gradient: ∇f between x − upper and
    /// x − lower.
    pub(in crate::solver) fn projected_gradient(&self, x: &Tensor<1>, g: &Tensor<1>) -> Tensor<1> {
        let (lower, upper) = (self.lower.like(x), self.upper.like(x));
        super::between(g.clone(), &(x.clone() - upper), &(x.clone() - lower))
    }
}

impl Region for Bounds {
    fn validate(&self, n: usize) -> Result<(), SolverError> {
        super::fits("lower", &self.lower, n)
    }

    fn nearest(&self, x: Tensor<1>) -> Tensor<1> {
        self.project(x)
    }

    fn penalty(&self, _: &Tensor<1>) -> Option<Tensor<1>> {
        None
    }

    fn piece(&self, at: &Point) -> SmoothBox {
        let (lower, upper) = (self.lower.like(&at.x), self.upper.like(&at.x));
        // A bound that is about to be met is taken for one that is met: else each step could be cut short by another bound.
        let near = self.projected_gradient(&at.x, &at.gradient).abs().max();
        let near = ((upper.clone() - lower.clone()).clamp_max(1.0) * NEAR).min_pair(near.expand(lower.shape()));
        SmoothBox { lower, upper, near, gradient: at.gradient.clone() }
    }

    fn stationarity(&self, at: &Point) -> f64 {
        let [largest] = read([self.projected_gradient(&at.x, &at.gradient).abs().max()]);
        largest
    }
}
