//! The precision-recall curve.

use super::{error::MetricsError, rows::Rows, thresholds::Counts};

const MEASURE: &str = "a precision-recall curve";

/// Precision and recall for every threshold of the score, and the average precision.
///
/// A row is predicted positive if its score is at least the threshold. The thresholds are the distinct scores in ascending order. A last
/// point without a threshold has precision 1 and recall 0. It is scikit-learn's `precision_recall_curve`.
///
/// # Example
/// ```
/// use kiln_models::metrics::PrecisionRecall;
///
/// let curve = PrecisionRecall::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8], None)?;
/// assert_eq!(curve.thresholds(), [0.1, 0.35, 0.4, 0.8]);
/// assert_eq!(curve.precision(), [0.5, 2.0 / 3.0, 0.5, 1.0, 1.0]);
/// assert_eq!(curve.recall(), [1.0, 1.0, 0.5, 0.5, 0.0]);
/// assert!((curve.average_precision() - 5.0 / 6.0).abs() < 1e-15);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PrecisionRecall {
    thresholds: Vec<f64>,
    precision: Vec<f64>,
    recall: Vec<f64>,
}

impl PrecisionRecall {
    /// Returns the curve of rows that are positive or not, with scores that are high for positive rows. The scores need not be
    /// probabilities.
    ///
    /// # Errors
    /// [`MetricsError::OneClass`] unless a positive row has a weight. Others for lengths, weights, and scores that are not finite.
    pub fn new(positive: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Self, MetricsError> {
        let rows = Rows::of_scores(positive, scores, weights)?;
        Self::of(Counts::new(&rows, |row| positive[row], |row| scores[row]))
    }

    pub(super) fn of(counts: Counts) -> Result<Self, MetricsError> {
        let positives = counts.positives();
        if positives <= 0.0 {
            return Err(MetricsError::OneClass { measure: MEASURE, missing: "positive".to_owned() });
        }
        let mut curve = Self { thresholds: counts.thresholds, precision: Vec::new(), recall: Vec::new() };
        curve.thresholds.reverse();
        for (of_true, of_false) in counts.true_positives.iter().zip(&counts.false_positives).rev() {
            curve.precision.push(of_true / (of_true + of_false));
            curve.recall.push(of_true / positives);
        }
        curve.precision.push(1.0);
        curve.recall.push(0.0);
        Ok(curve)
    }

    /// Returns the thresholds, in ascending order.
    pub fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// Returns the precision at each threshold, and 1: the share of positive rows among those that are predicted positive.
    pub fn precision(&self) -> &[f64] {
        &self.precision
    }

    /// Returns the recall at each threshold, and 0: the share of the positive rows that are predicted positive.
    pub fn recall(&self) -> &[f64] {
        &self.recall
    }

    /// Returns the average precision, Σ (Rᵢ − Rᵢ₋₁)·Pᵢ over the thresholds in descending order: the area under the curve as steps, without
    /// interpolation.
    pub fn average_precision(&self) -> f64 {
        self.recall.windows(2).zip(&self.precision).map(|(recall, precision)| (recall[0] - recall[1]) * precision).sum()
    }
}
