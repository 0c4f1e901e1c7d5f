//! Rows of numbers as scaled columns.

use std::ops::Range;

use super::{Store, Values};

/// Which columns of a row are taken, and (x − shift)·factor of each.
#[derive(Clone, Copy)]
pub(in crate::glm) struct Scaled<'a> {
    /// The numbers in a row.
    pub(in crate::glm) stride: usize,
    pub(in crate::glm) places: &'a [usize],
    pub(in crate::glm) shift: &'a [f64],
    pub(in crate::glm) factors: &'a [f64],
}

impl Values {
    /// Writes some rows, column by column. The buffer is for numbers that are not in memory.
    pub(in crate::glm) fn fill(&self, rows: Range<usize>, scaled: Scaled<'_>, out: &mut [f64], buffer: &mut Vec<f64>) {
        let range = rows.start * scaled.stride..rows.end * scaled.stride;
        match &self.0 {
            Store::Double(values) => transpose(&values[range], scaled, out),
            Store::Single(values) => transpose(&values[range], scaled, out),
            Store::File(_) | Store::Sparse(_) => transpose(self.get(range, buffer), scaled, out),
        }
    }
}

/// A few rows at a time, so that they stay in the fastest cache.
fn transpose<T: Copy + Into<f64>>(values: &[T], scaled: Scaled<'_>, out: &mut [f64]) {
    const ROWS: usize = 8;
    let Scaled { stride, places, shift, factors } = scaled;
    let n = values.len().checked_div(stride).unwrap_or(0);
    let columns =
        || places.iter().zip(shift.iter().zip(factors)).map(|(place, (shift, factor))| (*place, *shift, *factor));
    let mut start = 0;
    while start + ROWS <= n {
        let rows: [&[T]; ROWS] = std::array::from_fn(|k| &values[(start + k) * stride..][..stride]);
        for ((place, shift, factor), column) in columns().zip(out.chunks_exact_mut(n)) {
            let mut own = [0.0; ROWS];
            for (entry, row) in own.iter_mut().zip(&rows) {
                *entry = (row[place].into() - shift) * factor;
            }
            column[start..start + ROWS].copy_from_slice(&own);
        }
        start += ROWS;
    }
    for ((place, shift, factor), column) in columns().zip(out.chunks_exact_mut(n.max(1))) {
        for (row, entry) in column.iter_mut().enumerate().skip(start) {
            *entry = (values[row * stride + place].into() - shift) * factor;
        }
    }
}
