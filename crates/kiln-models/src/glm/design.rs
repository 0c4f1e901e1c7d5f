//! The matrix of features, scaled so that solvers converge fast, and read in blocks of rows.

use std::ops::Range;

use super::{
    group::{Group, Scaling},
    ranks::Ranks,
    values::{SparseRows, Values},
};
use crate::blocks::blocks;

/// Rows of features for one or more linear predictors, with a column of ones.
///
/// A block of rows has the columns of the first group, the ones, and the columns of the second group, so that each linear predictor
/// takes a contiguous range of columns.
#[derive(Debug)]
pub(super) struct Design {
    rows: usize,
    groups: Vec<Group>,
}

impl Design {
    /// Takes rows of features, in row-major order. With an intercept, features are centred. `rows` are those of this rank, and of all.
    pub(super) fn new(
        (rows, all_rows): (usize, usize),
        groups: Vec<(Values, usize)>,
        scaling: Scaling,
        ranks: &Ranks,
    ) -> Self {
        let group = |(values, features)| Group::new(values, features, all_rows, scaling, ranks.clone());
        Self { rows, groups: groups.into_iter().map(group).collect() }
    }

    /// Returns the rows that are mostly zero, and the scale of each column, if that is how they are used.
    pub(super) fn sparse(&self) -> Option<(&SparseRows, &[f64])> {
        match &self.groups[..] {
            [group] => group.values().sparse().map(|rows| (&**rows, group.scales())),
            _ => None,
        }
    }

    pub(super) fn is_in_file(&self) -> bool {
        self.groups.iter().any(|group| group.values().is_in_file())
    }

    /// Returns why rows could not be read from their file, if that happened.
    pub(super) fn failure(&self) -> Option<String> {
        self.groups.iter().find_map(|group| group.values().failure())
    }

    /// The number of rows of this rank.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns the number of columns, with that of ones.
    pub(super) fn width(&self) -> usize {
        1 + self.groups.iter().map(Group::width).sum::<usize>()
    }

    /// Returns the columns of a group in a block.
    pub(super) fn columns(&self, group: usize) -> Range<usize> {
        let start = if group == 0 { 0 } else { self.ones() + 1 };
        start..start + self.groups[group].width()
    }

    /// Returns the column of ones in a block.
    pub(super) fn ones(&self) -> usize {
        self.groups[0].width()
    }

    /// Returns the ranges of rows that make the blocks. They depend on the shape only.
    pub(super) fn blocks(&self) -> Vec<Range<usize>> {
        blocks(self.rows, self.width())
    }

    /// Writes some rows, column by column. The buffer is for numbers as they were given.
    pub(super) fn fill(&self, rows: Range<usize>, out: &mut [f64], buffer: &mut Vec<f64>) {
        let n = rows.len();
        let (first, rest) = out.split_at_mut(self.ones() * n);
        self.groups[0].fill(rows.clone(), first, buffer);
        rest[..n].fill(1.0);
        if let Some(second) = self.groups.get(1) {
            second.fill(rows, &mut rest[n..], buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    /// η of a block's rows equals that of the features in their own units.
    fn check(values: Vec<f64>, features: usize, intercept: bool) -> Design {
        let n = values.len() / features;
        let scaling = Scaling { intercept, l2: 0.0, is_penalised: false };
        let design = Design::new((n, n), vec![(values.clone().into(), features)], scaling, &Ranks::default());
        let group = &design.groups()[0];
        let scaled: Vec<f64> = (0..group.width()).map(|j| 0.3 + f64::from(u32::try_from(j).unwrap())).collect();
        let (own, constant) = group.in_own_units(&scaled);
        let mut block = vec![0.0; n * design.width()];
        design.fill(0..n, &mut block, &mut Vec::new());
        for row in 0..n {
            let by_block: f64 = scaled.iter().enumerate().map(|(j, b)| b * block[j * n + row]).sum();
            let by_hand: f64 =
                group.kept.iter().zip(&own).map(|(j, b)| b * values[row * features + j]).sum::<f64>() + constant;
            assert_close(&[by_block], &[by_hand], 1e-6, 1e-6, "η");
        }
        design
    }

    #[test]
    fn scaled_features_are_the_features() {
        let n = 40;
        let a = |i: u32| f64::from(i * 7 % 11);
        let b = |i: u32| 1e6 + f64::from(i * 5 % 13);
        let plain: Vec<f64> = (0..n).flat_map(|i| [a(i), b(i)]).collect();
        assert!(check(plain.clone(), 2, true).groups()[0].dropped.is_empty());
        check(plain, 2, false);
        let dependent: Vec<f64> = (0..n).flat_map(|i| [a(i), 5.0, a(i) + b(i), b(i)]).collect();
        let design = check(dependent.clone(), 4, true);
        assert_eq!(design.groups()[0].kept, [0, 2]);
        // Without an intercept a constant column is a feature.
        assert_eq!(check(dependent, 4, false).groups()[0].kept, [0, 1, 2]);
        // Powers are nearly dependent.
        let powers: Vec<f64> = (0..n).flat_map(|i| (1..=8).map(move |p| (1.0 + f64::from(i) / 40.0).powi(p))).collect();
        let design = check(powers, 8, true);
        assert!(design.groups()[0].has_basis() && design.groups()[0].dropped.is_empty());
    }
}
