//! Lower and upper bounds.

use burn::tensor::Tensor;

use super::{Piece, Region};
use crate::solver::{
    SolverError,
    problem::{Point, read},
};

/// lower ≤ x ≤ upper, for [`ProjectedLbfgs`](super::ProjectedLbfgs). What must become small is the projected gradient, the largest
/// entry of P(x − ∇f) − x, as for SciPy's L-BFGS-B; the start is projected too.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{Bounds, Stop, lbfgs_b, minimize};
/// use kiln_tensor::derivative::Function;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Device::default();
/// let vector = |values: [f64; 2]| Tensor::<1>::from_data(values, &device);
/// let f = Function::of_vector(vector([0.0, 0.0]), |x: Tensor<1>| (x - 1.0).square().sum());
/// let bounds = Bounds::new(vector([0.0, 0.0]), vector([0.5, f64::INFINITY]))?;
/// let outcome = minimize(&f, f.parameters(), &lbfgs_b(bounds), &Stop::default())?;
/// assert!(outcome.success);
/// assert_eq!(outcome.x.try_into_vec_as::<f32>()?, [0.5, 1.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Bounds {
    lower: Tensor<1>,
    upper: Tensor<1>,
}

impl Bounds {
    /// The two vectors `[n]`, infinite where there is no bound.
    ///
    /// # Errors
    /// When they are not of one length, or a lower bound is above its upper one, or one is not a number.
    pub fn new(lower: Tensor<1>, upper: Tensor<1>) -> Result<Self, SolverError> {
        let (lower, upper) = (lower.without_autodiff(), upper.without_autodiff());
        if lower.dims() != upper.dims() {
            let got = super::length(&upper);
            return Err(SolverError::Option { name: "upper", expected: "as long as lower", got });
        }
        let numbers = |side: &Tensor<1>| -> Vec<f64> { side.to_data().try_into_vec_as().expect("floats") };
        for (low, high) in numbers(&lower).into_iter().zip(numbers(&upper)) {
            if low > high || low.is_nan() || high.is_nan() {
                let expected = "at most upper, entry by entry";
                return Err(SolverError::Option { name: "lower", expected, got: low });
            }
            if low == f64::INFINITY || high == f64::NEG_INFINITY {
                let (name, got) = if low > 0.0 { ("lower", low) } else { ("upper", high) };
                return Err(SolverError::Option { name, expected: "a bound that leaves a number", got });
            }
        }
        Ok(Self { lower, upper })
    }

    fn project(&self, x: Tensor<1>) -> Tensor<1> {
        super::between(x, &self.lower, &self.upper)
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

    fn piece(&self, at: &Point) -> Piece {
        Piece { lower: self.lower.clone(), upper: self.upper.clone(), gradient: at.gradient.clone() }
    }

    fn stationarity(&self, at: &Point) -> f64 {
        let step = self.project(at.x.clone() - at.gradient.clone()) - at.x.clone();
        let [largest] = read([step.abs().max()]);
        largest
    }
}
