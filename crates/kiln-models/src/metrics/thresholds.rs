//! Weights of true and false positives, threshold by threshold.

use rayon::prelude::*;

use super::rows::Rows;

/// The weights of the positive and of the negative rows whose score is at least a threshold. Thresholds are the distinct scores of rows
/// with a weight, in descending order.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) thresholds: Vec<f64>,
    pub(super) true_positives: Vec<f64>,
    pub(super) false_positives: Vec<f64>,
}

impl Counts {
    /// Counts by `positive` and `score`, which is finite for every row.
    pub(super) fn new(rows: &Rows<'_>, positive: impl Fn(usize) -> bool, score: impl Fn(usize) -> f64) -> Self {
        let counted = (0..rows.count()).filter(|row| rows.weight(*row) > 0.0);
        let mut order: Vec<(f64, usize)> = counted.map(|row| (score(row), row)).collect();
        // Equal scores in the order of their rows.
        order.par_sort_unstable_by(|(a, row), (b, other)| b.total_cmp(a).then(row.cmp(other)));
        let mut counts = Self { thresholds: Vec::new(), true_positives: Vec::new(), false_positives: Vec::new() };
        let (mut of_true, mut of_false) = (0.0, 0.0);
        for (place, (threshold, row)) in order.iter().copied().enumerate() {
            *(if positive(row) { &mut of_true } else { &mut of_false }) += rows.weight(row);
            // Equal scores share a threshold; so do 0 and −0.
            if order.get(place + 1).is_none_or(|(next, _)| *next < threshold) {
                counts.thresholds.push(threshold);
                counts.true_positives.push(of_true);
                counts.false_positives.push(of_false);
            }
        }
        counts
    }

    /// The weight of all positive rows.
    pub(super) fn positives(&self) -> f64 {
        self.true_positives.last().copied().unwrap_or(0.0)
    }

    /// The weight of all negative rows.
    pub(super) fn negatives(&self) -> f64 {
        self.false_positives.last().copied().unwrap_or(0.0)
    }

    /// The area under the ROC curve, if both classes have a weight.
    pub(super) fn roc_auc(&self) -> Option<f64> {
        let (positives, negatives) = (self.positives(), self.negatives());
        if positives <= 0.0 || negatives <= 0.0 {
            return None;
        }
        let (mut area, mut fpr, mut tpr) = (0.0, 0.0, 0.0);
        for (of_true, of_false) in self.true_positives.iter().zip(&self.false_positives) {
            let (x, y) = (of_false / negatives, of_true / positives);
            area += (x - fpr) * ((y + tpr) / 2.0);
            (fpr, tpr) = (x, y);
        }
        Some(area)
    }
}
