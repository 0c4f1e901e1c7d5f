//! Proper scores of probabilities.

use super::{error::MetricsError, rows::Rows};

/// Returns the Brier score of probabilities that a row is positive: the mean of (p − y)², where y is 1 for a positive row and else 0.
///
/// It lies between 0 and 1, and lower is better.
///
/// # Errors
/// [`MetricsError::Probability`] unless all probabilities are between 0 and 1. Others for lengths and weights.
///
/// # Example
/// ```
/// let score = kiln_models::metrics::brier(&[false, true, true, false], &[0.1, 0.9, 0.8, 0.3], None)?;
/// assert!((score - 0.0375).abs() < 1e-15);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn brier(positive: &[bool], probabilities: &[f64], weights: Option<&[f64]>) -> Result<f64, MetricsError> {
    let rows = Rows::of_probabilities(positive, probabilities, weights)?;
    Ok(rows.mean(|row| (probabilities[row] - f64::from(u8::from(positive[row]))).powi(2)))
}

/// Returns the Brier score of probabilities of several classes: the mean of Σ (pₖ − yₖ)² over the classes.
///
/// `probabilities` is `[n, classes]` in row-major order, at most 4096 classes. The score lies between 0 and 2, and lower is better. With two
/// classes it is halved, so that it equals [`brier`], as in scikit-learn's `brier_score_loss`.
///
/// # Errors
/// [`MetricsError::Probability`] and [`MetricsError::ProbabilitySum`] unless each row has probabilities that sum to 1 (to 1e-4). Others for
/// lengths, weights and class indices.
///
/// # Example
/// ```
/// let probabilities = [0.5, 0.25, 0.25, 0.0, 1.0, 0.0];
/// let score = kiln_models::metrics::brier_multiclass(&[0, 1], &probabilities, 3, None)?;
/// assert_eq!(score, 0.1875);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn brier_multiclass(
    observed: &[usize],
    probabilities: &[f64],
    classes: usize,
    weights: Option<&[f64]>,
) -> Result<f64, MetricsError> {
    let rows = Rows::of_class_probabilities(observed, probabilities, classes, weights)?;
    let score = rows.mean(|row| {
        let of_row = &probabilities[row * classes..(row + 1) * classes];
        let square = |(class, p): (usize, &f64)| (p - f64::from(u8::from(class == observed[row]))).powi(2);
        of_row.iter().enumerate().map(square).sum()
    });
    Ok(if classes < 3 { score / 2.0 } else { score })
}

/// Returns the log loss of probabilities that a row is positive: the mean of −ln p of what was observed, in nats.
///
/// As in scikit-learn, a probability below 2.2e-16 counts as 2.2e-16, so that one wrong certainty costs 36 nats instead of infinitely many.
///
/// # Errors
/// [`MetricsError::Probability`] unless all probabilities are between 0 and 1. Others for lengths and weights.
///
/// # Example
/// ```
/// let loss = kiln_models::metrics::log_loss(&[false, true], &[0.5, 0.25], None)?;
/// assert!((loss - 1.5 * 2f64.ln()).abs() < 1e-15);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn log_loss(positive: &[bool], probabilities: &[f64], weights: Option<&[f64]>) -> Result<f64, MetricsError> {
    let rows = Rows::of_probabilities(positive, probabilities, weights)?;
    Ok(rows.mean(|row| nats(if positive[row] { probabilities[row] } else { 1.0 - probabilities[row] })))
}

/// Returns the log loss of probabilities of several classes: the mean of −ln p of the observed class, in nats.
///
/// `probabilities` is `[n, classes]` in row-major order, at most 4096 classes. As in scikit-learn, a probability below 2.2e-16 counts as
/// 2.2e-16.
///
/// # Errors
/// [`MetricsError::Probability`] and [`MetricsError::ProbabilitySum`] unless each row has probabilities that sum to 1 (to 1e-4). Others for
/// lengths, weights and class indices.
///
/// # Example
/// ```
/// let probabilities = [0.5, 0.25, 0.25, 0.25, 0.25, 0.5];
/// let loss = kiln_models::metrics::log_loss_multiclass(&[0, 1], &probabilities, 3, None)?;
/// assert!((loss - 1.5 * 2f64.ln()).abs() < 1e-15);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn log_loss_multiclass(
    observed: &[usize],
    probabilities: &[f64],
    classes: usize,
    weights: Option<&[f64]>,
) -> Result<f64, MetricsError> {
    let rows = Rows::of_class_probabilities(observed, probabilities, classes, weights)?;
    Ok(rows.mean(|row| nats(probabilities[row * classes + observed[row]])))
}

/// −ln p, with p kept ε from 0 and from 1.
fn nats(p: f64) -> f64 {
    -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}
