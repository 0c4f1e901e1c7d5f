//! What shows that a point is a solution, for anyone to check.

use burn::tensor::{Device, Tensor, TensorData};
use kiln_tensor::{
    derivative::EvaluationError,
    device::rounding_unit,
    linalg::{Matrix, Symmetric},
};
use serde::{Deserialize, Serialize};

use super::{
    evaluated::{Certifiable, Evaluated},
    kkt::{Multipliers, Residuals, residuals, scale},
};

/// Unknowns up to which the Hessian is looked at: it has as many rows.
const DENSE: usize = 1000;
/// Which part of the largest singular value counts as none.
const RANK: f64 = 1e-10;

/// A side of a constraint that holds as an equation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// The name of the inequality, or `x[3] ≥ lower`, `x[3] ≤ upper`.
    pub constraint: String,
    /// Its multiplier.
    pub multiplier: f64,
}

/// Whether the Lagrangian is curved upwards along the constraints that hold (Nocedal and Wright, 2006, theorem 12.6).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondOrder {
    /// The dimension of the directions that keep equalities, and inequalities and bounds with a multiplier above 0, as they are.
    pub dimension: usize,
    /// The smallest eigenvalue of the Lagrangian's Hessian among these; none where there is no direction.
    pub smallest_eigenvalue: Option<f64>,
    /// Whether it is above 0: then the point is a strict local minimum.
    pub sufficient: bool,
}

/// A point, its multipliers, and all that tells that it is a solution. Every number is computed from the problem, the point and the
/// multipliers; how these were found plays no part.
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
    /// What the residuals must be within, as a [`Stop`](super::Stop) has it.
    pub tol: f64,
    /// The rounding unit of the numbers that it was computed with.
    pub rounding: f64,
    /// The inequalities and bounds that hold as equations, within `tol`.
    pub active: Vec<Side>,
    /// How many constraints hold as equations, equalities included.
    pub active_count: usize,
    /// The rank of their gradients. Equal to `active_count`, they are independent (LICQ), and the multipliers are the only ones.
    pub active_rank: usize,
    /// The second order condition; none for more than 1000 unknowns.
    pub second_order: Option<SecondOrder>,
    /// f(x) − L(x, λ, μ, ν) where the problem is convex: as L is smallest at x, f cannot be smaller than f(x) by more, anywhere.
    pub duality_gap: Option<f64>,
}

/// Why a certificate does not hold.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Numbers that do not fit the problem.
    #[error("the certificate has {got} {what}, the problem {expected}")]
    Length {
        /// Of which there are too few or too many.
        what: &'static str,
        /// How many the problem has.
        expected: usize,
        /// How many the certificate has.
        got: usize,
    },
    /// A residual that is too large.
    #[error("{condition} does not hold: its residual is {residual:.3e}, and may be {allowed:.3e}")]
    Residual {
        /// Stationarity, primal feasibility, dual feasibility or complementarity.
        condition: &'static str,
        /// The residual.
        residual: f64,
        /// What it must be within.
        allowed: f64,
    },
    /// A number that is another one.
    #[error("{what} is {found}, and the certificate says {claimed}")]
    Differs {
        /// Which.
        what: String,
        /// What the certificate says.
        claimed: String,
        /// What the problem says.
        found: String,
    },
    /// The tolerance allows too much to show anything.
    #[error("the certificate's tolerance is {tol:.1e}; to show anything it must be at most {allowed:.1e}")]
    Tolerance {
        /// What the certificate says.
        tol: f64,
        /// The largest that is believed.
        allowed: f64,
    },
    /// The problem could not be evaluated.
    #[error("the problem could not be evaluated: {0}")]
    Evaluation(#[from] EvaluationError),
}

impl Certificate {
    /// The largest tolerance that is believed: what f32 reaches.
    pub const LARGEST_TOLERANCE: f64 = 1e-3;

