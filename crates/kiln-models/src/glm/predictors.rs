//! The linear predictors of a family.

use std::ops::Range;

use super::{Family, design::Design};

/// A linear predictor: which columns of the design it takes, and where its coefficients are in the vector.
#[derive(Clone, Debug)]
pub(super) struct Predictor {
    pub(super) columns: Range<usize>,
    pub(super) start: usize,
}

impl Predictor {
    pub(super) fn places(&self) -> Range<usize> {
        self.start..self.start + self.columns.len()
    }
}

/// The linear predictors of a family, with their places in the vector.
pub(super) fn predictors(family: Family, classes: usize, intercept: bool, design: &Design) -> Vec<Predictor> {
    let (features, ones) = (design.columns(0), design.ones());
    let with_ones = if intercept { features.start..ones + 1 } else { features.clone() };
    let constant = || ones..ones + 1;
    let columns = match family {
        Family::NegativeBinomial { theta: None } => vec![with_ones, constant()],
        Family::Multinomial => vec![with_ones; classes - 1],
        Family::Ordinal => {
            let mut columns = vec![features];
            columns.extend((1..classes).map(|_| constant()));
            columns
        }
        Family::ZeroInflatedPoisson => vec![with_ones, ones..design.width()],
        _ => vec![with_ones],
    };
    let mut start = 0;
    let place = |columns: Range<usize>| {
        let predictor = Predictor { start, columns };
        start = predictor.places().end;
        predictor
    };
    columns.into_iter().map(place).collect()
}
