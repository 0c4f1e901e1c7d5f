//! The rows of a generalised linear model.

use std::ops::Range;

use super::{design::Design, predictors::Predictor, ranks::Ranks, values::Values};
use crate::blocks::blocks;

/// The rows with their responses.
pub(super) struct Rows<'a> {
    pub(super) design: &'a Design,
    pub(super) predictors: &'a [Predictor],
    pub(super) response: &'a Values,
    pub(super) weights: Option<&'a Values>,
    pub(super) offset: Option<&'a Values>,
    /// Which blocks are used: one in so many.
    pub(super) every: usize,
    pub(super) ranks: &'a Ranks,
}

/// One row at some parameters: its response, weight and linear predictors.
pub(super) struct Predicted<'a> {
    pub(super) response: f64,
    pub(super) weight: f64,
    pub(super) eta: &'a [f64],
}

impl Rows<'_> {
    /// The blocks of rows that are used.
    pub(super) fn blocks(&self) -> Vec<Range<usize>> {
        let all = match self.design.sparse() {
            Some(_) => blocks(self.design.rows(), 1),
            None => self.design.blocks(),
        };
        all.into_iter().step_by(self.every).collect()
    }

    /// Whether the rows are in a file. A model without features has only its responses there.
    pub(super) fn is_in_file(&self) -> bool {
        self.design.is_in_file() || self.response.is_in_file()
    }

    /// Returns why rows could not be read from their file, if that happened.
    pub(super) fn file_failure(&self) -> Option<String> {
        let columns = [Some(self.response), self.weights, self.offset];
        self.design.failure().or_else(|| columns.into_iter().flatten().find_map(Values::failure))
    }

    /// The number of coefficients.
    pub(super) fn parameters(&self) -> usize {
        self.predictors.last().map_or(0, |last| last.places().end)
    }

    /// Divides the entries of a vector that belong to features by their scales.
    pub(super) fn divided(&self, x: &[f64], scale: &[f64]) -> Vec<f64> {
        let mut x = x.to_vec();
        for predictor in self.predictors.iter().filter(|predictor| predictor.columns.len() >= scale.len()) {
            let features = &mut x[predictor.start..predictor.start + scale.len()];
            features.iter_mut().zip(scale).for_each(|(x, scale)| *x /= scale);
        }
        x
    }
}
