//! What a problem is at one point.

use burn::module::Module;
use kiln_tensor::{derivative::Inputs, linalg::Matrix};

use super::{host::Host, kkt::largest};
use crate::solver::SolverError;

/// The numbers of a point, on the host.
#[derive(Clone, Debug)]
pub struct Values {
    /// f.
    pub objective: f64,
    /// h.
    pub equality: Vec<f64>,
    /// g.
    pub inequality: Vec<f64>,
}

impl Values {
    /// Whether all are numbers.
    pub fn is_finite(&self) -> bool {
        self.objective.is_finite() && self.equality.iter().chain(&self.inequality).all(|value| value.is_finite())
    }

    /// The largest violation of h = 0 and g ≤ 0.
    pub fn violation(&self) -> f64 {
        largest(self.equality.iter().map(|h| h.abs()).chain(self.inequality.iter().copied()))
    }

    /// The sum of all violations of h = 0 and g ≤ 0.
    pub fn total_violation(&self) -> f64 {
        self.equality.iter().map(|h| h.abs()).sum::<f64>() + self.inequality.iter().map(|g| g.max(0.0)).sum::<f64>()
    }
}

/// The first derivatives of a point, on the host.
#[derive(Clone, Debug)]
pub struct Slopes {
    /// ∇f, `[n]`.
    pub gradient: Vec<f64>,
    /// The Jacobian of h, one row for each entry.
    pub equality: Matrix,
    /// The Jacobian of g.
    pub inequality: Matrix,
}

impl Slopes {
    /// Whether all are numbers.
    pub fn is_finite(&self) -> bool {
        self.gradient.iter().all(|x| x.is_finite()) && self.equality.is_finite() && self.inequality.is_finite()
    }

    /// Of a step d: ∇fᵀ·d, and h and g made linear.
    pub(super) fn linear(&self, d: &[f64], values: &Values) -> Values {
        let after = |matrix: &Matrix, values: &[f64]| -> Vec<f64> {
            matrix.multiply(d).iter().zip(values).map(|(change, value)| value + change).collect()
        };
        Values {
            objective: self.gradient.iter().zip(d).map(|(g, d)| g * d).sum(),
            equality: after(&self.equality, &values.equality),
            inequality: after(&self.inequality, &values.inequality),
        }
    }

    /// ∇L of f, h and g: the bounds are left out.
    pub(super) fn lagrangian(&self, equality: &[f64], inequality: &[f64]) -> Vec<f64> {
        let (h, g) = (self.equality.transpose_multiply(equality), self.inequality.transpose_multiply(inequality));
        self.gradient.iter().zip(h.iter().zip(&g)).map(|(f, (h, g))| f + h + g).collect()
    }
}

/// A point with its numbers and first derivatives.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The point, `[n]`.
    pub x: Vec<f64>,
    /// f, h and g there.
    pub values: Values,
    /// Their first derivatives.
    pub slopes: Slopes,
}

impl Evaluated {
    pub(super) fn at<'a, M: Module + 'a, I: Inputs + 'a>(
        host: &Host<'_, 'a, M, I>,
        x: Vec<f64>,
    ) -> Result<Self, SolverError> {
        Ok(Self { values: host.values(&x)?, slopes: host.slopes(&x)?, x })
    }

    /// Whether all are numbers.
    pub fn is_finite(&self) -> bool {
        self.values.is_finite() && self.slopes.is_finite()
    }
}
