//! Measures of predicted numbers.

use super::{
    error::MetricsError,
    rows::{Rows, expect_no_overflow},
};

/// Returns the root of the mean squared error, in the unit of the values.
///
/// # Errors
/// [`MetricsError`] for lengths, weights, values that are not finite, and a result that is too large for a float.
///
/// # Example
/// ```
/// assert_eq!(kiln_models::metrics::rmse(&[1.0, 2.0], &[4.0, 6.0], None)?, 12.5f64.sqrt());
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn rmse(observed: &[f64], predicted: &[f64], weights: Option<&[f64]>) -> Result<f64, MetricsError> {
    let rows = Rows::of_numbers(observed, predicted, weights)?;
    let difference = |row: usize| observed[row] - predicted[row];
    let largest = largest(&rows, difference);
    if largest <= 0.0 {
        return Ok(0.0);
    }
    expect_no_overflow("the RMSE", largest * rows.mean(|row| (difference(row) / largest).powi(2)).sqrt())
}

/// Returns the mean absolute error, in the unit of the values.
///
/// # Errors
/// [`MetricsError`] for lengths, weights, values that are not finite, and a result that is too large for a float.
///
/// # Example
/// ```
/// assert_eq!(kiln_models::metrics::mae(&[1.0, 2.0], &[4.0, 6.0], None)?, 3.5);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn mae(observed: &[f64], predicted: &[f64], weights: Option<&[f64]>) -> Result<f64, MetricsError> {
    let rows = Rows::of_numbers(observed, predicted, weights)?;
    expect_no_overflow("the MAE", rows.mean(|row| (observed[row] - predicted[row]).abs()))
}

/// Returns the coefficient of determination, R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)².
///
/// It is 1 for perfect predictions, 0 for the mean of the observed values, and negative for anything worse.
///
/// # Errors
/// [`MetricsError::Constant`] if all observed values with a weight are equal. Others for lengths, weights, values that are not finite, and
/// sums that are too large for a float.
///
/// # Example
/// ```
/// assert_eq!(kiln_models::metrics::r2(&[1.0, 2.0, 3.0], &[1.0, 2.0, 4.0], None)?, 0.5);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn r2(observed: &[f64], predicted: &[f64], weights: Option<&[f64]>) -> Result<f64, MetricsError> {
    let rows = Rows::of_numbers(observed, predicted, weights)?;
    let mut counted = (0..rows.count()).filter(|row| rows.weight(*row) > 0.0).map(|row| observed[row]);
    let first = counted.next().unwrap_or(0.0);
    // Not by their variance, which is above 0 if their mean is rounded.
    #[allow(clippy::float_cmp, reason = "whether all values are the same number")]
    if counted.all(|value| value == first) {
        return Err(MetricsError::Constant { value: first });
    }
    // Deviations from a value among the others do not cancel where all of them are large.
    let offset = rows.mean(|row| observed[row] - first);
    let deviation = |row: usize| (observed[row] - first) - offset;
    let unit = largest(&rows, deviation);
    let total = rows.mean(|row| (deviation(row) / unit).powi(2));
    let residual = rows.mean(|row| ((observed[row] - predicted[row]) / unit).powi(2));
    expect_no_overflow("a sum of squares of R²", 1.0 - residual / total)
}

/// Returns the mean absolute percentage error as a fraction: the mean of |y − ŷ| / |y|. A result of 0.1 means 10%.
///
/// As in scikit-learn, an observed value nearer to 0 than 2.2e-16 is divided by 2.2e-16, so one observed 0 makes the result huge.
///
/// # Errors
/// [`MetricsError`] for lengths, weights, values that are not finite, and a result that is too large for a float.
///
/// # Example
/// ```
/// assert_eq!(kiln_models::metrics::mape(&[1.0, 2.0], &[1.5, 1.0], None)?, 0.5);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn mape(observed: &[f64], predicted: &[f64], weights: Option<&[f64]>) -> Result<f64, MetricsError> {
    let rows = Rows::of_numbers(observed, predicted, weights)?;
    let share = |row: usize| (observed[row] - predicted[row]).abs() / observed[row].abs().max(f64::EPSILON);
    expect_no_overflow("the MAPE", rows.mean(share))
}

/// Returns the mean pinball loss of predicted quantiles: q·(y − ŷ) where y is larger, and (1 − q)·(ŷ − y) elsewhere.
///
/// `quantile` q is from 0 to 1. The best predictions are the q-quantiles of y. With q = ½ the loss is half the [`mae`].
///
/// # Errors
/// [`MetricsError::Setting`] if `quantile` is out of its range. Others for lengths, weights, values that are not finite, and a result that is
/// too large for a float.
///
/// # Example
/// ```
/// // The first prediction is 3 too low, the second is 2 too high.
/// assert_eq!(kiln_models::metrics::pinball(&[5.0, 0.0], &[2.0, 2.0], 0.75, None)?, (0.75 * 3.0 + 0.25 * 2.0) / 2.0);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn pinball(
    observed: &[f64],
    predicted: &[f64],
    quantile: f64,
    weights: Option<&[f64]>,
) -> Result<f64, MetricsError> {
    if !(0.0..=1.0).contains(&quantile) {
        return Err(MetricsError::Setting { name: "the quantile", expected: "from 0 to 1", found: quantile });
    }
    let rows = Rows::of_numbers(observed, predicted, weights)?;
    let loss = |row: usize| {
        let difference = observed[row] - predicted[row];
        if difference >= 0.0 { quantile * difference } else { (quantile - 1.0) * difference }
    };
    expect_no_overflow("the pinball loss", rows.mean(loss))
}

/// The largest absolute value of rows with a weight: the unit in which squares neither overflow nor vanish.
fn largest(rows: &Rows<'_>, value: impl Fn(usize) -> f64) -> f64 {
    (0..rows.count()).filter(|row| rows.weight(*row) > 0.0).map(|row| value(row).abs()).fold(0.0, f64::max)
}
