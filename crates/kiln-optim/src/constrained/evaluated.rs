//! A problem's functions at one point.

use kiln_tensor::linalg::Matrix;

use crate::norms::largest;

/// The values of the functions at a point, on the host.
#[derive(Clone, Debug)]
pub struct Values {
    /// The value f.
    pub objective: f64,
    /// The values h.
    pub equality: Vec<f64>,
    /// The values g.
    pub inequality: Vec<f64>,
}

impl Values {
    /// Returns whether all values are finite.
    pub fn is_finite(&self) -> bool {
        self.objective.is_finite() && self.equality.iter().chain(&self.inequality).all(|value| value.is_finite())
    }

    /// Returns the largest violation of h = 0 and g ≤ 0.
    pub fn violation(&self) -> f64 {
        largest(self.equality.iter().map(|h| h.abs()).chain(self.inequality.iter().copied()))
    }

    /// Returns the sum of all violations of h = 0 and g ≤ 0.
    pub fn total_violation(&self) -> f64 {
        self.equality.iter().map(|h| h.abs()).sum::<f64>() + self.inequality.iter().map(|g| g.max(0.0)).sum::<f64>()
    }
}

/// The first derivatives at a point, on the host.
#[derive(Clone, Debug)]
pub struct Slopes {
    /// The gradient ∇f, `[n]`.
    pub gradient: Vec<f64>,
    /// The Jacobian of h, one row per entry.
    pub equality: Matrix,
    /// The Jacobian of g, one row per entry.
    pub inequality: Matrix,
}

impl Slopes {
    /// Returns whether all derivatives are finite.
    pub fn is_finite(&self) -> bool {
        self.gradient.iter().all(|x| x.is_finite()) && self.equality.is_finite() && self.inequality.is_finite()
    }

    /// For a step d: ∇fᵀ·d, and the linearised h and g.
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

    /// ∇(f + λᵀ·h + μᵀ·g), without the bounds.
    pub(super) fn lagrangian(&self, equality: &[f64], inequality: &[f64]) -> Vec<f64> {
        let (h, g) = (self.equality.transpose_multiply(equality), self.inequality.transpose_multiply(inequality));
        self.gradient.iter().zip(h.iter().zip(&g)).map(|(f, (h, g))| f + h + g).collect()
    }
}

/// A point with values and first derivatives.
#[derive(Clone, Debug)]
pub struct Evaluated {
    /// The point x, `[n]`.
    pub x: Vec<f64>,
    /// f, h and g at x.
    pub values: Values,
    /// Their first derivatives at x.
    pub slopes: Slopes,
}

/// A point with values, ∇f, and ∇(f + λᵀ·h + μᵀ·g) for some multipliers: what can be computed without a Jacobian.
#[derive(Clone, Debug)]
pub(super) struct Pulled {
    pub(super) x: Vec<f64>,
    pub(super) values: Values,
    pub(super) gradient: Vec<f64>,
    pub(super) pull: Vec<f64>,
}

impl Pulled {
    pub(super) fn is_finite(&self) -> bool {
        self.values.is_finite() && self.gradient.iter().chain(&self.pull).all(|slope| slope.is_finite())
    }
}

impl Evaluated {
    /// The same point without the Jacobians.
    pub(super) fn pulled(&self, equality: &[f64], inequality: &[f64]) -> Pulled {
        Pulled {
            x: self.x.clone(),
            values: self.values.clone(),
            gradient: self.slopes.gradient.clone(),
            pull: self.slopes.lagrangian(equality, inequality),
        }
    }

    /// Returns whether all numbers are finite.
    pub fn is_finite(&self) -> bool {
        self.values.is_finite() && self.slopes.is_finite()
    }
}
