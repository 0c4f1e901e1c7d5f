//! The confusion matrix and its scores.

use super::{
    average::Average,
    error::MetricsError,
    rows::{MAX_CLASSES, Rows, expect_classes, expect_length},
};

/// Precision, recall and F1 of one class, or their average over the classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassScores {
    /// The share of the rows predicted as this class that belong to it. 0 if no row is predicted as this class.
    pub precision: f64,
    /// The share of the rows of this class that are predicted as it. 0 if the class has no row.
    pub recall: f64,
    /// The harmonic mean of precision and recall. 0 if both are 0.
    pub f1: f64,
    /// The weight of the rows of this class. An average has the weight of all rows.
    pub support: f64,
}

/// How often rows of each class are predicted as each class.
///
/// Where a score is 0/0, it is 0, as in scikit-learn. [`kappa`](Self::kappa) is `None` instead.
///
/// # Example
/// ```
/// use kiln_models::metrics::{Average, ConfusionMatrix};
///
/// let observed = [0, 0, 1, 1, 2, 2];
/// let predicted = [0, 0, 1, 2, 2, 0];
/// let matrix = ConfusionMatrix::new(&observed, &predicted, 3, None)?;
/// assert_eq!(matrix.counts(), [2.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0]);
/// assert_eq!(matrix.accuracy(), 4.0 / 6.0);
/// assert_eq!(matrix.scores()[1].precision, 1.0);
/// assert_eq!(matrix.scores()[1].recall, 0.5);
/// assert_eq!(matrix.kappa(), Some(0.5));
/// assert!((matrix.average(Average::Macro).precision - (2.0 / 3.0 + 1.0 + 0.5) / 3.0).abs() < 1e-15);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<f64>,
    /// The weight of the rows of each class, of the rows predicted as each class, and of all rows.
    observed: Vec<f64>,
    predicted: Vec<f64>,
    total: f64,
}

impl ConfusionMatrix {
    /// Counts rows with an observed and a predicted class each, which are indices below `classes`. There are at most 4096 classes.
    ///
    /// # Errors
    /// [`MetricsError`] for lengths, weights, class indices and the number of classes.
    pub fn new(
        observed: &[usize],
        predicted: &[usize],
        classes: usize,
        weights: Option<&[f64]>,
    ) -> Result<Self, MetricsError> {
        if !(1..=MAX_CLASSES).contains(&classes) {
            return Err(MetricsError::Classes { found: classes, limit: MAX_CLASSES });
        }
        expect_length("predicted classes", predicted.len(), observed.len())?;
        let rows = Rows::new(observed.len(), weights)?;
        expect_classes("observed", observed, classes)?;
        expect_classes("predicted", predicted, classes)?;
        let mut counts = vec![0.0; classes * classes];
        for (row, (observed, predicted)) in observed.iter().zip(predicted).enumerate() {
            counts[observed * classes + predicted] += rows.weight(row);
        }
        let row_sums: Vec<f64> = counts.chunks_exact(classes).map(|row| row.iter().sum()).collect();
        let mut column_sums = vec![0.0; classes];
        for row in counts.chunks_exact(classes) {
            column_sums.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        }
        let total = row_sums.iter().sum();
        Ok(Self { classes, counts, observed: row_sums, predicted: column_sums, total })
    }

    /// Returns the number of classes.
    pub const fn classes(&self) -> usize {
        self.classes
    }

    /// Returns the weights of the rows of each observed and predicted class, `[classes, classes]` in row-major order. A row of the matrix
    /// is an observed class, a column a predicted one.
    pub fn counts(&self) -> &[f64] {
        &self.counts
    }

    /// Returns the share of rows whose class is predicted.
    pub fn accuracy(&self) -> f64 {
        self.hits().sum::<f64>() / self.total
    }

