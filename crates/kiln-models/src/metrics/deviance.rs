//! Mean deviances: the loss of a prediction under the Poisson, gamma and Tweedie families.

use super::{
    error::MetricsError,
    rows::{Rows, expect_no_overflow},
};

/// Returns the mean Poisson deviance, 2·(y·ln(y/ŷ) − y + ŷ), for predicted rates. It is [`tweedie_deviance`] of power 1.
///
/// # Errors
/// [`MetricsError::Domain`] unless observed values are at least 0 and predicted values above 0. Others for lengths, weights, values that are
/// not finite, and a result that is too large for a float.
///
/// # Example
/// ```
/// let deviance = kiln_models::metrics::poisson_deviance(&[0.0, 2.0], &[1.0, 1.0], None)?;
/// assert!((deviance - 2.0 * 2f64.ln()).abs() < 1e-15);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn poisson_deviance(observed: &[f64], predicted: &[f64], weights: Option<&[f64]>) -> Result<f64, MetricsError> {
    tweedie_deviance(observed, predicted, 1.0, weights)
}

/// Returns the mean gamma deviance, 2·(ln(ŷ/y) + y/ŷ − 1). It does not depend on the unit of the values. It is [`tweedie_deviance`] of
/// power 2.
///
/// # Errors
/// [`MetricsError::Domain`] unless all values are above 0. Others for lengths, weights, values that are not finite, and a result that is too
/// large for a float.
///
/// # Example
/// ```
/// let deviance = kiln_models::metrics::gamma_deviance(&[2.0], &[1.0], None)?;
/// assert!((deviance - 2.0 * (1.0 - 2f64.ln())).abs() < 1e-15);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn gamma_deviance(observed: &[f64], predicted: &[f64], weights: Option<&[f64]>) -> Result<f64, MetricsError> {
    tweedie_deviance(observed, predicted, 2.0, weights)
}

/// Returns the mean deviance of a Tweedie family, whose variance is the mean to the given power.
///
/// | power | family | observed | predicted |
/// |---|---|---|---|
/// | below 0 | extreme stable | any | above 0 |
/// | 0 | normal: the mean squared error | any | any |
/// | 1 | Poisson | 0 or more | above 0 |
/// | between 1 and 2 | compound Poisson | 0 or more | above 0 |
/// | 2 | gamma | above 0 | above 0 |
/// | above 2 | positive stable; 3 is the inverse Gaussian | above 0 | above 0 |
///
/// # Errors
/// [`MetricsError::Setting`] for a power that is not finite or between 0 and 1, where no family exists. [`MetricsError::Domain`] for values
/// outside the table. Others for lengths, weights, values that are not finite, and a result that is too large for a float.
///
/// # Example
/// ```
/// use kiln_models::metrics::tweedie_deviance;
///
/// let (observed, predicted) = ([0.0, 1.0, 3.0], [0.5, 1.0, 2.0]);
/// assert!(tweedie_deviance(&observed, &predicted, 1.5, None)? > 0.0);
/// assert!(tweedie_deviance(&observed, &predicted, 0.5, None).is_err());
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn tweedie_deviance(
    observed: &[f64],
    predicted: &[f64],
    power: f64,
    weights: Option<&[f64]>,
) -> Result<f64, MetricsError> {
    let family = Family::of(power)?;
    let rows = Rows::of_numbers(observed, predicted, weights)?;
    family.check(observed, predicted)?;
    let mean = rows.mean(|row| {
        let deviance = family.deviance(observed[row], predicted[row]);
        // Rounding can leave less than nothing of two large terms.
        if deviance < 0.0 { 0.0 } else { deviance }
    });
    expect_no_overflow(family.name(), mean)
}

/// How near to 1 a ratio is expanded in a series.
const NEAR: f64 = 0.1;

/// The families that have a formula of their own.
#[derive(Clone, Copy)]
enum Family {
    Normal,
    Poisson,
    Gamma,
    Power(f64),
}

impl Family {
    #[allow(clippy::float_cmp, reason = "0, 1 and 2 are exact, and limits of the formula for other powers")]
    fn of(power: f64) -> Result<Self, MetricsError> {
        match power {
            0.0 => Ok(Self::Normal),
            1.0 => Ok(Self::Poisson),
            2.0 => Ok(Self::Gamma),
            p if p.is_finite() && !(0.0..1.0).contains(&p) => Ok(Self::Power(p)),
            found => {
                Err(MetricsError::Setting { name: "the power", expected: "finite, and at most 0 or at least 1", found })
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Normal => "the mean squared error",
            Self::Poisson => "the Poisson deviance",
            Self::Gamma => "the gamma deviance",
            Self::Power(_) => "the Tweedie deviance",
        }
    }

    fn check(self, observed: &[f64], predicted: &[f64]) -> Result<(), MetricsError> {
        let (zero_allowed, any_observed) = match self {
            Self::Normal => return Ok(()),
            Self::Poisson => (true, false),
            Self::Gamma => (false, false),
            Self::Power(p) => (p < 2.0, p < 0.0),
        };
        let refuse =
            |what, row, found, expected| Err(MetricsError::Domain { measure: self.name(), what, row, found, expected });
        if let Some(row) = predicted.iter().position(|value| *value <= 0.0) {
            return refuse("predicted", row, predicted[row], "a value above 0");
        }
        let expected = if zero_allowed { "a value of 0 or more" } else { "a value above 0" };
        match observed.iter().position(|value| *value < 0.0 || *value <= 0.0 && !zero_allowed) {
            Some(row) if !any_observed => refuse("observed", row, observed[row], expected),
            _ => Ok(()),
        }
    }

    fn deviance(self, y: f64, mean: f64) -> f64 {
        match self {
            Self::Normal => (y - mean).powi(2),
            Self::Poisson => 2.0 * mean * entropy(y / mean),
            Self::Gamma => 2.0 * log_excess(mean / y, y / mean, mean, y),
            Self::Power(p) => {
                let base = y.max(0.0).powf(2.0 - p) / ((1.0 - p) * (2.0 - p));
                2.0 * (base - y * mean.powf(1.0 - p) / (1.0 - p) + mean.powf(2.0 - p) / (2.0 - p))
            }
        }
    }
}

/// ln(ŷ/y) + y/ŷ − 1, where the ratio and its inverse are given.
fn log_excess(ratio: f64, inverse: f64, mean: f64, y: f64) -> f64 {
    if (ratio - 1.0).abs() < NEAR {
        inverse * entropy(ratio)
    } else if ratio.is_normal() {
        ratio.ln() + (inverse - 1.0)
    } else {
        // A ratio beyond the range of floats has a logarithm within it.
        mean.ln() - y.ln() + (inverse - 1.0)
    }
}

/// x·ln x − x + 1, without cancellation where x is near 1.
fn entropy(x: f64) -> f64 {
    let d = x - 1.0;
    if x <= 0.0 {
        1.0
    } else if d.abs() < NEAR {
        // With v = d/(2 + d), ln x = 2·(v + v³/3 + v⁵/5 + …), so that x·ln x − d = d·v + 2·x·(v³/3 + v⁵/5 + …) (Loader, 2000).
        let v = d / (2.0 + d);
        let mut power = v;
        let mut series = 0.0;
        // |v| < 0.053, so the terms that follow are below 1e-17 of the whole.
        for order in (3..=13u8).step_by(2) {
            power *= v * v;
            series += power / f64::from(order);
        }
        d * v + 2.0 * x * series
    } else {
        x * x.ln() - d
    }
}
