//! The matrix of features, scaled so that solvers converge fast, and read in blocks of rows.

use std::{ops::Range, sync::Arc};

use rayon::prelude::*;

use kiln_tensor::linalg::add_gram;

use crate::regression::{
    Dependence,
    basis::{Columns, is_clearly_definite},
};

/// Rows of features for one or more linear predictors, with a column of ones.
///
/// A block of rows has the columns of the first group, the ones, and the columns of the second group, so that each linear predictor
/// takes a contiguous range of columns.
#[derive(Debug)]
pub(super) struct Design {
    rows: usize,
    groups: Vec<Group>,
}

/// Features that share a scaling: those that do not depend on others.
#[derive(Debug)]
pub(super) struct Group {
    /// All features of all rows, in row-major order. If they are nearly dependent, their orthonormal basis instead.
    values: Arc<Vec<f64>>,
    stride: usize,
    /// The columns of `values` that are used.
    places: Vec<usize>,
    shift: Vec<f64>,
    scale: Vec<f64>,
    basis: Option<Triangle>,
    /// The number of features that the user gave.
    pub(super) features: usize,
    /// The features that are used.
    pub(super) kept: Vec<usize>,
    /// The features that depend on others.
    pub(super) dropped: Vec<Dependence>,
    /// The kept features as they were given, column by column, if a basis took their place.
    given: Option<Vec<Vec<f64>>>,
}

/// What turns the factors of an orthonormal basis into those of the features.
#[derive(Debug)]
struct Triangle {
    /// Feature j as a sum of the first j + 1 vectors, at unit length.
    rows: Vec<Vec<f64>>,
    means: Vec<f64>,
    lengths: Vec<f64>,
}

/// About the number of entries of a block, which should stay in the processor's second cache.
const BLOCK: usize = 16_384;

impl Design {
    /// Takes rows of features, in row-major order. With an intercept, features are centred.
    pub(super) fn new(rows: usize, groups: Vec<(Arc<Vec<f64>>, usize)>, intercept: bool) -> Self {
        let groups = groups.into_iter().map(|(values, features)| Group::new(values, features, rows, intercept));
        Self { rows, groups: groups.collect() }
    }

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

    /// Writes some rows, column by column.
    pub(super) fn fill(&self, rows: Range<usize>, out: &mut [f64]) {
        let n = rows.len();
        let (first, rest) = out.split_at_mut(self.ones() * n);
        self.groups[0].fill(rows.clone(), first);
        rest[..n].fill(1.0);
        if let Some(second) = self.groups.get(1) {
            second.fill(rows, &mut rest[n..]);
        }
    }
}

#[allow(clippy::single_range_in_vec_init, reason = "a block is a range")]
fn blocks(rows: usize, width: usize) -> Vec<Range<usize>> {
    let size = (BLOCK / width.max(1)).clamp(16, 1024);
    (0..rows).step_by(size).map(|start| start..(start + size).min(rows)).collect()
}

impl Group {
    fn new(values: Arc<Vec<f64>>, features: usize, rows: usize, intercept: bool) -> Self {
        let mut group = Self {
            values,
            stride: features,
            places: (0..features).collect(),
            shift: vec![0.0; features],
            scale: vec![1.0; features],
            basis: None,
            features,
            kept: (0..features).collect(),
            dropped: Vec::new(),
            given: None,
        };
        if features == 0 || rows == 0 {
            return group;
        }
        group.rescale(intercept);
        if group.scale.iter().all(|scale| *scale > 0.0 && scale.is_finite()) && group.is_well_conditioned() {
            return group;
        }
        group.analyse(intercept);
        group
    }

    fn width(&self) -> usize {
        self.places.len()
    }

    /// Sets means and standard deviations. A constant column has the scale 0.
    fn rescale(&mut self, intercept: bool) {
        let (d, n) = (self.stride, self.values.len() / self.stride);
        let first: Vec<f64> = if intercept { self.values[..d].to_vec() } else { vec![0.0; d] };
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let count = n as f64;
        let sums = |add: &(dyn Fn(&mut [f64], &[f64]) + Sync)| -> Vec<f64> {
            let parts: Vec<Vec<f64>> = blocks(n, d)
                .into_par_iter()
                .map(|rows| {
                    let mut sums = vec![0.0; d];
                    self.values[rows.start * d..rows.end * d].chunks_exact(d).for_each(|row| add(&mut sums, row));
                    sums
                })
                .collect();
            parts.iter().fold(vec![0.0; d], |mut total, part| {
                total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
                total
            })
        };
        // Relative to the first row, so that a large offset costs no digits.
        let shift: Vec<f64> = if intercept {
            let sums = sums(&|sums, row| {
                sums.iter_mut().zip(row.iter().zip(&first)).for_each(|(sum, (x, first))| *sum += x - first);
            });
            sums.iter().zip(&first).map(|(sum, first)| first + sum / count).collect()
        } else {
            first
        };
        let squares = sums(&|sums, row| {
            sums.iter_mut().zip(row.iter().zip(&shift)).for_each(|(sum, (x, shift))| *sum += (x - shift) * (x - shift));
        });
        let is_constant =
            |j: usize| intercept && self.values.iter().skip(j).step_by(d).all(|x| x.total_cmp(&self.values[j]).is_eq());
        self.scale = squares.iter().map(|square| (square / count).sqrt()).collect();
        for (j, shift) in shift.iter().enumerate() {
            // A deviation of rounding errors only.
            if self.scale[j] <= 1e-9 * shift.abs() && is_constant(j) {
                self.scale[j] = 0.0;
            }
        }
        self.shift = shift;
    }

