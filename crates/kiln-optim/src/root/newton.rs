//! Newton's method for equations.

use super::{
    options::RootFinder,
    place::{Ended, Place, SINGULAR, entry, largest},
};
use crate::{
    least_squares::Residuals,
    solver::{Evaluations, SolverError, Status},
};

pub(super) fn newton<P: Residuals + ?Sized>(
    problem: &P,
    mut at: Place,
    finder: &RootFinder,
) -> Result<Ended, SolverError> {
    let mut counts = Evaluations { values: 1, ..Evaluations::default() };
    let (mut history, mut iterations) = (vec![entry(0, &at, 0.0, counts)], 0);
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
        let jacobian = problem.jacobian(&at.x, &at.residuals)?;
        counts.gradients += 1;
        let Some(svd) = jacobian.svd() else { break Status::NotFinite };
        // Where the matrix is singular: the shortest step.
        let d: Vec<f64> = svd.solve(&at.residuals, SINGULAR).iter().map(|d| -d).collect();
        let Some(next) = at.along(problem, &d, &mut counts)? else { break Status::NotARoot };
        iterations += 1;
        let step = next.x.iter().zip(&at.x).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        at = next;
        history.push(entry(iterations, &at, step, counts));
    };
    Ok(Ended { at, status, iterations, counts, history })
}