    /// Returns the mean recall of the classes that have rows.
    pub fn balanced_accuracy(&self) -> f64 {
        let recalls = self.hits().zip(&self.observed).filter(|(_, all)| **all > 0.0).map(|(hits, all)| hits / all);
        let (count, sum) = recalls.fold((0.0, 0.0), |(count, sum), recall| (count + 1.0, sum + recall));
        sum / count
    }

    /// Returns the scores of each class.
    pub fn scores(&self) -> Vec<ClassScores> {
        let of_class = |(hits, (observed, predicted)): (f64, (&f64, &f64))| ClassScores {
            precision: ratio(hits, *predicted),
            recall: ratio(hits, *observed),
            f1: ratio(2.0 * hits, observed + predicted),
            support: *observed,
        };
        self.hits().zip(self.observed.iter().zip(&self.predicted)).map(of_class).collect()
    }

    /// Returns the average scores of the classes that have a row with a weight, observed or predicted.
    pub fn average(&self, average: Average) -> ClassScores {
        let mut mean = ClassScores { precision: 0.0, recall: 0.0, f1: 0.0, support: self.total };
        let mut shares = 0.0;
        for (scores, predicted) in self.scores().iter().zip(&self.predicted) {
            let share = match average {
                Average::Macro if scores.support > 0.0 || *predicted > 0.0 => 1.0,
                Average::Macro => 0.0,
                Average::Weighted => scores.support / self.total,
            };
            mean.precision += share * scores.precision;
            mean.recall += share * scores.recall;
            mean.f1 += share * scores.f1;
            shares += share;
        }
        ClassScores {
            precision: mean.precision / shares,
            recall: mean.recall / shares,
            f1: mean.f1 / shares,
            support: mean.support,
        }
    }

    /// Returns Cohen's kappa: the agreement beyond chance, as a share of the largest possible one. 1 is perfect, 0 is chance.
    ///
    /// It is `None` if all rows are observed and predicted in the same class.
    pub fn kappa(&self) -> Option<f64> {
        let apart =
            |class: usize| self.observed[class] / self.total * ((self.total - self.predicted[class]) / self.total);
        let expected: f64 = (0..self.classes).map(apart).sum();
        let disagreement: f64 = (0..self.classes).map(|class| self.others(class)).sum();
        (expected > 0.0).then(|| 1.0 - disagreement / self.total / expected)
    }

    /// Returns Matthews' correlation coefficient of observed and predicted classes, for any number of classes (Gorodkin, 2004).
    ///
    /// It lies between −1 and 1. It is 0 if all rows are observed in one class, or predicted in one.
    pub fn matthews(&self) -> f64 {
        // By a power of two, so that products of counts stay exact and cannot overflow.
        #[allow(clippy::cast_possible_truncation, reason = "the binary logarithm of a float is small")]
        let scale = 2f64.powi(-self.total.log2().clamp(-1000.0, 1000.0) as i32);
        let scaled = |sums: &[f64]| -> Vec<f64> { sums.iter().map(|sum| sum * scale).collect() };
        let (observed, predicted) = (scaled(&self.observed), scaled(&self.predicted));
        let variance = |shares: &[f64]| -> f64 {
            let total: f64 = shares.iter().sum();
            shares.iter().map(|share| share * (total - share)).sum()
        };
        let chance: f64 = observed.iter().zip(&predicted).map(|(a, b)| a * b).sum();
        let covariance = self.hits().sum::<f64>() * scale * (self.total * scale) - chance;
        ratio(covariance, variance(&observed).sqrt() * variance(&predicted).sqrt())
    }

    /// The diagonal.
    fn hits(&self) -> impl Iterator<Item = f64> + '_ {
        self.counts.iter().step_by(self.classes + 1).copied()
    }

    /// The weight of the rows of a class that are predicted as another class.
    fn others(&self, class: usize) -> f64 {
        let row = &self.counts[class * self.classes..(class + 1) * self.classes];
        row.iter().enumerate().filter(|(predicted, _)| *predicted != class).map(|(_, count)| count).sum()
    }
}

/// a/b, and 0 for 0/0.
fn ratio(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}
