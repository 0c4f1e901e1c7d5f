//! Newton's method, and Broyden's, which learns the Jacobian from the steps.

use kiln_tensor::linalg::Matrix;

use super::{
    options::RootFinder,
    place::{Ended, Place, SINGULAR, entry, largest},
};
use crate::{
    least_squares::Residuals,
    solver::{Evaluations, SolverError, Status},
};

/// Broyden's Jacobian is computed again after this number of steps that did not halve ‖F‖.
const SLOW: usize = 5;

/// `learns` is false for Newton's method: the Jacobian is computed at each point.
pub(super) fn newton<P: Residuals + ?Sized>(
    problem: &P,
    mut at: Place,
    finder: &RootFinder,
    learns: bool,
) -> Result<Ended, SolverError> {
    let mut counts = Evaluations { values: 1, ..Evaluations::default() };
    let (mut history, mut iterations) = (vec![entry(0, &at, 0.0, counts)], 0);
    // B, and whether it is the Jacobian here.
    let mut learnt: Option<(Matrix, bool)> = None;
    let mut slow = 0;
    let status = loop {
        if !at.square().is_finite() {
            break Status::NotFinite;
        }
        if largest(&at.residuals) <= finder.tol {
            break Status::EquationsHold;
        }
        if iterations >= finder.max_iter {
            break Status::Budget;
        }
        let (b, is_exact) = match learnt.take() {
            Some(learnt) if slow < SLOW => learnt,
            _ => {
                slow = 0;
                counts.gradients += 1;
                (problem.jacobian(&at.x, &at.residuals)?, true)
            }
        };
        let Some(svd) = b.svd() else { break Status::NotFinite };
        // Where the matrix is singular: the shortest step.
        let d: Vec<f64> = svd.solve(&at.residuals, SINGULAR).iter().map(|d| -d).collect();
        let Some(next) = at.along(problem, &d, &mut counts)? else {
            if is_exact {
                break Status::NotARoot;
            }
            slow = SLOW;
            continue;
        };
        iterations += 1;
        slow = if next.square() > 0.25 * at.square() { slow + 1 } else { 0 };
        let s: Vec<f64> = next.x.iter().zip(&at.x).map(|(a, b)| a - b).collect();
        let square: f64 = s.iter().map(|s| s * s).sum();
        if learns {
            let product = b.multiply(&s);
            // B + (y − B·s)·sᵀ/‖s‖².
            let missing: Vec<f64> =
                (0..s.len()).map(|i| (next.residuals[i] - at.residuals[i] - product[i]) / square).collect();
            learnt = Some((Matrix::from_fn(s.len(), s.len(), |i, j| b.at(i, j) + missing[i] * s[j]), false));
        }
        at = next;
        history.push(entry(iterations, &at, square.sqrt(), counts));
    };
    Ok(Ended { at, status, iterations, counts, history })
}
