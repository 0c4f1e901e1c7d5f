//! The active constraints of a point.

use kiln_tensor::linalg::{Matrix, Symmetric};
use serde::{Deserialize, Serialize};

use super::super::{Certifiable, evaluated::Evaluated, kkt::Multipliers};
use crate::solver::{
    Downhill,
    cone::{self, Curvature},
};

/// Numbers below this many machine epsilons of the largest singular value, or of the Hessian, count as 0.
const NONE: f64 = 1e6;

/// An active inequality or bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// The name of the inequality, or `x[3] ≥ lower`, `x[3] ≤ upper`, `x[3] fixed`.
    pub constraint: String,
    /// Its multiplier.
    pub multiplier: f64,
}

/// The second-order condition: whether the Lagrangian curves upward along the critical cone, the directions that keep the equalities and
/// the inequalities and bounds with a multiplier above 0, and do not leave the other active ones (Nocedal and Wright, *Numerical
/// Optimization*, 2006, theorems 12.5 and 12.6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondOrder {
    /// The dimension of the directions that keep the equalities, and the inequalities and bounds with a multiplier above 0.
    pub dimension: usize,
    /// The smallest eigenvalue of the Lagrangian's Hessian in these directions; none if there is no direction.
    pub smallest_eigenvalue: Option<f64>,
    /// Whether the curvature is above 0 along the critical cone. Then the point is a strict local minimum.
    pub sufficient: bool,
    /// A direction of the critical cone along which the Lagrangian curves downward, so that the point is no minimum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downhill: Option<Downhill>,
}

/// An active row of the Jacobians.
struct Row {
    gradient: Vec<f64>,
    /// None for an equality.
    side: Option<Side>,
}

/// An unknown at a bound.
struct Held {
    index: usize,
    side: Side,
    /// Whether both bounds are equal, so that the multiplier may have either sign.
    fixed: bool,
    is_lower: bool,
}

/// The active constraints. Bounds are separate, because they only fix unknowns.
pub(super) struct Active {
    unknowns: usize,
    rows: Vec<Row>,
    held: Vec<Held>,
}

impl Active {
    /// The equalities, and the active inequalities and bounds.
    pub(super) fn at(
        problem: &(impl Certifiable + ?Sized),
        at: &Evaluated,
        tol: f64,
        multipliers: &Multipliers,
    ) -> Self {
        let Evaluated { x, values, slopes } = at;
        let equality = |i: usize| Row { gradient: slopes.equality.row(i), side: None };
        let mut rows: Vec<Row> = (0..values.equality.len()).map(equality).collect();
        let names = if values.inequality.is_empty() { Vec::new() } else { problem.inequality_names() };
        // Within `tol`, or with a multiplier that is larger than what is left to the constraint (complementarity).
        let is_active = |room: f64, multiplier: f64| room <= tol || (multiplier > room && multiplier > tol);
        let close = names
            .into_iter()
            .enumerate()
            .filter(|(i, _)| is_active(-values.inequality[*i], multipliers.inequality[*i]));
        rows.extend(close.map(|(i, constraint)| Row {
            gradient: slopes.inequality.row(i),
            side: Some(Side { constraint, multiplier: multipliers.inequality[i] }),
        }));
        let mut held = Vec::new();
        for (index, (low, high)) in problem.lower().iter().zip(problem.upper()).enumerate() {
            let (down, up) = (multipliers.lower[index], multipliers.upper[index]);
            let mut hold = |constraint: String, multiplier: f64, fixed: bool, is_lower: bool| {
                held.push(Held { index, side: Side { constraint, multiplier }, fixed, is_lower });
            };
            if low >= high {
                hold(format!("x[{index}] fixed"), up - down, true, true);
            } else if is_active(x[index] - low, down) {
                hold(format!("x[{index}] ≥ lower"), down, false, true);
            } else if is_active(high - x[index], up) {
                hold(format!("x[{index}] ≤ upper"), up, false, false);
            }
        }
        Self { unknowns: x.len(), rows, held }
    }

    pub(super) fn count(&self) -> usize {
        self.rows.len() + self.held.len()
    }

    pub(super) fn sides(self) -> Vec<Side> {
        let rows = self.rows.into_iter().filter_map(|row| row.side);
        rows.chain(self.held.into_iter().map(|held| held.side)).collect()
    }

    /// The rank of the gradients: that of the rows on the free unknowns, plus the number of unknowns at bounds.
    pub(super) fn rank(&self, rounding: f64) -> usize {
        self.rank_within(NONE * rounding)
    }

    /// Whether the gradients are linearly independent also at points nearby: none is within this relative distance of the others.
    pub(super) fn is_regular(&self, distance: f64) -> bool {
        self.rank_within(distance) == self.count()
    }

