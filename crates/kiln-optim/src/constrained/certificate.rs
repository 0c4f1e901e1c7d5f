//! What shows that a point is a solution, for anyone to check.

mod active;
mod verify;

use burn::tensor::Tensor;
use kiln_tensor::{
    device::rounding_unit,
    linalg::{Matrix, Symmetric},
};
use serde::{Deserialize, Serialize};

use self::active::Active;
pub use self::{
    active::{SecondOrder, Side},
    verify::CertificateError,
};
use super::{
    Certifiable, Stop,
    evaluated::{Evaluated, Slopes},
    kkt::{Multipliers, Residuals, largest, residuals, scale},
};

/// A point, its multipliers, and all that tells that it is a solution. Every number is computed from the problem, the point and the
/// multipliers; how these were found plays no part. Numbers of f64 show most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The point.
    pub x: Vec<f64>,
    /// f there.
    pub fun: f64,
    /// The multipliers, in the order of the problem's constraints; [`constrained`](super) has the signs.
    pub multipliers: Multipliers,
    /// The four residuals.
    pub residuals: Residuals,
    /// max(1, max |∇f|), which the residuals in units of f are held against.
    pub scale: f64,
    /// What the residuals must be within, as a [`Stop`] has it.
    pub tol: f64,
    /// The inequalities and bounds that hold as equations, within `tol`.
    pub active: Vec<Side>,
    /// How many constraints hold as equations, equalities included.
    pub active_count: usize,
    /// The rank of their gradients. Equal to `active_count`, they are independent (LICQ), and the multipliers are the only ones.
    pub active_rank: usize,
    /// The second order condition; none for more than 1000 unknowns.
    pub second_order: Option<SecondOrder>,
    /// f(x) − L(x, λ, μ, ν) where the problem is convex. L is smallest where ∇L is 0, so f is nowhere smaller than f(x) by more, but for
    /// what is left of ∇L: by ‖∇L‖·‖x − x'‖ at x'.
    pub duality_gap: Option<f64>,
}

/// A certificate, and what it takes to compare its numbers with another's.
struct Computed {
    certificate: Certificate,
    /// The largest entry of the Lagrangian's Hessian.
    curvature: f64,
    /// The largest sum of the absolute values of the terms that an entry of ∇L is the sum of.
    forces: f64,
}

impl Certificate {
    /// Of a point `[n]` and its multipliers, with the tolerance that is usual for the type of `x`.
    ///
    /// # Errors
    /// When they do not fit the problem, or it cannot be evaluated. Whether the residuals are small is for [`verify`](Self::verify) to say.
    pub fn of(
        problem: &(impl Certifiable + ?Sized),
        x: &Tensor<1>,
        multipliers: &Multipliers,
    ) -> Result<Self, CertificateError> {
        Self::with_tolerance(problem, x, multipliers, Stop::default().tolerance(x.dtype()))
    }

    /// The same with a tolerance of one's own.
    ///
    /// # Errors
    /// As [`of`](Self::of).
    pub fn with_tolerance(
        problem: &(impl Certifiable + ?Sized),
        x: &Tensor<1>,
        multipliers: &Multipliers,
        tol: f64,
    ) -> Result<Self, CertificateError> {
        Ok(Self::compute(problem, x, multipliers, tol)?.certificate)
    }

    fn compute(
        problem: &(impl Certifiable + ?Sized),
        x: &Tensor<1>,
        multipliers: &Multipliers,
        tol: f64,
    ) -> Result<Computed, CertificateError> {
        let length = |what, expected, got| {
            if expected == got { Ok(()) } else { Err(CertificateError::Length { what, expected, got }) }
        };
        let n = problem.unknowns();
        length("numbers in x", n, x.dims()[0])?;
        let at = problem.evaluate(x)?;
        let Multipliers { equality, inequality, lower, upper } = multipliers;
        length("multipliers of equalities", at.values.equality.len(), equality.len())?;
        length("multipliers of inequalities", at.values.inequality.len(), inequality.len())?;
        length("multipliers of lower bounds", n, lower.len())?;
        length("multipliers of upper bounds", n, upper.len())?;
        let bounds = (problem.lower(), problem.upper());
        let scale = scale(&at.slopes.gradient);
        let rounding = rounding_unit(x.dtype());
        let active = Active::at(problem, &at, tol, multipliers);
        let hessian = if n <= active::DENSE { Some(problem.lagrangian_hessian(x, multipliers)?) } else { None };
        let curvature = hessian.as_ref().map_or(0.0, Symmetric::largest);
        let forces = forces(&at.slopes, multipliers);
        let certificate = Self {
            fun: at.values.objective,
            multipliers: multipliers.clone(),
            residuals: residuals(&at.x, bounds, &at.values, &at.slopes, multipliers),
            scale,
            tol,
            active_count: active.count(),
            active_rank: active.rank(rounding),
            second_order: hessian.map(|hessian| active.second_order(&hessian, tol * scale, rounding)),
            active: active.sides(),
            duality_gap: problem.is_convex().then(|| duality_gap(&at, bounds, multipliers)),
            x: at.x,
        };
        Ok(Computed { certificate, curvature, forces })
    }

    /// Whether the four residuals are within the tolerance.
    pub fn holds(&self) -> bool {
        self.condition_that_fails(0.0).is_none()
    }
}

/// The terms of ∇L.
fn forces(slopes: &Slopes, multipliers: &Multipliers) -> f64 {
    let Multipliers { equality, inequality, lower, upper } = multipliers;
    let column = |matrix: &Matrix, weights: &[f64], j: usize| -> f64 {
        weights.iter().enumerate().map(|(i, weight)| (matrix.at(i, j) * weight).abs()).sum()
    };
    let entry = |j: usize| {
        let pulls = column(&slopes.equality, equality, j) + column(&slopes.inequality, inequality, j);
        slopes.gradient[j].abs() + pulls + lower[j].abs() + upper[j].abs()
    };
    largest((0..lower.len()).map(entry))
}

/// f − L = −(λᵀ·h + μᵀ·g + ν₋ᵀ·(lower − x) + ν₊ᵀ·(x − upper)).
fn duality_gap(at: &Evaluated, (lower, upper): (&[f64], &[f64]), multipliers: &Multipliers) -> f64 {
    let Evaluated { x, values, .. } = at;
    let product = |multiplier: f64, constraint: f64| if multiplier == 0.0 { 0.0 } else { multiplier * constraint };
    let sum = |multipliers: &[f64], constraints: &mut dyn Iterator<Item = f64>| -> f64 {
        multipliers.iter().zip(constraints).map(|(multiplier, constraint)| product(*multiplier, constraint)).sum()
    };
    let inner = sum(&multipliers.equality, &mut values.equality.iter().copied())
        + sum(&multipliers.inequality, &mut values.inequality.iter().copied())
        + sum(&multipliers.lower, &mut lower.iter().zip(x).map(|(low, x)| low - x))
        + sum(&multipliers.upper, &mut upper.iter().zip(x).map(|(high, x)| x - high));
    0.0 - inner
}
