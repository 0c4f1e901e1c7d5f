//! The step size of methods with a reduced variance.

use super::{run::Run, sum::FiniteSum};
use crate::{
    norms::dot,
    solver::{SolverError, within},
};

/// A relative decrease of fewer units of rounding is lost.
const LOST: f64 = 1e6;
/// The rounding error of a value, in units.
const ERROR: f64 = 1e4;

/// The step size: the user's, or one from an estimate of the Lipschitz constant L of the terms' gradients.
pub(super) struct StepSize {
    given: Option<f64>,
    lipschitz: f64,
    is_first: bool,
    /// The step size is this fraction of 1/L.
    share: f64,
}

impl StepSize {
    pub(super) fn new(given: Option<f64>, share: f64) -> Result<Self, SolverError> {
        if let Some(given) = given {
            within("step_size", given, 0.0, f64::INFINITY, "above 0")?;
        }
        Ok(Self { given, lipschitz: 1.0, is_first: true, share })
    }

    pub(super) fn size(&self) -> f64 {
        self.given.unwrap_or(self.share / self.lipschitz)
    }

    /// Doubles L until a step of 1/L along the gradient of a minibatch lowers its value enough, after it was made a little smaller (Schmidt, Le
    /// Roux and Bach, *Minimizing finite sums with the stochastic average gradient*, 2017, section 4.6).
    pub(super) fn learn<P: FiniteSum + ?Sized>(
        &mut self,
        run: &mut Run<'_, P>,
        terms: &[usize],
        (value, gradient): (f64, &[f64]),
    ) -> Result<(), SolverError> {
        let (square, epsilon) = (dot(gradient, gradient), run.problem.epsilon());
        // A decrease below the rounding error of the value says nothing.
        let says_nothing = 0.5 * square / self.lipschitz <= LOST * epsilon * value.abs().max(f64::MIN_POSITIVE);
        if self.given.is_some() || says_nothing || !square.is_finite() {
            return Ok(());
        }
        #[allow(clippy::cast_precision_loss, reason = "counts")]
        let forget = 2f64.powf(-(terms.len() as f64) / run.n as f64);
        self.lipschitz *= forget;
        self.shrink_at_first(run, terms, (value, gradient), square)?;
        for _ in 0..100 {
            let step = 1.0 / self.lipschitz;
            let x: Vec<f64> = run.x.iter().zip(gradient).map(|(x, g)| x - step * g).collect();
            let (there, _) = run.part(terms, &x)?;
            if there <= value - 0.5 * step * square + ERROR * epsilon * value.abs() {
                break;
            }
            self.lipschitz *= 2.0;
        }
        Ok(())
    }

    /// The first time: halves L as long as a step of 1/L lowers the value enough.
    fn shrink_at_first<P: FiniteSum + ?Sized>(
        &mut self,
        run: &mut Run<'_, P>,
        terms: &[usize],
        (value, gradient): (f64, &[f64]),
        square: f64,
    ) -> Result<(), SolverError> {
        if !std::mem::take(&mut self.is_first) {
            return Ok(());
        }
        for _ in 0..100 {
            let step = 2.0 / self.lipschitz;
            let x: Vec<f64> = run.x.iter().zip(gradient).map(|(x, g)| x - step * g).collect();
            let (there, _) = run.part(terms, &x)?;
            if there.is_nan() || there > value - 0.5 * step * square {
                break;
            }
            self.lipschitz *= 0.5;
        }
        Ok(())
    }
}
