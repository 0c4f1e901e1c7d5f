//! The length of a step.

use burn::module::Module;
use kiln_tensor::{
    derivative::Inputs,
    linalg::{Matrix, Symmetric},
};

use super::{
    super::{
        evaluated::Values,
        kkt::{residuals, scale},
        quadratic::{Quadratic, Step},
    },
    Run,
};
use crate::solver::SolverError;

impl<'a, M: Module + 'a, I: Inputs + 'a> Run<'_, '_, 'a, M, I> {
    /// Computes the values, in the units of the problem and in those of the merit.
    fn values(&self, x: &[f64]) -> Result<(Values, Values), SolverError> {
        let own = self.host.values(x)?;
        Ok((own.clone(), self.units.values(&own)))
    }

    /// Finds a point along the step with a smaller merit.
    pub(super) fn search(&mut self, step: &Step) -> Result<Option<(Vec<f64>, Values)>, SolverError> {
        self.merit.cover(&self.multipliers);
        self.merit.at_least(self.floor);
        let (now, slopes) = (&self.at.values, &self.at.slopes);
        let before = self.merit.value(now);
        let promise = self.merit.value(&slopes.linear(&step.d, now)) - self.merit.cost(now);
        // A difference of two merits below rounding decides nothing.
        let noise = 10.0 * self.rounding * (now.objective.abs() + self.merit.cost(now)).max(f64::MIN_POSITIVE);
        if promise > noise {
            return Ok(None);
        }
        let better = |values: &Values, t: f64| {
            values.is_finite() && self.merit.value(values) <= before + self.sqp.c1 * t * promise + noise
        };
        let (mut t, mut cut) = (1.0, false);
        for trial in 0..self.sqp.max_trials {
            let x = self.moved(&step.d, t);
            let (own, values) = self.values(&x)?;
            if better(&values, t) {
                return Ok(Some(if cut { self.longer((x, own), &values, step, t)? } else { (x, own) }));
            }
            let worse = values.is_finite() && values.total_violation() >= now.total_violation();
            if let Some(d) = (trial == 0 && worse).then(|| self.corrected(step, &values)).flatten() {
                let x = self.moved(&d, 1.0);
                let (own, values) = self.values(&x)?;
                if better(&values, 1.0) {
                    return Ok(Some((x, own)));
                }
            }
            // The minimiser of the parabola through both merits.
            let parabola = -0.5 * promise * t * t / (self.merit.value(&values) - before - promise * t);
            // It is NaN if the merit was NaN.
            cut = parabola.is_nan() || parabola < 0.1 * t;
            t = if cut { 0.1 * t } else { parabola.min(0.5 * t) };
        }
        Ok(None)
    }

    /// The end of the whole step, if the residuals are smaller there. Near a solution the merit may be lost in the rounding errors of terms that
    /// cancel.
    pub(super) fn by_residuals(&self, step: &Step, scaled: f64) -> Result<Option<(Vec<f64>, Values)>, SolverError> {
        let x = self.moved(&step.d, 1.0);
        let (values, slopes) = (self.host.values(&x)?, self.host.slopes(&x)?);
        let problem = self.host.problem;
        let multipliers = self.units.plain(&self.multipliers);
        let there = residuals(&x, (problem.lower(), problem.upper()), &values, &slopes, &multipliers);
        let is_better = there.scaled(scale(&slopes.gradient)).largest() <= 0.9 * scaled;
        Ok(is_better.then_some((x, values)))
    }

    /// Tries longer steps. `t` was cut without information, because the merit was far too large at ten times `t`.
    fn longer(
        &self,
        found: (Vec<f64>, Values),
        values: &Values,
        step: &Step,
        t: f64,
    ) -> Result<(Vec<f64>, Values), SolverError> {
        let (mut best, mut merit) = (found, self.merit.value(values));
        for t in [2.0 * t, 4.0 * t, 8.0 * t] {
            let x = self.moved(&step.d, t);
            let (own, values) = self.values(&x)?;
            let there = self.merit.value(&values);
            if !(values.is_finite() && there < merit) {
                break;
            }
            (best, merit) = ((x, own), there);
        }
        Ok(best)
    }

    fn moved(&self, d: &[f64], t: f64) -> Vec<f64> {
        let x: Vec<f64> = self.at.x.iter().zip(d).map(|(x, d)| x + t * d).collect();
        self.host.problem.within_bounds(&x)
    }

    /// The second-order correction: the nearest step that satisfies the linearised constraints with the values at the end of this
    /// step.
    fn corrected(&self, step: &Step, values: &Values) -> Option<Vec<f64>> {
        let back = |matrix: &Matrix, values: &[f64]| -> Vec<f64> {
            matrix.multiply(&step.d).iter().zip(values).map(|(change, value)| value - change).collect()
        };
        let (h, g) =
            (back(&self.at.slopes.equality, &values.equality), back(&self.at.slopes.inequality, &values.inequality));
        let (lower, upper) = self.room();
        let back: Vec<f64> = step.d.iter().map(|d| -d).collect();
        let identity = Symmetric::identity(back.len());
        let programme = self.programme(&identity, (&h, &g), (&lower, &upper));
        Some(Quadratic { gradient: &back, ..programme }.solve().ok()?.d)
    }
}
