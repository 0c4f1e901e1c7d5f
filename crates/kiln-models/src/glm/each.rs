//! What is computed of each row.

use std::ops::Range;

use super::{
    features::{Features, Given},
    row::{Evaluated, Row, Second},
    rows::{Predicted, Rows},
};
use crate::blocks::map;

impl Rows<'_> {
    /// Calls `each` for every row, with the entries of its columns, and returns the results in order.
    pub(super) fn map<T: Send + Sync>(
        &self,
        density: &dyn Row,
        x: &[f64],
        second: Second,
        each: impl Fn(&Evaluated<'_>, &[f64]) -> T + Sync,
    ) -> Vec<T> {
        let (width, m) = (self.design.width(), self.predictors.len());
        let of_block = |rows: &Range<usize>| {
            let (n, mut columns, mut results) = (rows.len(), Vec::new(), Vec::with_capacity(rows.len()));
            let (mut given, mut entries) = (Given::default(), vec![0.0; width]);
            columns.resize(n * width, 0.0);
            self.design.fill(rows.clone(), &mut columns, &mut given.inputs);
            let mut eta = vec![0.0; n * m];
            self.linear(x, rows, Features::Dense(&columns), &mut eta, &mut given.offset);
            let (mut gradient, mut hessian) = (vec![0.0; m], vec![0.0; m * (m + 1) / 2]);
            self.each_row(rows, &eta, &mut given, |row, &Predicted { response, weight, eta }| {
                density.at(response, eta, second, &mut gradient, &mut hessian);
                (0..width).for_each(|j| entries[j] = columns[j * n + row - rows.start]);
                let (gradient, hessian) = (&gradient[..], &hessian[..]);
                results.push(each(&Evaluated { row, response, weight, eta, gradient, hessian }, &entries));
            });
            results
        };
        map(&self.design.blocks(), of_block).into_iter().flatten().collect()
    }

    /// Returns the linear predictors of all rows: those of each block, one predictor after the other.
    pub(super) fn linear_predictors(&self, x: &[f64]) -> Vec<f64> {
        let own_units = self.design.sparse().map(|(_, scale)| self.divided(x, scale));
        let x = own_units.as_deref().unwrap_or(x);
        let of_block = |rows: &Range<usize>| {
            let mut eta = vec![0.0; rows.len() * self.predictors.len()];
            let (mut columns, mut given) = (Vec::new(), Given::default());
            let features = self.features(rows, &mut columns, &mut given.inputs);
            self.linear(x, rows, features, &mut eta, &mut given.offset);
            eta
        };
        map(&self.blocks(), of_block).concat()
    }

    /// Calls `each` for the rows of each block, and returns what `finish` makes of the blocks, in order. `known` are the linear predictors.
    pub(super) fn map_blocks<T: Default, U: Send + Sync>(
        &self,
        x: &[f64],
        known: Option<&[f64]>,
        each: impl Fn(&mut T, &Predicted<'_>) + Sync,
        finish: impl Fn(T) -> U + Sync,
    ) -> Vec<U> {
        let own_units = self.design.sparse().map(|(_, scale)| self.divided(x, scale));
        let (x, m) = (own_units.as_deref().unwrap_or(x), self.predictors.len());
        let of_block = |rows: &Range<usize>| {
            let (mut result, mut given) = (T::default(), Given::default());
            let own = |_, row: &Predicted<'_>| each(&mut result, row);
            if let Some(known) = known {
                self.each_row(rows, &known[rows.start * m..rows.end * m], &mut given, own);
                return finish(result);
            }
            let (mut columns, mut eta) = (Vec::new(), vec![0.0; rows.len() * m]);
            let features = self.features(rows, &mut columns, &mut given.inputs);
            self.linear(x, rows, features, &mut eta, &mut given.offset);
            self.each_row(rows, &eta, &mut given, own);
            finish(result)
        };
        map(&self.blocks(), of_block)
    }

    /// Calls `each` with the index of each row of a block, whose linear predictors are `all`.
    fn each_row(
        &self,
        rows: &Range<usize>,
        all: &[f64],
        given: &mut Given,
        mut each: impl FnMut(usize, &Predicted<'_>),
    ) {
        let (n, m) = (rows.len(), self.predictors.len());
        let response = self.response.get(rows.clone(), &mut given.response);
        let weights = self.weights.map(|weights| weights.get(rows.clone(), &mut given.weights));
        let mut eta = vec![0.0; m];
        for r in 0..n {
            (0..m).for_each(|a| eta[a] = all[a * n + r]);
            let (response, weight) = (response[r], weights.map_or(1.0, |weights| weights[r]));
            each(rows.start + r, &Predicted { response, weight, eta: &eta });
        }
    }
}
