//! Calibration: whether events happen as often as their probabilities say.

use rayon::prelude::*;

use super::{error::MetricsError, rows::Rows};

/// The largest number of bins.
const MAX_BINS: usize = 100_000;

/// How the probabilities are divided into bins. The number of bins is from 1 to 100,000.
///
/// # Example
/// ```
/// use kiln_models::metrics::{Bins, Calibration};
///
/// let (positive, probabilities) = ([false, false, true, true], [0.05, 0.1, 0.2, 0.9]);
/// let rows = |bins| Calibration::new(&positive, &probabilities, bins, None).map(|calibration| {
///     calibration.bins().iter().map(|bin| bin.rows).collect::<Vec<_>>()
/// });
/// assert_eq!(rows(Bins::Uniform(2))?, [3, 1]);
/// assert_eq!(rows(Bins::Quantile(2))?, [2, 2]);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bins {
    /// Bins of equal width between 0 and 1.
    Uniform(usize),
    /// Bins with about equally many rows. Their edges are quantiles of the probabilities of all rows with a weight, whatever the weights.
    Quantile(usize),
}

/// The rows of a bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationBin {
    /// The bin holds probabilities above this one. The first bin holds its lower edge too.
    pub lower: f64,
    /// The largest probability that the bin can hold.
    pub upper: f64,
    /// The number of rows with a weight.
    pub rows: usize,
    /// The sum of their weights.
    pub weight: f64,
    /// The mean of their probabilities.
    pub mean_predicted: f64,
    /// The share of positive rows.
    pub fraction_positive: f64,
}

/// Predicted probabilities beside observed frequencies, bin by bin. Bins without rows are left out.
///
/// Bins and means are those of scikit-learn's `calibration_curve`, which has no weights.
///
/// # Example
/// ```
/// use kiln_models::metrics::{Bins, Calibration};
///
/// let positive = [false, false, false, true, true, true];
/// let probabilities = [0.1, 0.2, 0.3, 0.3, 0.8, 1.0];
/// let calibration = Calibration::new(&positive, &probabilities, Bins::Uniform(2), None)?;
/// assert_eq!(calibration.bins().len(), 2);
/// assert_eq!(calibration.bins()[0].fraction_positive, 0.25);
/// assert!((calibration.bins()[0].mean_predicted - 0.225).abs() < 1e-15);
/// # Ok::<(), kiln_models::metrics::MetricsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    bins: Vec<CalibrationBin>,
    total: f64,
}

impl Calibration {
    /// Divides rows with probabilities of being positive into bins.
    ///
    /// # Errors
    /// [`MetricsError::Probability`] unless all probabilities are between 0 and 1, and [`MetricsError::Setting`] for a wrong number of bins.
    /// Others for lengths and weights.
    pub fn new(
        positive: &[bool],
        probabilities: &[f64],
        bins: Bins,
        weights: Option<&[f64]>,
    ) -> Result<Self, MetricsError> {
        let rows = Rows::of_probabilities(positive, probabilities, weights)?;
        let (Bins::Uniform(count) | Bins::Quantile(count)) = bins;
        if !(1..=MAX_BINS).contains(&count) {
            let (name, expected) = ("the number of bins", "from 1 to 100000");
            return Err(MetricsError::Setting { name, expected, found: count as f64 });
        }
        let counted = || (0..rows.count()).filter(|row| rows.weight(*row) > 0.0);
        let edges = match bins {
            Bins::Uniform(_) => shares(count).collect(),
            Bins::Quantile(_) => quantiles(counted().map(|row| probabilities[row]).collect(), count),
        };
        let empty = |edges: &[f64]| CalibrationBin {
            lower: edges[0],
            upper: edges[1],
            rows: 0,
            weight: 0.0,
            mean_predicted: 0.0,
            fraction_positive: 0.0,
        };
        let mut bins: Vec<CalibrationBin> = edges.windows(2).map(empty).collect();
        // First sums, then means.
        for row in counted() {
            let bin = &mut bins[edges[1..count].partition_point(|edge| *edge < probabilities[row])];
            let weight = rows.weight(row);
            bin.rows += 1;
            bin.weight += weight;
            bin.mean_predicted += weight * probabilities[row];
            bin.fraction_positive += if positive[row] { weight } else { 0.0 };
        }
        bins.retain(|bin| bin.rows > 0);
        for bin in &mut bins {
            bin.mean_predicted /= bin.weight;
            bin.fraction_positive /= bin.weight;
        }
        Ok(Self { bins, total: rows.total() })
    }

    /// Returns the bins that have rows, in ascending order.
    pub fn bins(&self) -> &[CalibrationBin] {
        &self.bins
    }

    /// Returns the expected calibration error: the mean over rows of |fraction of positives − mean probability| of their bin (Naeini,
    /// Cooper and Hauskrecht, 2015). It depends on the bins.
    pub fn expected_error(&self) -> f64 {
        self.bins.iter().map(|bin| bin.weight / self.total * gap(bin)).sum()
    }

    /// Returns the maximum calibration error: the largest |fraction of positives − mean probability| of a bin.
    pub fn maximum_error(&self) -> f64 {
        self.bins.iter().map(gap).fold(0.0, f64::max)
    }
}

fn gap(bin: &CalibrationBin) -> f64 {
    (bin.fraction_positive - bin.mean_predicted).abs()
}

/// The numbers 0, 1/n, …, 1, as NumPy's `linspace` rounds them.
fn shares(n: usize) -> impl Iterator<Item = f64> {
    let step = 1.0 / n as f64;
    (0..n).map(move |i| i as f64 * step).chain([1.0])
}

/// The quantiles 0, 1/n, …, 1 of at least one number, as NumPy's `percentile` interpolates and rounds them.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place among the values, at least 0")]
fn quantiles(mut values: Vec<f64>, n: usize) -> Vec<f64> {
    values.par_sort_by(f64::total_cmp);
    let last = values.len() - 1;
    let quantile = |share: f64| {
        let place = last as f64 * (share * 100.0 / 100.0);
        let below = (place.floor() as usize).min(last);
        let (a, b) = (values[below], values[(below + 1).min(last)]);
        let part = place - place.floor();
        if part < 0.5 { a + (b - a) * part } else { b - (b - a) * (1.0 - part) }
    };
    shares(n).map(quantile).collect()
}
