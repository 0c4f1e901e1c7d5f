//! Rows of features that are mostly zero.

use std::ops::Range;

/// Rows of features of which only those that are not zero are kept: the compressed sparse row (CSR) format.
///
/// # Example
/// ```
/// use kiln_models::glm::{SparseRows, Values};
///
/// // Two rows of 1000 features.
/// let mut rows = SparseRows::new(1000);
/// rows.push(&[3, 700], &[1.0, 2.5])?;
/// rows.push(&[], &[])?;
/// assert_eq!((rows.len(), rows.stored()), (2, 2));
/// assert_eq!(Values::from(rows).len(), 2000);
/// # Ok::<(), kiln_models::glm::SparseRowsError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SparseRows {
    features: usize,
    /// Where each row begins, and the end.
    starts: Vec<usize>,
    places: Vec<u32>,
    values: Vec<f64>,
}

/// Why a sparse row is not valid.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SparseRowsError {
    /// There are not as many values as features.
    #[error("row {row} has {places} features but {values} values; give a value for each")]
    Length {
        /// The row, from 0.
        row: usize,
        /// The number of features.
        places: usize,
        /// The number of values.
        values: usize,
    },
    /// The features are not in increasing order, or one is too large.
    #[error("feature {place} of row {row} is out of order or not below {features}; sort each row by its features")]
    Place {
        /// The row, from 0.
        row: usize,
        /// The feature.
        place: u32,
        /// The number of features.
        features: usize,
    },
    /// A value is not finite.
    #[error("feature {place} of row {row} is {value}; it must be a finite number")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The feature.
        place: u32,
        /// The value.
        value: String,
    },
}

impl SparseRows {
    /// Starts without rows.
    pub fn new(features: usize) -> Self {
        Self { features, starts: vec![0], places: Vec::new(), values: Vec::new() }
    }

    /// Adds a row: the indices of its features that are not zero, in increasing order from 0, and their values.
    ///
    /// # Errors
    /// Returns [`SparseRowsError`] if the lengths differ, an index is out of order or too large, or a value is not finite.
    pub fn push(&mut self, places: &[u32], values: &[f64]) -> Result<(), SparseRowsError> {
        let row = self.len();
        if places.len() != values.len() {
            return Err(SparseRowsError::Length { row, places: places.len(), values: values.len() });
        }
        let mut next = 0;
        for (&place, value) in places.iter().zip(values) {
            if u64::from(place) < next || place as usize >= self.features {
                return Err(SparseRowsError::Place { row, place, features: self.features });
            }
            if !value.is_finite() {
                return Err(SparseRowsError::NotFinite { row, place, value: value.to_string() });
            }
            next = u64::from(place) + 1;
        }
        self.places.extend_from_slice(places);
        self.values.extend_from_slice(values);
        self.starts.push(self.places.len());
        Ok(())
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of features.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Returns how many values are kept.
    pub fn stored(&self) -> usize {
        self.values.len()
    }

    /// Returns the features of a row that are not zero, and their values.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let range = self.starts[row]..self.starts[row + 1];
        (&self.places[range.clone()], &self.values[range])
    }

    /// Writes rows from one on into zeros, in row-major order.
    pub(super) fn write(&self, first: usize, out: &mut [f64]) {
        for (row, out) in (first..).zip(out.chunks_exact_mut(self.features)) {
            let (places, values) = self.row(row);
            places.iter().zip(values).for_each(|(place, value)| out[*place as usize] = *value);
        }
    }

    /// Adds Σⱼ xⱼ·bⱼ to the number of each row.
    pub(in crate::glm) fn add_products(&self, rows: Range<usize>, factors: &[f64], out: &mut [f64]) {
        for (row, out) in rows.zip(out) {
            let (places, values) = self.row(row);
            *out += places.iter().zip(values).map(|(place, value)| value * factors[*place as usize]).sum::<f64>();
        }
    }

    /// Adds Σᵢ rᵢ·xᵢⱼ to the number of each feature.
    pub(in crate::glm) fn add_transposed(&self, rows: Range<usize>, factors: &[f64], out: &mut [f64]) {
        for (row, factor) in rows.zip(factors) {
            let (places, values) = self.row(row);
            places.iter().zip(values).for_each(|(place, value)| out[*place as usize] += factor * value);
        }
    }

    /// Adds Σᵢ wᵢ·xᵢⱼ·xᵢₖ to the lower half of a matrix with rows of `stride` numbers.
    pub(in crate::glm) fn add_gram(&self, rows: Range<usize>, weights: &[f64], out: &mut [f64], stride: usize) {
        for (row, weight) in rows.zip(weights) {
            let (places, values) = self.row(row);
            for (at, (j, value)) in places.iter().zip(values).enumerate() {
                let (factor, out) = (weight * value, &mut out[*j as usize * stride..]);
                places[..=at].iter().zip(&values[..=at]).for_each(|(k, x)| out[*k as usize] += factor * x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_checked() {
        let mut rows = SparseRows::new(5);
        assert!(matches!(rows.push(&[1], &[]), Err(SparseRowsError::Length { .. })));
        assert!(matches!(rows.push(&[5], &[1.0]), Err(SparseRowsError::Place { place: 5, .. })));
        assert!(matches!(rows.push(&[2, 2], &[1.0, 1.0]), Err(SparseRowsError::Place { place: 2, .. })));
        assert!(matches!(rows.push(&[2], &[f64::NAN]), Err(SparseRowsError::NotFinite { .. })));
        assert!(rows.is_empty() && rows.stored() == 0);
    }
}
