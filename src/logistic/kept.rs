//! The columns that a fit uses.

use std::borrow::Cow;

use kiln_models::Dependence;

/// The columns that a fit uses, of all.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    all: usize,
    columns: Vec<usize>,
}

impl Kept {
    pub(super) fn new(all: usize, dropped: &[Dependence]) -> Self {
        let is_kept = |column: &usize| !dropped.iter().any(|dropped| dropped.column == *column);
        Self { all, columns: (0..all).filter(is_kept).collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Returns the kept columns of rows `[n, all]`.
    pub(super) fn columns<'a>(&self, x: &'a [f64]) -> Cow<'a, [f64]> {
        if self.columns.len() == self.all {
            return Cow::Borrowed(x);
        }
        let row = |row: &'a [f64]| self.columns.iter().map(move |&column| row[column]);
        Cow::Owned(x.chunks_exact(self.all).flat_map(row).collect())
    }

    /// Returns the kept entries of `values`, one per column.
    pub(super) fn of<T: Clone>(&self, values: &[T]) -> Vec<T> {
        self.columns.iter().map(|&column| values[column].clone()).collect()
    }

    /// Inserts zeros for the other columns into weights `[kept, k]`.
    pub(super) fn with_zeros(&self, weights: &[f64], k: usize) -> Vec<f64> {
        let mut all = vec![0.0; self.all * k];
        for (weights, &column) in weights.chunks_exact(k).zip(&self.columns) {
            all[column * k..(column + 1) * k].copy_from_slice(weights);
        }
        all
    }
}