    /// Returns whether the Gram matrix of the scaled features proves that none depends on others.
    fn is_well_conditioned(&self) -> bool {
        let (d, n) = (self.width(), self.values.len() / self.stride);
        let parts: Vec<Vec<f64>> = parts(blocks(n, d), d * d)
            .into_par_iter()
            .map(|blocks| {
                let (mut gram, mut buffer) = (vec![0.0; d * d], Vec::new());
                for rows in blocks {
                    let n = rows.len();
                    buffer.resize(n * d, 0.0);
                    self.fill(rows, &mut buffer);
                    add_gram(&mut gram, &buffer, &buffer, n, true);
                }
                gram
            })
            .collect();
        let mut gram = vec![0.0; d * d];
        for part in parts {
            gram.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let count = n as f64;
        gram.iter_mut().for_each(|sum| *sum /= count);
        is_clearly_definite(&mut gram, d)
    }

    /// Drops the features that depend on others. If the rest is nearly dependent, its orthonormal basis takes its place.
    fn analyse(&mut self, intercept: bool) {
        let columns = Columns::new(&self.values, self.features, intercept);
        let basis = columns.basis();
        self.dropped = basis.dependences;
        self.kept = basis.independent;
        self.places.clone_from(&self.kept);
        let of_kept = |values: &[f64]| self.kept.iter().map(|j| values[*j]).collect::<Vec<_>>();
        (self.shift, self.scale) = (of_kept(&self.shift), of_kept(&self.scale));
        if self.kept.is_empty() || self.is_well_conditioned() {
            return;
        }
        let (n, d) = (self.values.len() / self.stride, self.kept.len());
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let unit = (n as f64).sqrt();
        self.given = Some(self.kept_columns());
        let of_row = |row: usize| basis.vectors.iter().map(move |vector| vector[row] * unit);
        self.values = Arc::new((0..n).flat_map(of_row).collect());
        let lengths = self.kept.iter().map(|j| columns.lengths[*j] / unit).collect();
        let means = self.kept.iter().map(|j| columns.means[*j]).collect();
        self.basis = Some(Triangle { rows: basis.triangle, means, lengths });
        (self.stride, self.places) = (d, (0..d).collect());
        (self.shift, self.scale) = (vec![0.0; d], vec![1.0; d]);
    }

    /// Returns the kept features as they were given, column by column.
    pub(super) fn kept_columns(&self) -> Vec<Vec<f64>> {
        let column = |j: &usize| self.values.iter().skip(*j).step_by(self.stride).copied().collect();
        self.given.clone().unwrap_or_else(|| self.places.iter().map(column).collect())
    }

    fn fill(&self, rows: Range<usize>, out: &mut [f64]) {
        let n = rows.len();
        let values = &self.values[rows.start * self.stride..rows.end * self.stride];
        for ((column, &place), (shift, scale)) in
            out.chunks_exact_mut(n.max(1)).zip(&self.places).zip(self.shift.iter().zip(&self.scale))
        {
            let scale = scale.recip();
            for (entry, row) in column.iter_mut().zip(values.chunks_exact(self.stride)) {
                *entry = (row[place] - shift) * scale;
            }
        }
    }

    /// Returns the coefficients of the kept features in their own units, and what they add to the intercept.
    pub(super) fn in_own_units(&self, scaled: &[f64]) -> (Vec<f64>, f64) {
        let Some(Triangle { rows, means, lengths }) = &self.basis else {
            let own: Vec<f64> = scaled.iter().zip(&self.scale).map(|(b, scale)| b / scale).collect();
            let constant = -own.iter().zip(&self.shift).map(|(b, shift)| b * shift).sum::<f64>();
            return (own, constant);
        };
        let mut own = scaled.to_vec();
        for j in (0..own.len()).rev() {
            own[j] /= rows[j][j];
            let factor = own[j];
            for (i, entry) in own.iter_mut().enumerate().take(j) {
                *entry -= factor * rows[j][i];
            }
        }
        own.iter_mut().zip(lengths).for_each(|(b, length)| *b /= length);
        let constant = -own.iter().zip(means).map(|(b, mean)| b * mean).sum::<f64>();
        (own, constant)
    }
}

/// Groups blocks into parts that are summed one after the other: few enough that `size` numbers per part fit into memory. The parts
/// depend on the shape only, so that the number of threads does not change a bit.
pub(super) fn parts(blocks: Vec<Range<usize>>, size: usize) -> Vec<Vec<Range<usize>>> {
    const NUMBERS: usize = 8_000_000;
    let count = (NUMBERS / size.max(1)).clamp(4, 64).min(blocks.len().max(1));
    let each = blocks.len().div_ceil(count).max(1);
    blocks.chunks(each).map(<[_]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    /// η of a block's rows equals that of the features in their own units.
    fn check(values: Vec<f64>, features: usize, intercept: bool) -> Design {
        let n = values.len() / features;
        let design = Design::new(n, vec![(values.clone().into(), features)], intercept);
        let group = &design.groups()[0];
        let scaled: Vec<f64> = (0..group.width()).map(|j| 0.3 + f64::from(u32::try_from(j).unwrap())).collect();
        let (own, constant) = group.in_own_units(&scaled);
        let mut block = vec![0.0; n * design.width()];
        design.fill(0..n, &mut block);
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
        assert!(design.groups()[0].basis.is_some() && design.groups()[0].dropped.is_empty());
    }
}