    /// Of a point `[n]` and its multipliers, with the tolerance that is usual for the type of `x`.
    ///
    /// # Errors
    /// When they do not fit the problem, or it cannot be evaluated. Whether the residuals are small is for [`verify`](Self::verify) to say.
    pub fn of(
        problem: &(impl Certifiable + ?Sized),
        x: &Tensor<1>,
        multipliers: &Multipliers,
    ) -> Result<Self, CertificateError> {
        Self::with_tolerance(problem, x, multipliers, super::Stop::default().tolerance(x.dtype()))
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
        let residuals = residuals(&at.x, bounds, &at.values, &at.slopes, multipliers);
        let scale = scale(&at.slopes.gradient);
        let active = Held::active(problem, &at, tol, multipliers);
        let second_order = if n <= DENSE {
            let strongly: Vec<&Held> = active.iter().filter(|held| held.strongly(tol * scale)).collect();
            Some(second_order(&problem.lagrangian_hessian(x, multipliers)?, &strongly))
        } else {
            None
        };
        let duality_gap = problem.is_convex().then(|| duality_gap(&at, bounds, multipliers));
        Ok(Self {
            fun: at.values.objective,
            multipliers: multipliers.clone(),
            residuals,
            scale,
            tol,
            rounding: rounding_unit(x.dtype()),
            active_count: active.len(),
            active_rank: rows(&active.iter().collect::<Vec<_>>(), n).svd().map_or(0, |svd| svd.rank(RANK)),
            active: active.into_iter().filter_map(|held| held.side).collect(),
            second_order,
            duality_gap,
            x: at.x,
        })
    }

    /// Whether the four residuals are within the tolerance.
    pub fn holds(&self) -> bool {
        self.condition_that_fails().is_none()
    }

    fn condition_that_fails(&self) -> Option<CertificateError> {
        let Residuals { stationarity, primal, dual, complementarity } = self.residuals;
        let in_units_of_f = self.tol * self.scale;
        let conditions = [
            ("stationarity", stationarity, in_units_of_f),
            ("primal feasibility", primal, self.tol),
            ("dual feasibility", dual, in_units_of_f),
            ("complementarity", complementarity, in_units_of_f),
        ];
        conditions.into_iter().find_map(|(condition, residual, allowed)| {
            // A residual that is not a number is not within it.
            let within = residual <= allowed;
            (!within).then_some(CertificateError::Residual { condition, residual, allowed })
        })
    }

    /// Computes every number again from the problem, on `device` in its float type, and holds it against the certificate's. f64 is the type to
    /// check in, whatever the point was found in.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self, problem: &(impl Certifiable + ?Sized), device: &Device) -> Result<(), CertificateError> {
        let x = Tensor::<1>::from_data(TensorData::new(self.x.clone(), [self.x.len()]), device);
        let allowed = Self::LARGEST_TOLERANCE;
        let believed = self.tol >= 0.0 && self.tol <= allowed;
        if !believed {
            return Err(CertificateError::Tolerance { tol: self.tol, allowed });
        }
        let found = Self::with_tolerance(problem, &x, &self.multipliers, self.tol)?;
        if let Some(error) = found.condition_that_fails() {
            return Err(error);
        }
        // Sums in another order, on another machine.
        let rounding = 1e4 * found.rounding.max(self.rounding.min(f64::from(f32::EPSILON)));
        let curvature = self.second_order.and_then(|second| second.smallest_eigenvalue).unwrap_or(0.0).abs();
        let number = |what: &str, claimed: f64, found: f64, size: f64| {
            if (claimed - found).abs() <= rounding * size {
                return Ok(());
            }
            Err(CertificateError::Differs { what: what.into(), claimed: claimed.to_string(), found: found.to_string() })
        };
        let size = self.scale * found.multipliers.largest().max(1.0) * largest(&self.x).max(1.0);
        number("f", self.fun, found.fun, found.fun.abs().max(self.scale))?;
        number("the scale", self.scale, found.scale, found.scale)?;
        let (claimed, computed) = (&self.residuals, &found.residuals);
        number("the residual of stationarity", claimed.stationarity, computed.stationarity, size)?;
        number("the residual of primal feasibility", claimed.primal, computed.primal, size)?;
        number("the residual of dual feasibility", claimed.dual, computed.dual, size)?;
        number("the residual of complementarity", claimed.complementarity, computed.complementarity, size)?;
        let same = |what: &str, claimed: String, found: String| {
            if claimed == found { Ok(()) } else { Err(CertificateError::Differs { what: what.into(), claimed, found }) }
        };
        same("the active set", names(&self.active), names(&found.active))?;
        same("the number of active constraints", self.active_count.to_string(), found.active_count.to_string())?;
        same("the rank of the active constraints", self.active_rank.to_string(), found.active_rank.to_string())?;
        let optional = |claimed: Option<f64>, found: Option<f64>, what: &str, size: f64| match (claimed, found) {
            (Some(claimed), Some(found)) => number(what, claimed, found, size),
            (claimed, found) => same(what, format!("{claimed:?}"), format!("{found:?}")),
        };
        let eigenvalue = |order: Option<SecondOrder>| order.and_then(|order| order.smallest_eigenvalue);
        let dimension =
            |order: Option<SecondOrder>| order.map_or_else(|| "none".into(), |order| order.dimension.to_string());
        same("the dimension of the critical directions", dimension(self.second_order), dimension(found.second_order))?;
        optional(
            eigenvalue(self.second_order),
            eigenvalue(found.second_order),
            "the smallest eigenvalue",
            size.max(curvature),
        )?;
        let sufficient =
            |order: Option<SecondOrder>| order.map_or_else(String::new, |order| order.sufficient.to_string());
        same("the second order condition", sufficient(self.second_order), sufficient(found.second_order))?;
        optional(self.duality_gap, found.duality_gap, "the duality gap", size)
    }
}