    fn rank_within(&self, tolerance: f64) -> usize {
        let free = self.free(|_| true);
        let rows: Vec<&Row> = self.rows.iter().collect();
        let rank = among(&rows, &free).and_then(|matrix| matrix.svd()).map_or(0, |svd| svd.rank(tolerance));
        self.held.len() + rank
    }

    /// The unknowns, except those at a bound for which `counts` returns true.
    fn free(&self, counts: impl Fn(&Held) -> bool) -> Vec<usize> {
        let mut free = vec![true; self.unknowns];
        self.held.iter().filter(|held| counts(held)).for_each(|held| free[held.index] = false);
        (0..self.unknowns).filter(|&j| free[j]).collect()
    }

    /// The condition along constraints with a multiplier above `tol`. A curvature below the rounding error of the others counts as 0. For the
    /// condition to be sufficient, the curvature λ must be large enough for the distance to the exact solution, about residual/λ, not to
    /// change its sign: λ² above the residual times the size of the Hessian, for third derivatives of that size.
    pub(super) fn second_order(&self, hessian: &Symmetric, (tol, residual): (f64, f64), rounding: f64) -> SecondOrder {
        let free = self.free(|held| held.fixed || held.side.multiplier > tol);
        let is_strong = |row: &&Row| row.side.as_ref().is_none_or(|side| side.multiplier > tol);
        let (strong, weak): (Vec<&Row>, Vec<&Row>) = self.rows.iter().partition(is_strong);
        let basis = match among(&strong, &free) {
            None => Matrix::from_fn(free.len(), free.len(), |i, j| if i == j { 1.0 } else { 0.0 }),
            Some(matrix) => {
                let Some(svd) = matrix.svd() else {
                    let (dimension, smallest_eigenvalue) = (free.len(), Some(f64::NAN));
                    return SecondOrder { dimension, smallest_eigenvalue, sufficient: false, downhill: None };
                };
                svd.null_space(NONE * rounding)
            }
        };
        let dimension = basis.columns();
        if dimension == 0 {
            return SecondOrder { dimension, smallest_eigenvalue: None, sufficient: true, downhill: None };
        }
        let on_free = Symmetric::from_fn(free.len(), |i, j| hessian.at(free[i], free[j]));
        let reduced = on_free.restricted(&basis);
        let smallest = reduced.eigen().map_or(f64::NAN, |eigen| eigen.values[0]);
        let floor = NONE * rounding * hessian.largest();
        let sides = self.sides_of(&weak, &free, &basis);
        let curvature = cone::along(&reduced, &sides, floor);
        let downhill = match &curvature {
            Curvature::Negative { direction, value } => {
                let mut whole = vec![0.0; self.unknowns];
                free.iter().zip(basis.multiply(direction)).for_each(|(&j, d)| whole[j] = d);
                Some(Downhill { direction: whole, curvature: *value })
            }
            _ => None,
        };
        let needed = (residual * hessian.largest()).sqrt();
        let sufficient = curvature == Curvature::Positive
            && cone::along(&reduced.shifted(-needed), &sides, floor) == Curvature::Positive;
        SecondOrder { dimension, smallest_eigenvalue: Some(smallest), sufficient, downhill }
    }

    /// The rows B with B·u ≤ 0 for the directions u, in terms of `basis`, that do not leave an active constraint without a multiplier.
    fn sides_of(&self, weak: &[&Row], free: &[usize], basis: &Matrix) -> Matrix {
        let bounds = self.held.iter().filter(|held| !held.fixed).filter_map(|held| {
            let place = free.iter().position(|&j| j == held.index)?;
            let sign = if held.is_lower { -1.0 } else { 1.0 };
            Some((0..free.len()).map(|j| if j == place { sign } else { 0.0 }).collect::<Vec<f64>>())
        });
        let rows = weak.iter().map(|row| free.iter().map(|&j| row.gradient[j]).collect());
        let reduced: Vec<Vec<f64>> = rows.chain(bounds).map(|row| basis.transpose_multiply(&row)).collect();
        // A row that no direction changes says nothing.
        let reduced: Vec<Vec<f64>> =
            reduced.into_iter().filter(|row| row.iter().any(|entry| entry.abs() > 1e-12)).collect();
        Matrix::from_fn(reduced.len(), basis.columns(), |i, j| reduced[i][j])
    }
}

/// The rows restricted to some unknowns; none without rows or unknowns.
fn among(rows: &[&Row], unknowns: &[usize]) -> Option<Matrix> {
    let some = !rows.is_empty() && !unknowns.is_empty();
    some.then(|| Matrix::from_fn(rows.len(), unknowns.len(), |i, j| rows[i].gradient[unknowns[j]]))
}
