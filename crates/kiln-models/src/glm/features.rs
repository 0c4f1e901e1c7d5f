//! The features of a block of rows, dense or sparse.

use std::ops::Range;

use super::{predictors::Predictor, rows::Rows, values::SparseRows};

/// The features of a block.
#[derive(Clone, Copy)]
pub(super) enum Features<'a> {
    /// All columns of the design, one after the other.
    Dense(&'a [f64]),
    /// Those that are not zero, in their own units.
    Sparse(&'a SparseRows),
}

/// Buffers for the numbers of a block as they were given.
#[derive(Default)]
pub(super) struct Given {
    pub(super) inputs: Vec<f64>,
    pub(super) response: Vec<f64>,
    pub(super) weights: Vec<f64>,
    pub(super) offset: Vec<f64>,
}

impl Rows<'_> {
    /// The features of some rows.
    pub(super) fn features<'a>(
        &'a self,
        rows: &Range<usize>,
        columns: &'a mut Vec<f64>,
        buffer: &mut Vec<f64>,
    ) -> Features<'a> {
        if let Some((sparse, _)) = self.design.sparse() {
            return Features::Sparse(sparse);
        }
        columns.resize(rows.len() * self.design.width(), 0.0);
        self.design.fill(rows.clone(), columns, buffer);
        Features::Dense(columns)
    }

    /// Writes the linear predictors of some rows, one after the other.
    pub(super) fn linear(
        &self,
        x: &[f64],
        rows: &Range<usize>,
        features: Features<'_>,
        eta: &mut [f64],
        buffer: &mut Vec<f64>,
    ) {
        let n = rows.len();
        for (a, predictor) in self.predictors.iter().enumerate() {
            let eta = &mut eta[a * n..(a + 1) * n];
            match self.offset.filter(|_| a == 0) {
                Some(offset) => eta.copy_from_slice(offset.get(rows.clone(), buffer)),
                None => eta.fill(0.0),
            }
            let factors = &x[predictor.places()];
            match features {
                Features::Dense(columns) => {
                    for (factor, j) in factors.iter().zip(predictor.columns.clone()) {
                        eta.iter_mut().zip(&columns[j * n..(j + 1) * n]).for_each(|(eta, x)| *eta += factor * x);
                    }
                }
                Features::Sparse(sparse) => {
                    let (features, one) = self.with_ones(predictor, sparse);
                    let constant = one.map_or(0.0, |one| factors[one]);
                    eta.iter_mut().for_each(|eta| *eta += constant);
                    if let Some(places) = features {
                        sparse.add_products(rows.clone(), &factors[places], eta);
                    }
                }
            }
        }
    }

    /// Where a predictor has its features and its constant, among its own coefficients.
    pub(super) fn with_ones(
        &self,
        predictor: &Predictor,
        sparse: &SparseRows,
    ) -> (Option<Range<usize>>, Option<usize>) {
        let (d, columns) = (sparse.features(), &predictor.columns);
        let features = (columns.start == 0 && columns.end >= d).then_some(0..d);
        (features, columns.contains(&self.design.ones()).then(|| self.design.ones() - columns.start))
    }

    pub(super) fn add_sparse_gram(
        &self,
        sparse: &SparseRows,
        rows: &Range<usize>,
        weights: &[f64],
        block: &mut [f64],
        (left, right): (&Predictor, &Predictor),
    ) {
        let ((of_left, left_one), (of_right, right_one)) =
            (self.with_ones(left, sparse), self.with_ones(right, sparse));
        let (d, stride) = (sparse.features(), right.columns.len());
        if of_left.is_some() && of_right.is_some() {
            // Only the lower half: both sides have the same features.
            sparse.add_gram(rows.clone(), weights, block, stride);
        }
        if let (Some(one), Some(features)) = (left_one, of_right) {
            sparse.add_transposed(rows.clone(), weights, &mut block[one * stride..][features]);
        }
        if let (Some(_), Some(one)) = (of_left, right_one) {
            let mut sums = vec![0.0; d];
            sparse.add_transposed(rows.clone(), weights, &mut sums);
            sums.iter().enumerate().for_each(|(j, sum)| block[j * stride + one] += sum);
        }
        if let (Some(left), Some(right)) = (left_one, right_one) {
            block[left * stride + right] += weights.iter().sum::<f64>();
        }
    }
}
