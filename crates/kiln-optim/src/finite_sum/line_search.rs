//! Stochastic gradient descent with a line search on each minibatch.

use super::{run::Run, sum::FiniteSum};
use crate::{
    norms::dot,
    solver::{IntoVector, Outcome, SolverError, Stop, at_least_one, within},
};

/// The options of [`sgd_line_search`].
///
/// # Example
/// ```
/// use kiln_optim::finite_sum::SgdLineSearch;
///
/// let options = SgdLineSearch { batch_size: 64, max_step_size: 1.0, ..SgdLineSearch::default() };
/// # let _ = options;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SgdLineSearch {
    /// Minibatch size, at least 1. Default 32.
    pub batch_size: usize,
    /// The largest step size, which is also the first. Default 10.
    pub max_step_size: f64,
    /// A step must lower the value of the minibatch by this fraction of step size · ‖gradient‖², in (0, 1). Default 0.1.
    pub c: f64,
    /// The factor of the step size after a step that is refused, in (0, 1). Default 0.7.
    pub shrink: f64,
    /// The factor by which the step size may grow over an epoch, above 1. Default 2.
    pub growth: f64,
    /// The seed of the order of the terms. Default 0.
    pub seed: u64,
}

impl Default for SgdLineSearch {
    fn default() -> Self {
        Self { batch_size: 32, max_step_size: 10.0, c: 0.1, shrink: 0.7, growth: 2.0, seed: 0 }
    }
}

/// Maximum number of step sizes per minibatch.
const MAX_TRIALS: usize = 100;

/// Minimises a sum by stochastic gradient descent, with Armijo's rule on each minibatch.
///
/// If one x minimises all terms, it converges there. Otherwise it ends in a region around the minimum, as stochastic gradient descent with a
/// fixed step size does, and the status says that it did not converge.
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range or the terms cannot be evaluated. Everything else is a
/// [`Status`](crate::solver::Status) of the outcome.
///
/// # Example
/// ```
/// use kiln_optim::{finite_sum::{SgdLineSearch, SliceSum, sgd_line_search}, solver::Stop};
///
/// // Four equations in two unknowns, which (1, 2) solves.
/// let rows = [[1.0, 0.0, 1.0], [0.0, 1.0, 2.0], [1.0, 1.0, 3.0], [1.0, -1.0, -1.0]];
/// let sum = SliceSum::new(4, |terms: &[usize], x: &[f64], g: &mut [f64]| {
///     let share = 1.0 / terms.len() as f64;
///     terms.iter().map(|&i| {
///         let r = rows[i][0] * x[0] + rows[i][1] * x[1] - rows[i][2];
///         (0..2).for_each(|j| g[j] += share * r * rows[i][j]);
///         share * 0.5 * r * r
///     }).sum()
/// });
/// let options = SgdLineSearch { batch_size: 1, ..SgdLineSearch::default() };
/// let outcome = sgd_line_search(&sum, [0.0, 0.0], &options, &Stop { gtol: 1e-8, ..Stop::default() })?;
/// assert!(outcome.success && (outcome.to_vec()[0] - 1.0).abs() < 1e-6);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Vaswani, Mishkin, Laradji, Schmidt, Gidel and Lacoste-Julien, *Painless stochastic gradient: interpolation, line-search, and convergence rates*
/// (2019).
pub fn sgd_line_search<P: FiniteSum + ?Sized>(
    problem: &P,
    start: impl IntoVector,
    options: &SgdLineSearch,
    stop: &Stop,
) -> Result<Outcome, SolverError> {
    at_least_one("batch_size", options.batch_size)?;
    within("max_step_size", options.max_step_size, 0.0, f64::INFINITY, "above 0")?;
    within("c", options.c, 0.0, 1.0, "in (0, 1)")?;
    within("shrink", options.shrink, 0.0, 1.0, "in (0, 1)")?;
    within("growth", options.growth, 1.0, f64::INFINITY, "above 1")?;
    let run = Run::new(problem, start.into_vector(), options.seed, stop)?;
    let mut eta = options.max_step_size;
    run.epochs(|run, _| {
        for batch in run.minibatches(options.batch_size) {
            let x = run.x.clone();
            let (value, gradient) = run.part(&batch, &x)?;
            let square = dot(&gradient, &gradient);
            if square == 0.0 || !square.is_finite() || !value.is_finite() {
                continue;
            }
            #[allow(clippy::cast_precision_loss, reason = "counts")]
            let growth = options.growth.powf(batch.len() as f64 / run.n as f64);
            eta = (eta * growth).min(options.max_step_size);
            let (first, mut is_found) = (eta, false);
            for _ in 0..MAX_TRIALS {
                let next: Vec<f64> = x.iter().zip(&gradient).map(|(x, g)| x - eta * g).collect();
                let (there, _) = run.part(&batch, &next)?;
                // The last term is the rounding error of the values.
                if there <= value - options.c * eta * square + 4.0 * problem.epsilon() * value.abs() {
                    run.x = next;
                    is_found = true;
                    break;
                }
                eta *= options.shrink;
            }
            // One minibatch that no step lowers says nothing of the others.
            if !is_found {
                eta = first;
            }
        }
        Ok(())
    })
}
