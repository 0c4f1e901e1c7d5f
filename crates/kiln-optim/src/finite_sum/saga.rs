//! SAGA.

use super::{run::Run, step::StepSize, sum::FiniteSum};
use crate::solver::{IntoVector, Outcome, SolverError, Stop, at_least_one};

/// The options of [`saga`].
///
/// # Example
/// ```
/// use kiln_optim::finite_sum::Saga;
///
/// let options = Saga { batch_size: 8, ..Saga::default() };
/// # let _ = options;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Saga {
    /// Minibatch size, at least 1. One gradient per minibatch is kept, so a larger one takes less memory. Default 1.
    pub batch_size: usize,
    /// Step size. Default: a third of 1/L, with an estimate of the Lipschitz constant L that adapts.
    pub step_size: Option<f64>,
    /// The seed of the order of the terms. Default 0.
    pub seed: u64,
}

impl Default for Saga {
    fn default() -> Self {
        Self { batch_size: 1, step_size: None, seed: 0 }
    }
}

/// Minimises a sum by SAGA, with the last gradient of each minibatch.
///
/// A step uses ∇f_B(x) − g_B + ḡ, where g_B is the last gradient of the minibatch, and ḡ the mean of all of them. An epoch takes one pass over the
/// terms, one for the gradient of all, which the convergence test needs, and one or more to estimate the Lipschitz constant unless a step size is
/// given.
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range, the gradients do not fit into memory, or the terms cannot be evaluated. Everything
/// else is a [`Status`](crate::solver::Status) of the outcome.
///
/// # References
/// Defazio, Bach and Lacoste-Julien, *SAGA: a fast incremental gradient method with support for non-strongly convex composite objectives* (2014).
pub fn saga<P: FiniteSum + ?Sized>(
    problem: &P,
    start: impl IntoVector,
    options: &Saga,
    stop: &Stop,
) -> Result<Outcome, SolverError> {
    at_least_one("batch_size", options.batch_size)?;
    let mut step = StepSize::new(options.step_size, 1.0 / 3.0)?;
    let mut run = Run::new(problem, start.into_vector(), options.seed, stop)?;
    let dimension = run.x.len();
    let count = run.n.div_ceil(options.batch_size);
    kiln_tensor::memory::check(
        &format!("the gradients of {count} minibatches"),
        8 * (count as u64).saturating_mul(dimension as u64),
    )?;
    // The minibatches stay the same, so that each has a gradient of its own.
    let batches = run.minibatches(options.batch_size);
    #[allow(clippy::cast_precision_loss, reason = "counts")]
    let shares: Vec<f64> = batches.iter().map(|batch| batch.len() as f64 / run.n as f64).collect();
    let mut kept: Vec<Option<Vec<f64>>> = vec![None; count];
    // The sum of shares times gradients, and the share of the minibatches that have one.
    let (mut mean, mut covered) = (vec![0.0; dimension], 0.0);
    run.epochs(|run, _| {
        for _ in 0..count {
            let which = run.draw(count);
            let (x, share) = (run.x.clone(), shares[which]);
            let (value, here) = run.part(&batches[which], &x)?;
            step.learn(run, &batches[which], (value, &here))?;
            let eta = step.size();
            // A minibatch without a gradient counts with the present one.
            let old = kept[which].replace(here.clone());
            if old.is_none() {
                covered += share;
            }
            // Each minibatch is drawn as often, whatever its size.
            #[allow(clippy::cast_precision_loss, reason = "a count")]
            let weight = share * count as f64;
            for j in 0..dimension {
                let change = here[j] - old.as_ref().map_or(0.0, |old| old[j]);
                let (correction, first) =
                    if old.is_some() { (weight * change, mean[j]) } else { (0.0, mean[j] + share * here[j]) };
                run.x[j] -= eta * (correction + first / covered);
                mean[j] += share * change;
            }
        }
        Ok(())
    })
}
