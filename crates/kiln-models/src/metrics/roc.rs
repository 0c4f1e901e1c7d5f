//! The receiver operating characteristic.

use super::{PrecisionRecall, error::MetricsError, rows::Rows, thresholds::Counts};

const MEASURE: &str = "a ROC curve";

/// The receiver operating characteristic: the true positive rate against the false positive rate, for every threshold of the score.
///
/// A row is predicted positive if its score is at least the threshold. The first threshold is infinite, so that the curve begins at (0, 0);
/// the others are the distinct scores in descending order. It is scikit-learn's `roc_curve(…, drop_intermediate=False)`.
///
/// # Example
/// ```
/// use kiln_models::metrics::RocCurve;
///
/// let curve = RocCurve::new(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8], None)?;
/// assert_eq!(curve.thresholds(), [f64::INFINITY, 0.8, 0.4, 0.35, 0.1]);
/// assert_eq!(curve.fpr(), [0.0, 0.0, 0.5, 0.5, 1.0]);
/// assert_eq!(curve.tpr(), [0.0, 0.5, 0.5, 1.0, 1.0]);
/// assert_eq!(curve.auc(), 0.75);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RocCurve {
    thresholds: Vec<f64>,
    fpr: Vec<f64>,
    tpr: Vec<f64>,
    auc: f64,
}

impl RocCurve {
    /// Returns the curve of rows that are positive or not, with scores that are high for positive rows. The scores need not be
    /// probabilities.
    ///
    /// # Errors
    /// [`MetricsError::OneClass`] unless both classes have a row with a weight. Others for lengths, weights, and scores that are not finite.
    pub fn new(positive: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Result<Self, MetricsError> {
        let rows = Rows::of_scores(positive, scores, weights)?;
        Self::of(&Counts::new(&rows, |row| positive[row], |row| scores[row]))
    }

    /// Returns the curve and the precision-recall curve of the same rows, whose scores are sorted once.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    ///
    /// # Example
    /// ```
    /// use kiln_models::metrics::{PrecisionRecall, RocCurve};
    ///
    /// let (observed, scores) = ([false, false, true, true], [0.1, 0.4, 0.35, 0.8]);
    /// let (roc, recall) = RocCurve::with_precision_recall(&observed, &scores, None)?;
    /// assert_eq!(roc, RocCurve::new(&observed, &scores, None)?);
    /// assert_eq!(recall, PrecisionRecall::new(&observed, &scores, None)?);
    /// # Ok::<(), kiln_models::metrics::MetricsError>(())
    /// ```
    pub fn with_precision_recall(
        positive: &[bool],
        scores: &[f64],
        weights: Option<&[f64]>,
    ) -> Result<(Self, PrecisionRecall), MetricsError> {
        let rows = Rows::of_scores(positive, scores, weights)?;
        let counts = Counts::new(&rows, |row| positive[row], |row| scores[row]);
        Ok((Self::of(&counts)?, PrecisionRecall::of(counts)?))
    }

    fn of(counts: &Counts) -> Result<Self, MetricsError> {
        let Some(auc) = counts.roc_auc() else {
            let missing = if counts.positives() > 0.0 { "negative" } else { "positive" };
            return Err(MetricsError::OneClass { measure: MEASURE, missing: missing.to_owned() });
        };
        let rates = |counts: &[f64], total: f64| [0.0].into_iter().chain(counts.iter().map(|n| n / total)).collect();
        Ok(Self {
            fpr: rates(&counts.false_positives, counts.negatives()),
            tpr: rates(&counts.true_positives, counts.positives()),
            thresholds: [f64::INFINITY].into_iter().chain(counts.thresholds.iter().copied()).collect(),
            auc,
        })
    }

    /// Returns the thresholds, in descending order. The first is infinite.
    pub fn thresholds(&self) -> &[f64] {
        &self.thresholds
    }

    /// Returns the false positive rate at each threshold: the share of the negative rows that are predicted positive.
    pub fn fpr(&self) -> &[f64] {
        &self.fpr
    }

    /// Returns the true positive rate at each threshold: the share of the positive rows that are predicted positive.
    pub fn tpr(&self) -> &[f64] {
        &self.tpr
    }

    /// Returns the area under the curve, by the trapezoidal rule. It is the probability that a positive row has a higher score than a
    /// negative row, where equal scores count half.
    pub const fn auc(&self) -> f64 {
        self.auc
    }
}
