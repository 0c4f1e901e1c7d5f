//! Certificates of solutions.

mod active;
mod error;
mod verify;

use std::fmt::{self, Display, Formatter};

use burn::tensor::Tensor;
use kiln_tensor::{
    device::machine_epsilon,
    linalg::{Matrix, Symmetric},
};
use serde::{Deserialize, Serialize};

use self::active::Active;
pub use self::{
    active::{SecondOrder, Side},
    error::CertificateError,
};
use super::{
    Certifiable, ConstrainedStop,
    evaluated::{Evaluated, Slopes},
    kkt::{Multipliers, Residuals, residuals, scale},
};
use crate::{norms::largest, solver::minimum::MAX_DENSE};

/// What a certificate proves of its point, if it [`holds`](Certificate::holds).
///
/// # Example
/// ```
/// use kiln_optim::constrained::Proof;
///
/// assert_eq!(Proof::StrictLocalMinimum.to_string(), "a strict local minimum");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// The first-order conditions hold. The point may be a minimum, a saddle or a maximum.
    Stationary,
    /// The second-order condition holds too, so f is larger at every other feasible point nearby.
    StrictLocalMinimum,
    /// The problem is convex, so f is nowhere smaller.
    GlobalMinimum,
}

impl Display for Proof {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stationary => "a stationary point",
            Self::StrictLocalMinimum => "a strict local minimum",
            Self::GlobalMinimum => "a global minimum",
        })
    }
}

/// A point, its multipliers, and the numbers that show that it is a solution.
///
/// All numbers are computed from the problem, the point and the multipliers; it does not matter how these were found. A certificate
/// in f64 shows most.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::{
///     constrained::{Bounded, Certifiable, Certificate},
///     solver::{Stop, minimize, newton},
/// };
/// use kiln_tensor::derivative::Function;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let device = Device::default();
/// let f = Function::of_vector(Tensor::<1>::zeros([2], &device), |x: Tensor<1>| (x - 1.0).square().sum());
/// let outcome = minimize(&f, f.parameters(), &newton(), &Stop::default())?;
/// let problem = Bounded::free(&f, 2);
/// let multipliers = problem.bound_multipliers(&outcome.x, &[], &[], 1e-6)?;
/// let certificate = Certificate::of(&problem, &outcome.x, &multipliers)?;
/// assert!(certificate.holds());
/// certificate.verify(&problem, &device)?; // computes every number again
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The point x.
    pub x: Vec<f64>,
    /// The value f(x).
    pub fun: f64,
    /// The multipliers, in the order of the problem's constraints, with the signs of [`constrained`](super).
    pub multipliers: Multipliers,
    /// The four residuals.
    pub residuals: Residuals,
    /// max(1, max |∇f|), the unit of the residuals that have the units of f.
    pub scale: f64,
    /// The tolerance of the residuals, as in [`ConstrainedStop`].
    pub tol: f64,
    /// The active inequalities and bounds: those that hold as equations within `tol`, or whose multiplier is larger than what is left to
    /// them.
    pub active: Vec<Side>,
    /// Number of active constraints, including equalities.
    pub active_count: usize,
    /// The rank of their gradients. If it equals `active_count`, the gradients are linearly independent (LICQ) and the multipliers
    /// are unique.
    pub active_rank: usize,
    /// What the numbers prove. None in files of older versions.
    #[serde(default)]
    pub proves: Option<Proof>,
    /// The second-order condition; none for more than 1000 unknowns.
    pub second_order: Option<SecondOrder>,
    /// f(x) − L(x, λ, μ, ν), if the problem is convex. Then f is nowhere smaller than f(x) minus this gap, up to the residual of
    /// stationarity: at x', by ‖∇L‖·‖x − x'‖.
    pub duality_gap: Option<f64>,
}

/// A certificate, and what is needed to compare its numbers.
struct Computed {
    certificate: Certificate,
    /// The largest entry of the Lagrangian's Hessian.
    curvature: f64,
    /// The largest sum of absolute terms in an entry of ∇L.
    forces: f64,
}

impl Certificate {
    /// Computes the certificate of a point `[n]` and its multipliers, with the default tolerance for the float type of `x`.
    ///
    /// # Errors
    /// Returns [`CertificateError`] if they do not fit the problem, or it cannot be evaluated. Use [`verify`](Self::verify) or
    /// [`holds`](Self::holds) to learn whether the residuals are small.
    pub fn of(
        problem: &(impl Certifiable + ?Sized),
        x: &Tensor<1>,
        multipliers: &Multipliers,
    ) -> Result<Self, CertificateError> {
        Self::with_tolerance(problem, x, multipliers, ConstrainedStop::default().tolerance(x.dtype()))
    }

    /// Computes the certificate with a given tolerance.
    ///
    /// # Errors
    /// Those of [`of`](Self::of).
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
        let rounding = machine_epsilon(x.dtype());
        let active = Active::at(problem, &at, tol, multipliers);
        let hessian = if n <= MAX_DENSE { Some(problem.lagrangian_hessian(x, multipliers)?) } else { None };
        let curvature = hessian.as_ref().map_or(0.0, Symmetric::largest);
        let forces = forces(&at.slopes, multipliers);
        let residuals = residuals(&at.x, bounds, &at.values, &at.slopes, multipliers);
        let accuracy = (tol * scale, residuals.largest());
        let second_order = hessian.map(|hessian| active.second_order(&hessian, accuracy, rounding));
        let proves = match &second_order {
            _ if problem.is_convex() => Proof::GlobalMinimum,
            Some(SecondOrder { sufficient: true, .. }) => Proof::StrictLocalMinimum,
            _ => Proof::Stationary,
        };
        let certificate = Self {
            proves: Some(proves),
            fun: at.values.objective,
            multipliers: multipliers.clone(),
            residuals,
            scale,
            tol,
            active_count: active.count(),
            active_rank: active.rank(rounding),
            second_order,
            active: active.sides(),
            duality_gap: problem.is_convex().then(|| duality_gap(&at, bounds, multipliers)),
            x: at.x,
        };
        Ok(Computed { certificate, curvature, forces })
    }

    /// Whether the gradients of the active constraints are linearly independent at points nearby too.
    pub(super) fn is_regular(
        problem: &(impl Certifiable + ?Sized),
        x: &Tensor<1>,
        multipliers: &Multipliers,
        tol: f64,
    ) -> Result<bool, CertificateError> {
        /// Relative distance of a gradient from the others.
        const APART: f64 = 1e-4;
        Ok(Active::at(problem, &problem.evaluate(x)?, tol, multipliers).is_regular(APART))
    }

    /// Returns whether the four residuals are within the tolerance.
    pub fn holds(&self) -> bool {
        self.condition_that_fails(0.0).is_none()
    }
}

/// The largest sum of absolute terms in an entry of ∇L.
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
