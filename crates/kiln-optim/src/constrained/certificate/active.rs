//! The active constraints of a point.

use kiln_tensor::linalg::{Matrix, Symmetric};
use serde::{Deserialize, Serialize};

use super::super::{Certifiable, evaluated::Evaluated, kkt::Multipliers};

/// Maximum number of unknowns for which the Hessian `[n, n]` is computed.
pub(super) const DENSE: usize = 1000;
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

/// The second-order condition: whether the Lagrangian is convex along the active constraints (Nocedal and Wright, *Numerical
/// Optimization*, 2006, theorem 12.6).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecondOrder {
    /// The dimension of the directions that keep the equalities, and the inequalities and bounds with a multiplier above 0.
    pub dimension: usize,
    /// The smallest eigenvalue of the Lagrangian's Hessian in these directions; none if there is no direction.
    pub smallest_eigenvalue: Option<f64>,
    /// Whether the eigenvalue is above 0. Then the point is a strict local minimum.
    pub sufficient: bool,
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
}

/// The active constraints. Bounds are separate, because they only fix unknowns.
pub(super) struct Active {
    unknowns: usize,
    rows: Vec<Row>,
    held: Vec<Held>,
}

impl Active {
    /// The equalities, and the inequalities and bounds within `tol`.
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
        let close = names.into_iter().enumerate().filter(|(i, _)| values.inequality[*i] >= -tol);
        rows.extend(close.map(|(i, constraint)| Row {
            gradient: slopes.inequality.row(i),
            side: Some(Side { constraint, multiplier: multipliers.inequality[i] }),
        }));
        let mut held = Vec::new();
        for (index, (low, high)) in problem.lower().iter().zip(problem.upper()).enumerate() {
            let (down, up) = (multipliers.lower[index], multipliers.upper[index]);
            let mut hold = |constraint: String, multiplier: f64, fixed: bool| {
                held.push(Held { index, side: Side { constraint, multiplier }, fixed });
            };
            if low >= high {
                hold(format!("x[{index}] fixed"), up - down, true);
            } else if x[index] - low <= tol {
                hold(format!("x[{index}] ≥ lower"), down, false);
            } else if high - x[index] <= tol {
                hold(format!("x[{index}] ≤ upper"), up, false);
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
        let free = self.free(|_| true);
        let rows: Vec<&Row> = self.rows.iter().collect();
        let rank = among(&rows, &free).and_then(|matrix| matrix.svd()).map_or(0, |svd| svd.rank(NONE * rounding));
        self.held.len() + rank
    }

    /// The unknowns, except those at a bound for which `counts` returns true.
    fn free(&self, counts: impl Fn(&Held) -> bool) -> Vec<usize> {
        let mut free = vec![true; self.unknowns];
        self.held.iter().filter(|held| counts(held)).for_each(|held| free[held.index] = false);
        (0..self.unknowns).filter(|&j| free[j]).collect()
    }

    /// The condition along constraints with a multiplier above `tol`. An eigenvalue below the rounding error of the others counts
    /// as 0.
    pub(super) fn second_order(&self, hessian: &Symmetric, tol: f64, rounding: f64) -> SecondOrder {
        let free = self.free(|held| held.fixed || held.side.multiplier > tol);
        let strongly = |row: &&Row| row.side.as_ref().is_none_or(|side| side.multiplier > tol);
        let rows: Vec<&Row> = self.rows.iter().filter(strongly).collect();
        let on_free = Symmetric::from_fn(free.len(), |i, j| hessian.at(free[i], free[j]));
        let reduced = match among(&rows, &free) {
            None => (!free.is_empty()).then_some(on_free),
            Some(matrix) => {
                let Some(svd) = matrix.svd() else {
                    return SecondOrder {
                        dimension: free.len(),
                        smallest_eigenvalue: Some(f64::NAN),
                        sufficient: false,
                    };
                };
                let within = svd.null_space(NONE * rounding);
                (within.columns() > 0).then(|| on_free.restricted(&within))
            }
        };
        let Some(reduced) = reduced else {
            return SecondOrder { dimension: 0, smallest_eigenvalue: None, sufficient: true };
        };
        let smallest = reduced.eigen().map_or(f64::NAN, |eigen| eigen.values[0]);
        let sufficient = smallest > NONE * rounding * hessian.largest();
        SecondOrder { dimension: reduced.rows(), smallest_eigenvalue: Some(smallest), sufficient }
    }
}

/// The rows restricted to some unknowns; none without rows or unknowns.
fn among(rows: &[&Row], unknowns: &[usize]) -> Option<Matrix> {
    let some = !rows.is_empty() && !unknowns.is_empty();
    some.then(|| Matrix::from_fn(rows.len(), unknowns.len(), |i, j| rows[i].gradient[unknowns[j]]))
}
