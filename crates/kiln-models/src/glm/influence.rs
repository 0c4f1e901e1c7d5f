//! What each row contributes to a fit: residuals, leverage and Cook's distance.

use serde::Serialize;

use super::{
    GlmLoss,
    family::Fitted,
    measures::count,
    row::{Evaluated, Second},
};
use crate::regression::InferenceError;

/// A row of a fitted model with one linear predictor.
///
/// # References
/// McCullagh and Nelder (1989), sections 2.4 and 12.7; Cook (1977).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Influence {
    /// The fitted mean μ.
    pub fitted: f64,
    /// The linear predictor η.
    pub linear_predictor: f64,
    /// The leverage h, between 0 and 1: how much of the fitted value the row determines itself. Rows of weight 2 count as two rows,
    /// and this is the leverage of one.
    pub leverage: f64,
    /// y − μ.
    pub residual: f64,
    /// (y − μ)/√V(μ).
    pub pearson: f64,
    /// The square root of the row's deviance, with the sign of y − μ.
    pub deviance: f64,
    /// The deviance residual divided by √(φ·(1 − h)).
    pub standardized: f64,
    /// Cook's distance: how far all estimates move without the row, in units of their confidence ellipsoid.
    pub cooks_distance: f64,
}

impl GlmLoss {
    /// Returns residuals, leverages and Cook's distances of all rows of this rank at the maximum `x`. They are for families with one linear
    /// predictor, and the negative binomial at its θ; for others there are none.
    ///
    /// # Errors
    /// Returns [`InferenceError::Singular`] if the information matrix is singular.
    pub fn influence(&self, x: &[f64], dispersion: f64) -> Result<Vec<Influence>, InferenceError> {
        if !self.family.is_one_predictor() {
            return Ok(Vec::new());
        }
        let (_, leverages) = self.bread_and_leverages(x)?;
        let leverages = leverages.unwrap_or_default();
        let (family, link, p) = (self.family, self.link, count(x.len()));
        Ok(self.map(x, Second::Expected, |row: &Evaluated<'_>, _| {
            let (y, eta) = (row.response, row.eta[0]);
            let (fitted, leverage) = (Fitted::at(link, eta), leverages[row.row]);
            let residual = fitted.residual(family, y);
            let pearson = residual / family.variance_at(fitted).sqrt();
            let deviance = family.deviance(y, fitted).max(0.0).sqrt().copysign(residual);
            let rest = 1.0 - leverage;
            Influence {
                fitted: fitted.mean,
                linear_predictor: eta,
                leverage,
                residual,
                pearson,
                deviance,
                standardized: deviance / (dispersion * rest).sqrt(),
                cooks_distance: pearson * pearson * leverage / (rest * rest * dispersion * p),
            }
        }))
    }
}
