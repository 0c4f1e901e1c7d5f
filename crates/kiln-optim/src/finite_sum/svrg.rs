//! Stochastic variance-reduced gradients.

use super::{run::Run, step::StepSize, sum::FiniteSum};
use crate::{
    norms::dot,
    solver::{IntoVector, Outcome, SolverError, Stop, at_least_one},
};

/// The options of [`svrg`].
///
/// # Example
/// ```
/// use kiln_optim::finite_sum::Svrg;
///
/// let options = Svrg { batch_size: 32, step_size: Some(0.1), ..Svrg::default() };
/// # let _ = options;
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Svrg {
    /// Minibatch size, at least 1. Default 1.
    pub batch_size: usize,
    /// Step size. Default: from Barzilai and Borwein's formula, at most 1/L with an estimate of the Lipschitz constant L that adapts.
    pub step_size: Option<f64>,
    /// The seed of the order of the terms. Default 0.
    pub seed: u64,
}

impl Default for Svrg {
    fn default() -> Self {
        Self { batch_size: 1, step_size: None, seed: 0 }
    }
}

/// Minimises a sum by stochastic variance-reduced gradients.
///
/// Each epoch begins with the gradient of all terms at a reference point x̃. A step uses ∇f_B(x) − ∇f_B(x̃) + ∇f(x̃), whose variance goes to 0 as x and
/// x̃ approach the minimum. An epoch takes three passes over the terms, one for ∇f(x̃) and two for the steps, and one or more to estimate the Lipschitz
/// constant unless a step size is given.
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range or the terms cannot be evaluated. Everything else is a
/// [`Status`](crate::solver::Status) of the outcome.
///
/// # References
/// Johnson and Zhang, *Accelerating stochastic gradient descent using predictive variance reduction* (2013). Tan, Ma, Dai and Qian,
/// *Barzilai–Borwein step size for stochastic gradient descent* (2016).
pub fn svrg<P: FiniteSum + ?Sized>(
    problem: &P,
    start: impl IntoVector,
    options: &Svrg,
    stop: &Stop,
) -> Result<Outcome, SolverError> {
    at_least_one("batch_size", options.batch_size)?;
    let mut step = StepSize::new(options.step_size, 0.1)?;
    let run = Run::new(problem, start.into_vector(), options.seed, stop)?;
    // The reference and its gradient one epoch before.
    let mut before: Option<(Vec<f64>, Vec<f64>)> = None;
    run.epochs(|run, whole| {
        let reference = run.x.clone();
        let batches = run.minibatches(options.batch_size);
        #[allow(clippy::cast_precision_loss, reason = "a number of steps")]
        let steps = batches.len() as f64;
        let learnt = before.as_ref().and_then(|(x, gradient)| {
            let s: Vec<f64> = reference.iter().zip(x).map(|(new, old)| new - old).collect();
            let y: Vec<f64> = whole.gradient.iter().zip(gradient).map(|(new, old)| new - old).collect();
            let (square, curvature) = (dot(&s, &s), dot(&s, &y));
            (curvature > 0.0).then(|| square / (curvature * steps))
        });
        before = Some((reference.clone(), whole.gradient.clone()));
        for batch in batches {
            let x = run.x.clone();
            let (value, here) = run.part(&batch, &x)?;
            let (_, there) = run.part(&batch, &reference)?;
            step.learn(run, &batch, (value, &here))?;
            // Barzilai and Borwein's step size suits the sum; a single term may be curved more.
            let eta = match (options.step_size, learnt) {
                (None, Some(learnt)) => learnt.min(10.0 * step.size()),
                _ => step.size(),
            };
            let corrected = here.iter().zip(&there).zip(&whole.gradient).map(|((here, there), all)| here - there + all);
            run.x.iter_mut().zip(corrected).for_each(|(x, g)| *x -= eta * g);
        }
        Ok(())
    })
}
