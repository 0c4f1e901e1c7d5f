//! Checked rows: their number, their weights, and weighted means.

use std::ops::Range;

use super::error::MetricsError;

/// The largest number of classes. A matrix of as many rows and columns has 128 MiB.
pub(super) const MAX_CLASSES: usize = 4096;

/// The largest sum of weights. A sum of some such sums does not overflow.
const MAX_WEIGHT: f64 = 1e300;

/// How far the probabilities of a row may sum from 1. Those of a softmax in f32 with thousands of classes are off by 1e-5.
const SUM_TOLERANCE: f64 = 1e-4;

/// The rows of a measure: at least one, and some weight above 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<'a> {
    weights: Option<&'a [f64]>,
    count: usize,
    total: f64,
}

impl<'a> Rows<'a> {
    /// Checks that there is a row, and a valid weight for each.
    pub(super) fn new(count: usize, weights: Option<&'a [f64]>) -> Result<Self, MetricsError> {
        if count == 0 {
            return Err(MetricsError::NoRows);
        }
        let mut rows = Self { weights, count, total: count as f64 };
        if let Some(weights) = weights {
            expect_length("weights", weights.len(), count)?;
            if let Some(row) = weights.iter().position(|weight| !weight.is_finite() || *weight < 0.0) {
                return Err(MetricsError::Weight { row, found: weights[row] });
            }
            rows.total = sum(0..count, &|row| weights[row]);
            if !(rows.total > 0.0 && rows.total <= MAX_WEIGHT) {
                return Err(MetricsError::WeightSum { found: rows.total, limit: MAX_WEIGHT });
            }
        }
        Ok(rows)
    }

    /// Checks a measure of two slices of numbers.
    pub(super) fn of_numbers(
        observed: &[f64],
        predicted: &[f64],
        weights: Option<&'a [f64]>,
    ) -> Result<Self, MetricsError> {
        expect_length("predicted values", predicted.len(), observed.len())?;
        let rows = Self::new(observed.len(), weights)?;
        expect_finite("observed", observed)?;
        expect_finite("predicted", predicted)?;
        Ok(rows)
    }

    /// Checks a measure of two classes and scores.
    pub(super) fn of_scores(
        observed: &[bool],
        scores: &[f64],
        weights: Option<&'a [f64]>,
    ) -> Result<Self, MetricsError> {
        expect_length("scores", scores.len(), observed.len())?;
        let rows = Self::new(observed.len(), weights)?;
        expect_finite("predicted", scores)?;
        Ok(rows)
    }

    /// Checks a measure of two classes and probabilities of the second.
    pub(super) fn of_probabilities(
        observed: &[bool],
        probabilities: &[f64],
        weights: Option<&'a [f64]>,
    ) -> Result<Self, MetricsError> {
        expect_length("probabilities", probabilities.len(), observed.len())?;
        let rows = Self::new(observed.len(), weights)?;
        match probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
            Some(row) => Err(MetricsError::Probability { row, found: probabilities[row] }),
            None => Ok(rows),
        }
    }

    /// Checks a measure of several classes and a number per row and class.
    pub(super) fn of_class_scores(
        observed: &[usize],
        scores: &[f64],
        classes: usize,
        weights: Option<&'a [f64]>,
    ) -> Result<Self, MetricsError> {
        if !(1..=MAX_CLASSES).contains(&classes) {
            return Err(MetricsError::Classes { found: classes, limit: MAX_CLASSES });
        }
        // A product that overflows is no slice's length.
        let expected = observed.len().saturating_mul(classes);
        expect_length("numbers (rows times classes)", scores.len(), expected)?;
        let rows = Self::new(observed.len(), weights)?;
        expect_classes("observed", observed, classes)?;
        match scores.iter().position(|score| !score.is_finite()) {
            Some(at) => Err(MetricsError::NotFinite { what: "predicted", row: at / classes, found: scores[at] }),
            None => Ok(rows),
        }
    }

    /// Checks a measure of several classes and their probabilities.
    pub(super) fn of_class_probabilities(
        observed: &[usize],
        probabilities: &[f64],
        classes: usize,
        weights: Option<&'a [f64]>,
    ) -> Result<Self, MetricsError> {
        let rows = Self::of_class_scores(observed, probabilities, classes, weights)?;
        for (row, of_row) in probabilities.chunks_exact(classes).enumerate() {
            if let Some(p) = of_row.iter().find(|p| !(0.0..=1.0).contains(*p)) {
                return Err(MetricsError::Probability { row, found: *p });
            }
            let found: f64 = of_row.iter().sum();
            if (found - 1.0).abs() > SUM_TOLERANCE {
                return Err(MetricsError::ProbabilitySum { row, found });
            }
        }
        Ok(rows)
    }

    pub(super) const fn count(&self) -> usize {
        self.count
    }

    /// The weight of a row.
    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    /// The sum of the weights.
    pub(super) const fn total(&self) -> f64 {
        self.total
    }

    /// The mean of a value per row. It is infinite or NaN if the sum of the values overflows. A row of weight 0 does not count, whatever
    /// its value.
    pub(super) fn mean(&self, value: impl Fn(usize) -> f64) -> f64 {
        match self.weights {
            None => sum(0..self.count, &value) / self.total,
            Some(weights) => sum(0..self.count, &|row| {
                if weights[row] > 0.0 { weights[row] / self.total * value(row) } else { 0.0 }
            }),
        }
    }
}

/// Refuses a slice that has not one element per row.
pub(super) fn expect_length(what: &'static str, found: usize, expected: usize) -> Result<(), MetricsError> {
    if found == expected { Ok(()) } else { Err(MetricsError::Length { what, expected, found }) }
}

/// Refuses class indices without a class.
pub(super) fn expect_classes(what: &'static str, indices: &[usize], classes: usize) -> Result<(), MetricsError> {
    match indices.iter().position(|class| *class >= classes) {
        Some(row) => Err(MetricsError::Class { what, row, found: indices[row], classes }),
        None => Ok(()),
    }
}

/// Refuses a result that overflowed.
pub(super) fn expect_no_overflow(measure: &'static str, value: f64) -> Result<f64, MetricsError> {
    if value.is_finite() { Ok(value) } else { Err(MetricsError::Overflow { measure }) }
}

fn expect_finite(what: &'static str, values: &[f64]) -> Result<(), MetricsError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(row) => Err(MetricsError::NotFinite { what, row, found: values[row] }),
        None => Ok(()),
    }
}

/// A sum by halves, so that rounding errors grow with the logarithm of the number of rows.
fn sum(range: Range<usize>, value: &impl Fn(usize) -> f64) -> f64 {
    if range.len() <= 64 {
        return range.map(value).sum();
    }
    let middle = range.start + range.len() / 2;
    sum(range.start..middle, value) + sum(middle..range.end, value)
}
