//! The functions in units in which their first derivatives at the start are of a usual size.

use kiln_tensor::linalg::Matrix;

use super::super::{
    evaluated::{Evaluated, Slopes, Values},
    kkt::Multipliers,
};
use crate::norms::max_abs;

/// A gradient above this is scaled down to it (Wächter and Biegler, 2006, section 3.8).
const USUAL: f64 = 100.0;
/// The smallest factor.
const SMALLEST: f64 = 1e-8;

/// The factors of f, h and g.
#[derive(Clone, Debug)]
pub(super) struct Units {
    objective: f64,
    equality: Vec<f64>,
    inequality: Vec<f64>,
}

impl Units {
    /// The factors for the derivatives at a point.
    pub(super) fn of(slopes: &Slopes) -> Self {
        let factor = |largest: f64| if largest > USUAL { (USUAL / largest).max(SMALLEST) } else { 1.0 };
        let rows = |matrix: &Matrix| (0..matrix.rows()).map(|i| factor(max_abs(&matrix.row(i)))).collect();
        Self {
            objective: factor(max_abs(&slopes.gradient)),
            equality: rows(&slopes.equality),
            inequality: rows(&slopes.inequality),
        }
    }

    pub(super) fn values(&self, Values { objective, equality, inequality }: &Values) -> Values {
        Values {
            objective: self.objective * objective,
            equality: products(&self.equality, equality),
            inequality: products(&self.inequality, inequality),
        }
    }

    pub(super) fn slopes(&self, Slopes { gradient, equality, inequality }: &Slopes) -> Slopes {
        let rows = |factors: &[f64], matrix: &Matrix| {
            Matrix::from_fn(matrix.rows(), matrix.columns(), |i, j| factors[i] * matrix.at(i, j))
        };
        Slopes {
            gradient: self.gradient(gradient),
            equality: rows(&self.equality, equality),
            inequality: rows(&self.inequality, inequality),
        }
    }

    pub(super) fn evaluated(&self, Evaluated { x, values, slopes }: &Evaluated) -> Evaluated {
        Evaluated { x: x.clone(), values: self.values(values), slopes: self.slopes(slopes) }
    }

    /// The factor of f, and so of the Lagrangian.
    pub(super) fn of_objective(&self) -> f64 {
        self.objective
    }

    /// The multipliers of the functions without these factors.
    pub(super) fn plain(&self, multipliers: &Multipliers) -> Multipliers {
        let unit = 1.0 / self.objective;
        let scaled = |factors: &[f64], multipliers: &[f64]| -> Vec<f64> {
            factors.iter().zip(multipliers).map(|(factor, multiplier)| unit * factor * multiplier).collect()
        };
        let of_bounds = |multipliers: &[f64]| multipliers.iter().map(|multiplier| unit * multiplier).collect();
        Multipliers {
            equality: scaled(&self.equality, &multipliers.equality),
            inequality: scaled(&self.inequality, &multipliers.inequality),
            lower: of_bounds(&multipliers.lower),
            upper: of_bounds(&multipliers.upper),
        }
    }

    fn gradient(&self, gradient: &[f64]) -> Vec<f64> {
        gradient.iter().map(|slope| self.objective * slope).collect()
    }
}

fn products(factors: &[f64], values: &[f64]) -> Vec<f64> {
    factors.iter().zip(values).map(|(factor, value)| factor * value).collect()
}
