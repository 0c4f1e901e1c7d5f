//! Multipliers of a point from its active constraints.

use burn::module::Module;
use kiln_tensor::derivative::Inputs;

use super::{
    Certifiable,
    evaluated::{Pulled, Values},
    feasibility::allowed,
    host::Host,
    kkt::{Multipliers, residuals_of, scale},
};
use crate::solver::{Evaluations, SolverError};

/// The largest matrix, in entries, from which multipliers are estimated.
const LARGEST: usize = 10_000_000;

/// The multipliers of the active constraints that make ∇L smallest, if the first-order conditions hold with them to `tol`.
///
/// A method's own multipliers have errors where the point has none left: an augmented Lagrangian multiplies rounding errors of the
/// constraints by its penalty, and a quadratic programme adds its model times the step that is still proposed.
pub(super) fn estimated<'a, M: Module + 'a, I: Inputs + 'a>(
    host: &Host<'_, 'a, M, I>,
    (x, values): (&[f64], &Values),
    tol: f64,
) -> Result<Option<(Pulled, Multipliers)>, SolverError> {
    let problem = host.problem;
    // The Jacobian, and a dense matrix of the unknowns.
    let rows = (values.equality.len() + values.inequality.len()).max(x.len());
    if rows.saturating_mul(x.len()) > LARGEST {
        return Ok(None);
    }
    host.add(Evaluations { gradients: 1, ..Evaluations::default() });
    let Some(multipliers) = problem.multipliers(&host.tensor(x), allowed(x, tol))? else { return Ok(None) };
    let at = host.pull(x.to_vec(), values.clone(), &multipliers)?;
    let residuals = residuals_of(&at.x, (problem.lower(), problem.upper()), &at.values, &at.pull, &multipliers);
    let holds = residuals.scaled(scale(&at.gradient)).largest() <= tol;
    Ok(holds.then_some((at, multipliers)))
}