fn names(sides: &[Side]) -> String {
    sides.iter().map(|side| side.constraint.as_str()).collect::<Vec<_>>().join(", ")
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

/// A constraint that holds as an equation.
struct Held {
    /// None for an equality.
    side: Option<Side>,
    row: Vec<f64>,
}

impl Held {
    fn active(problem: &(impl Certifiable + ?Sized), at: &Evaluated, tol: f64, multipliers: &Multipliers) -> Vec<Self> {
        let Evaluated { x, values, slopes } = at;
        let n = x.len();
        let mut held: Vec<Self> =
            (0..values.equality.len()).map(|i| Self { side: None, row: slopes.equality.row(i) }).collect();
        let names = if values.inequality.is_empty() { Vec::new() } else { problem.inequality_names() };
        let mut add = |constraint: String, multiplier: f64, row: Vec<f64>| {
            held.push(Self { side: Some(Side { constraint, multiplier }), row });
        };
        for (i, name) in names.into_iter().enumerate().filter(|(i, _)| values.inequality[*i] >= -tol) {
            add(name, multipliers.inequality[i], slopes.inequality.row(i));
        }
        let unit = |j: usize, sign: f64| (0..n).map(|k| if k == j { sign } else { 0.0 }).collect();
        for (j, (low, high)) in problem.lower().iter().zip(problem.upper()).enumerate() {
            if x[j] - low <= tol {
                add(format!("x[{j}] ≥ {low}"), multipliers.lower[j], unit(j, -1.0));
            }
            // An unknown that is held from both sides has one gradient.
            if high - x[j] <= tol && high > low {
                add(format!("x[{j}] ≤ {high}"), multipliers.upper[j], unit(j, 1.0));
            }
        }
        held
    }

    /// Whether f would fall if it were relaxed.
    fn strongly(&self, tol: f64) -> bool {
        self.side.as_ref().is_none_or(|side| side.multiplier > tol)
    }
}

fn rows(held: &[&Held], n: usize) -> Matrix {
    Matrix::from_fn(held.len(), n, |i, j| held[i].row[j])
}

fn second_order(hessian: &Symmetric, strongly: &[&Held]) -> SecondOrder {
    let n = hessian.rows();
    let reduced = if strongly.is_empty() {
        Some(hessian.clone())
    } else {
        let within = rows(strongly, n).svd().map(|svd| svd.null_space(RANK));
        within.filter(|within| within.columns() > 0).map(|within| hessian.restricted(&within))
    };
    let Some(reduced) = reduced else {
        return SecondOrder { dimension: 0, smallest_eigenvalue: None, sufficient: true };
    };
    let smallest = reduced.eigen().map_or(f64::NAN, |eigen| eigen.values[0]);
    let size = (0..n).fold(f64::MIN_POSITIVE, |size, i| hessian.at(i, i).abs().max(size));
    // An eigenvalue that is lost in the rounding of the others is none.
    let sufficient = smallest > 1e-10 * size;
    SecondOrder { dimension: reduced.rows(), smallest_eigenvalue: Some(smallest), sufficient }
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
