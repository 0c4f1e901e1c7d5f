//! The area under the ROC curve for several classes.

use super::{average::Average, error::MetricsError, rows::Rows, thresholds::Counts};

/// Returns the mean over the classes of the area under the ROC curve of one class against the rest.
///
/// `scores` has a number for each row and class, `[n, classes]` in row-major order, at most 4096 classes. Probabilities are usual, but all
/// finite numbers will do. It is scikit-learn's `roc_auc_score(…, multi_class="ovr")`. With [`Average::Weighted`] a class without rows does
/// not count.
///
/// # Errors
/// [`MetricsError::OneClass`] if a class that counts has no row with a weight, or all of them. Others for lengths, weights, class indices,
/// and scores that are not finite.
///
/// # Example
/// ```
/// use kiln_models::metrics::{Average, roc_auc_multiclass};
///
/// let scores = [0.7, 0.2, 0.1, 0.3, 0.4, 0.3, 0.2, 0.2, 0.6, 0.1, 0.4, 0.5];
/// // Only class 1 shares a score with a row of another class.
/// let auc = roc_auc_multiclass(&[0, 1, 2, 2], &scores, 3, Average::Macro, None)?;
/// assert!((auc - (1.0 + 5.0 / 6.0 + 1.0) / 3.0).abs() < 1e-15);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
pub fn roc_auc_multiclass(
    observed: &[usize],
    scores: &[f64],
    classes: usize,
    average: Average,
    weights: Option<&[f64]>,
) -> Result<f64, MetricsError> {
    let rows = Rows::of_class_scores(observed, scores, classes, weights)?;
    let (mut sum, mut shares) = (0.0, 0.0);
    for class in 0..classes {
        let counts = Counts::new(&rows, |row| observed[row] == class, |row| scores[row * classes + class]);
        let share = match average {
            Average::Macro => 1.0,
            Average::Weighted => counts.positives() / rows.total(),
        };
        if share <= 0.0 {
            continue;
        }
        let Some(auc) = counts.roc_auc() else {
            let other = if counts.positives() > 0.0 { "not " } else { "" };
            let missing = format!("{other}of class {class}");
            return Err(MetricsError::OneClass { measure: "the area under a ROC curve", missing });
        };
        sum += share * auc;
        shares += share;
    }
    Ok(sum / shares)
}
