//! The Karush-Kuhn-Tucker conditions.

use serde::{Deserialize, Serialize};

use super::evaluated::{Slopes, Values};
use crate::norms::{largest, max_abs};

/// Lagrange multipliers with the signs of the [module](super): those of inequalities and bounds are at least 0.
///
/// # Example
/// ```
/// use kiln_optim::constrained::Multipliers;
///
/// let multipliers = Multipliers { equality: vec![-2.0], lower: vec![0.0, 0.5], upper: vec![0.0; 2], ..Multipliers::default() };
/// assert_eq!(multipliers.largest(), 2.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Multipliers {
    /// λ, one per entry of h.
    pub equality: Vec<f64>,
    /// μ, one per entry of g.
    pub inequality: Vec<f64>,
    /// ν₋, one per unknown; 0 without a bound.
    pub lower: Vec<f64>,
    /// ν₊, one per unknown; 0 without a bound.
    pub upper: Vec<f64>,
}

impl Multipliers {
    /// Multipliers that are all 0.
    pub(super) fn zeros(values: &Values, n: usize) -> Self {
        Self {
            equality: vec![0.0; values.equality.len()],
            inequality: vec![0.0; values.inequality.len()],
            lower: vec![0.0; n],
            upper: vec![0.0; n],
        }
    }

    /// Returns the largest absolute value.
    pub fn largest(&self) -> f64 {
        let Self { equality, inequality, lower, upper } = self;
        largest([equality, inequality, lower, upper].into_iter().flatten().map(|value| value.abs()))
    }
}

/// The residuals of the Karush-Kuhn-Tucker conditions (Nocedal and Wright, *Numerical Optimization*, 2006, theorem 12.1), each as
/// the largest absolute value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Residuals {
    /// max |∇L|, in units of f per unit of x.
    pub stationarity: f64,
    /// The largest violation of h = 0, g ≤ 0 and the bounds.
    pub primal: f64,
    /// The most negative multiplier of an inequality or bound, with the sign changed; 0 if all are at least 0.
    pub dual: f64,
    /// The largest product of a multiplier and its constraint, in units of f.
    pub complementarity: f64,
}

impl Residuals {
    /// Returns the largest of the four residuals.
    pub fn largest(&self) -> f64 {
        let Self { stationarity, primal, dual, complementarity } = *self;
        largest([stationarity, primal, dual, complementarity].into_iter())
    }

    /// Divides the residuals that have the units of f by `scale`.
    pub(super) fn scaled(&self, scale: f64) -> Self {
        let Self { stationarity, primal, dual, complementarity } = *self;
        Self {
            stationarity: stationarity / scale,
            primal,
            dual: dual / scale,
            complementarity: complementarity / scale,
        }
    }
}

/// max(1, max |∇f|), the unit of the residuals that have the units of f.
pub(super) fn scale(gradient: &[f64]) -> f64 {
    max_abs(gradient).max(1.0)
}

/// ∇L, with all constraints.
pub(super) fn lagrangian_gradient(slopes: &Slopes, multipliers: &Multipliers) -> Vec<f64> {
    with_bounds(&slopes.lagrangian(&multipliers.equality, &multipliers.inequality), multipliers)
}

/// ∇L from ∇(f + λᵀ·h + μᵀ·g).
pub(super) fn with_bounds(inner: &[f64], multipliers: &Multipliers) -> Vec<f64> {
    let Multipliers { lower, upper, .. } = multipliers;
    inner.iter().zip(lower.iter().zip(upper)).map(|(inner, (lower, upper))| inner - lower + upper).collect()
}

pub(super) fn residuals(
    x: &[f64],
    (lower, upper): (&[f64], &[f64]),
    values: &Values,
    slopes: &Slopes,
    multipliers: &Multipliers,
) -> Residuals {
    let inner = slopes.lagrangian(&multipliers.equality, &multipliers.inequality);
    residuals_of(x, (lower, upper), values, &inner, multipliers)
}

/// As [`residuals`], from ∇(f + λᵀ·h + μᵀ·g) in place of the Jacobians.
pub(super) fn residuals_of(
    x: &[f64],
    (lower, upper): (&[f64], &[f64]),
    values: &Values,
    inner: &[f64],
    multipliers: &Multipliers,
) -> Residuals {
    let stationarity = with_bounds(inner, multipliers);
    let below = x.iter().zip(lower).map(|(x, low)| low - x);
    let above = x.iter().zip(upper).map(|(x, high)| x - high);
    // A missing bound has the multiplier 0, and 0·∞ is NaN.
    let product =
        |(multiplier, constraint): (&f64, f64)| if *multiplier == 0.0 { 0.0 } else { multiplier * constraint };
    let products = (multipliers.inequality.iter().zip(values.inequality.iter().copied()).map(product))
        .chain(multipliers.lower.iter().zip(below.clone()).map(product))
        .chain(multipliers.upper.iter().zip(above.clone()).map(product));
    let signed = [&multipliers.inequality, &multipliers.lower, &multipliers.upper].into_iter().flatten();
    Residuals {
        stationarity: largest(stationarity.into_iter().map(f64::abs)),
        primal: largest([values.violation()].into_iter().chain(below).chain(above)),
        dual: largest(signed.map(|multiplier| -multiplier)),
        complementarity: largest(products.map(f64::abs)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_number_is_not_lost() {
        let residuals = |values: [f64; 4]| {
            let [stationarity, primal, dual, complementarity] = values;
            Residuals { stationarity, primal, dual, complementarity }
        };
        for at in 0..4 {
            let mut values = [1.0, 2.0, 0.0, 3.0];
            values[at] = f64::NAN;
            assert!(residuals(values).largest().is_nan() && max_abs(&values).is_nan());
        }
        assert_eq!(residuals([1.0, 2.0, 0.0, 3.0]).largest().to_bits(), 3f64.to_bits());
    }
}
