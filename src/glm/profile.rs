//! Intervals by the profile likelihood.

use std::ops::ControlFlow;

use kiln_models::glm::{Family, Place, Term, Values};
use kiln_tensor::special::tails;

use super::{GlmConfig, GlmError, GlmFit};

impl GlmConfig {
    /// Returns the interval of a parameter by its profile likelihood: all values for which twice the loss of log-likelihood, with the
    /// other parameters at their best, is at most the quantile of χ² with one degree of freedom.
    ///
    /// `x` and `y` are those of the fit. It is for the coefficients and the intercept of the mean, and not for `gamma` and
    /// `inverse-gaussian`. An end is infinite if the likelihood never falls that far.
    ///
    /// # Errors
    /// Returns [`GlmError::Setting`] for another parameter, and those of [`fit`](Self::fit).
    ///
    /// # References
    /// Venzon and Moolgavkar (1988), *A method for computing profile-likelihood-based confidence intervals*.
    pub fn profile_interval(&self, fit: &GlmFit, x: &[f64], y: &[f64], place: Place) -> Result<[f64; 2], GlmError> {
        let known = fit.inference().ok().and_then(|inference| {
            let estimate = inference.estimates.iter().find(|estimate| estimate.place == place)?;
            Some((estimate.estimate, estimate.standard_error, inference.fit.log_likelihood))
        });
        let column = match place.term {
            Term::Feature(index) => Some(index),
            Term::Intercept => None,
            Term::Threshold(_) | Term::Theta => return Err(Self::no_profile()),
        };
        let one_mean = place.part == kiln_models::glm::Part::Mean
            && !matches!(self.family, Family::Gamma | Family::InverseGaussian | Family::Multinomial);
        let (Some((best, standard_error, highest)), true) = (known, one_mean) else {
            return Err(Self::no_profile());
        };
        let z = tails::normal_quantile(0.5 + 0.5 * self.options.level);
        // The signed root of twice the loss, which is nearly linear in the parameter.
        let root = |value: f64| -> Result<f64, GlmError> {
            let lower = self.log_likelihood_at(x, y, column, value)?;
            Ok((2.0 * (highest - lower).max(0.0)).sqrt())
        };
        let end = |side: f64| -> Result<f64, GlmError> {
            let (mut inner, mut below) = (best, 0.0);
            let mut outer = best + side * z * standard_error;
            let mut above = root(outer)?;
            for _ in 0..60 {
                if above >= z {
                    break;
                }
                (inner, below) = (outer, above);
                outer = best + 1.6 * (outer - best);
                above = root(outer)?;
            }
            if above < z {
                return Ok(side * f64::INFINITY);
            }
            // False position, with the step of Illinois.
            let (mut low, mut high) = (below - z, above - z);
            for _ in 0..100 {
                let next = (inner * high - outer * low) / (high - low);
                let value = root(next)? - z;
                if value.abs() < 1e-12 || (outer - inner).abs() < 1e-13 * outer.abs() {
                    return Ok(next);
                }
                if (value > 0.0) == (high > 0.0) {
                    (outer, high) = (next, value);
                    low *= 0.5;
                } else {
                    (inner, low) = (outer, high);
                    (outer, high) = (next, value);
                }
            }
            Ok(outer)
        };
        Ok([end(-1.0)?, end(1.0)?])
    }

    fn no_profile() -> GlmError {
        GlmError::Setting {
            name: "place",
            expected: "the intercept or the coefficient of a feature of the mean, in a converged fit of a family other than gamma, \
                       inverse-gaussian and multinomial",
        }
    }

    /// The largest log-likelihood with one parameter fixed: it becomes a part of the offset.
    fn log_likelihood_at(&self, x: &[f64], y: &[f64], column: Option<usize>, value: f64) -> Result<f64, GlmError> {
        let entry = |row: usize| column.map_or(1.0, |column| x[row * self.features + column]);
        let mut offset = self.offset.as_ref().map_or_else(|| vec![0.0; y.len()], Values::to_vec);
        offset.iter_mut().enumerate().for_each(|(row, offset)| *offset += value * entry(row));
        let is_kept = |place: &usize| column.is_none_or(|column| place % self.features != column);
        let rest: Vec<f64> = (0..x.len()).filter(is_kept).map(|place| x[place]).collect();
        let reduced = Self {
            features: self.features - usize::from(column.is_some()),
            intercept: self.intercept && column.is_some(),
            offset: Some(offset.into()),
            influence: false,
            ..self.clone()
        };
        reduced.best_log_likelihood(rest, y.to_vec(), |_| ControlFlow::Continue(()))
    }
}
