//! What is computed of each row.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    features::{Features, Given},
    row::{Row, Second},
    rows::{Evaluated, Rows},
};
use crate::blocks::blocks;

impl Rows<'_> {
    /// Calls `each` for every row, with the entries of its columns, and returns the results in order.
    pub(super) fn map<R: Row, T: Send>(
        &self,
        density: &R,
        x: &[f64],
        second: Second,
        each: impl Fn(&Evaluated<'_>, &[f64]) -> T + Sync,
    ) -> Vec<T> {
        let width = self.design.width();
        let of_block = |rows: Range<usize>| {
            let (n, mut columns, mut results) = (rows.len(), Vec::new(), Vec::with_capacity(rows.len()));
            let (mut given, mut entries) = (Given::default(), vec![0.0; width]);
            columns.resize(n * width, 0.0);
            self.design.fill(rows.clone(), &mut columns, &mut given.inputs);
            self.each_row((density, x, second), &rows, Features::Dense(&columns), &mut given, |row| {
                (0..width).for_each(|j| entries[j] = columns[j * n + row.row - rows.start]);
                results.push(each(row, &entries));
            });
            results
        };
        let results: Vec<Vec<T>> = self.design.blocks().into_par_iter().map(of_block).collect();
        results.into_iter().flatten().collect()
    }

    /// Calls `each` for the rows of each block, and returns the results of the blocks in order.
    pub(super) fn map_blocks<R: Row, T: Default + Send>(
        &self,
        density: &R,
        x: &[f64],
        second: Second,
        each: impl Fn(&mut T, &Evaluated<'_>) + Sync,
    ) -> Vec<T> {
        let own_units = self.design.sparse().map(|(_, scale)| self.divided(x, scale));
        let x = own_units.as_deref().unwrap_or(x);
        let blocks = if own_units.is_some() { blocks(self.design.rows(), 1) } else { self.design.blocks() };
        let of_block = |rows: Range<usize>| {
            let (mut result, mut columns, mut given) = (T::default(), Vec::new(), Given::default());
            let features = self.features(&rows, &mut columns, &mut given.inputs);
            self.each_row((density, x, second), &rows, features, &mut given, |row| each(&mut result, row));
            result
        };
        blocks.into_par_iter().map(of_block).collect()
    }

    fn each_row<R: Row>(
        &self,
        (density, x, second): (&R, &[f64], Second),
        rows: &Range<usize>,
        features: Features<'_>,
        given: &mut Given,
        mut each: impl FnMut(&Evaluated<'_>),
    ) {
        let (n, m) = (rows.len(), self.predictors.len());
        let mut all = vec![0.0; n * m];
        self.linear(x, rows, features, &mut all, &mut given.offset);
        let response = self.response.get(rows.clone(), &mut given.response);
        let weights = self.weights.map(|weights| weights.get(rows.clone(), &mut given.weights));
        let (mut eta, mut gradient, mut hessian) = (vec![0.0; m], vec![0.0; m], vec![0.0; m * (m + 1) / 2]);
        for r in 0..n {
            (0..m).for_each(|a| eta[a] = all[a * n + r]);
            let (response, weight) = (response[r], weights.map_or(1.0, |weights| weights[r]));
            density.at(response, &eta, second, &mut gradient, &mut hessian);
            let (eta, gradient, hessian) = (&eta[..], &gradient[..], &hessian[..]);
            each(&Evaluated { row: rows.start + r, response, weight, eta, gradient, hessian });
        }
    }
}
