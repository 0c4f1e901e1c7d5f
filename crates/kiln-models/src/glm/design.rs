//! The matrix of features, scaled so that solvers converge fast, and read in blocks of rows.

use std::ops::Range;

use rayon::prelude::*;

use kiln_tensor::linalg::add_gram;

use super::{
    triangle::{Triangle, factor},
    values::{SparseRows, Values},
};
use crate::regression::{Dependence, basis::Columns, definite::is_clearly_definite};

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
    /// All features of all rows. If they are nearly dependent, their orthonormal basis instead, or the `basis` makes it.
    values: Values,
    stride: usize,
    /// The columns of `values` that are used.
    places: Vec<usize>,
    shift: Vec<f64>,
    scale: Vec<f64>,
    basis: Option<Triangle>,
    /// Whether `values` has the basis.
    is_basis: bool,
    /// The number of features that the user gave.
    pub(super) features: usize,
    /// The features that are used.
    pub(super) kept: Vec<usize>,
    /// The features that depend on others.
    pub(super) dropped: Vec<Dependence>,
    /// The kept features as they were given, column by column, if a basis took their place.
    given: Option<Vec<Vec<f64>>>,
}

/// How a design treats its features.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scaling {
    /// Whether features are centred.
    pub(super) intercept: bool,
    /// The penalty λ/2·‖b‖². A penalised fit keeps features that depend on others.
    pub(super) l2: f64,
    /// Whether there is any penalty.
    pub(super) is_penalised: bool,
}

/// About the number of entries of a block, which should stay in the processor's second cache.
const BLOCK: usize = 16_384;
/// The largest number of features among which dependent ones are looked for.
const MOST_COMPARED: usize = 4096;

impl Design {
    /// Takes rows of features, in row-major order. With an intercept, features are centred.
    pub(super) fn new(rows: usize, groups: Vec<(Values, usize)>, scaling: Scaling) -> Self {
        let groups = groups.into_iter().map(|(values, features)| Group::new(values, features, rows, scaling));
        Self { rows, groups: groups.collect() }
    }

    /// Returns the rows that are mostly zero, and the scale of each column, if that is how they are used.
    pub(super) fn sparse(&self) -> Option<(&SparseRows, &[f64])> {
        match &self.groups[..] {
            [group] => group.values.sparse().map(|rows| (&**rows, &group.scale[..])),
            _ => None,
        }
    }

    pub(super) fn is_in_file(&self) -> bool {
        self.groups.iter().any(|group| group.values.is_in_file())
    }

    /// Returns why rows could not be read from their file, if that happened.
    pub(super) fn failure(&self) -> Option<String> {
        self.groups.iter().find_map(|group| group.values.failure())
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

#[allow(clippy::single_range_in_vec_init, reason = "a block is a range")]
pub(super) fn blocks(rows: usize, width: usize) -> Vec<Range<usize>> {
    let size = (BLOCK / width.max(1)).clamp(16, 1024);
    (0..rows).step_by(size).map(|start| start..(start + size).min(rows)).collect()
}

impl Group {
    fn new(values: Values, features: usize, rows: usize, scaling: Scaling) -> Self {
        let mut group = Self {
            values,
            stride: features,
            places: (0..features).collect(),
            shift: vec![0.0; features],
            scale: vec![1.0; features],
            basis: None,
            is_basis: false,
            features,
            kept: (0..features).collect(),
            dropped: Vec::new(),
            given: None,
        };
        if features == 0 || rows == 0 {
            return group;
        }
        group.rescale(scaling.intercept && group.values.sparse().is_none());
        if scaling.is_penalised || features > MOST_COMPARED {
            // A constant column is 0, so that its scale does not count.
            let of = |scale: f64| if scale > 0.0 { scale.hypot(2.0 * scaling.l2.sqrt()) } else { 1.0 };
            group.scale.iter_mut().for_each(|scale| *scale = of(*scale));
            return group;
        }
        let is_scaled = group.scale.iter().all(|scale| *scale > 0.0 && scale.is_finite());
        if is_scaled && group.is_well_conditioned(scaling.intercept) {
            return group;
        }
        if group.values.as_slice().is_some() {
            group.analyse(scaling.intercept);
        } else {
            group.analyse_in_blocks(scaling.intercept);
        }
        group
    }

    fn width(&self) -> usize {
        self.places.len()
    }

    fn rows(&self) -> usize {
        self.values.len() / self.stride
    }

    /// Sums something over the rows, for each column.
    fn sums(&self, add: impl Fn(&mut [f64], &[f64]) + Sync) -> Vec<f64> {
        let (d, n) = (self.stride, self.rows());
        let parts: Vec<Vec<f64>> = parts(blocks(n, d), d)
            .into_par_iter()
            .map(|blocks| {
                let (mut sums, mut buffer) = (vec![0.0; d], Vec::new());
                for rows in blocks {
                    let values = self.values.get(rows.start * d..rows.end * d, &mut buffer);
                    values.chunks_exact(d).for_each(|row| add(&mut sums, row));
                }
                sums
            })
            .collect();
        parts.iter().fold(vec![0.0; d], |mut total, part| {
            total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            total
        })
    }

    /// Sets means and standard deviations; without an intercept, and for rows that are mostly zero, roots of mean squares. A constant
    /// column has the scale 0.
    fn rescale(&mut self, is_centred: bool) {
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let (d, count) = (self.stride, self.rows() as f64);
        if let Some(rows) = self.values.sparse() {
            let mut squares = vec![0.0; d];
            for row in 0..rows.len() {
                let (places, values) = rows.row(row);
                places.iter().zip(values).for_each(|(place, value)| squares[*place as usize] += value * value);
            }
            self.scale = squares.iter().map(|square| (square / count).sqrt()).collect();
            return;
        }
        let first = if is_centred { self.values.get(0..d, &mut Vec::new()).to_vec() } else { vec![0.0; d] };
        // Relative to the first row, so that a large offset costs no digits.
        let shift: Vec<f64> = if is_centred {
            let sums = self.sums(|sums, row| {
                sums.iter_mut().zip(row.iter().zip(&first)).for_each(|(sum, (x, first))| *sum += x - first);
            });
            sums.iter().zip(&first).map(|(sum, first)| first + sum / count).collect()
        } else {
            first.clone()
        };
        let squares = self.sums(|sums, row| {
            sums.iter_mut().zip(row.iter().zip(&shift)).for_each(|(sum, (x, shift))| *sum += (x - shift) * (x - shift));
        });
        self.scale = squares.iter().map(|square| (square / count).sqrt()).collect();
        // A deviation of rounding errors only.
        let suspects: Vec<usize> = (0..d).filter(|j| is_centred && self.scale[*j] <= 1e-9 * shift[*j].abs()).collect();
        if !suspects.is_empty() {
            let differ = self.sums(|sums, row| {
                suspects.iter().for_each(|&j| sums[j] += f64::from(u8::from(row[j].total_cmp(&first[j]).is_ne())));
            });
            suspects.into_iter().filter(|j| differ[*j] == 0.0).for_each(|j| self.scale[j] = 0.0);
        }
        self.shift = shift;
    }

    /// Returns whether the Gram matrix of the scaled features proves that none depends on others.
    fn is_well_conditioned(&self, intercept: bool) -> bool {
        if let Some(rows) = self.values.sparse() {
            return self.is_sparse_well_conditioned(rows, intercept);
        }
        let (d, n) = (self.width(), self.rows());
        let parts: Vec<Vec<f64>> = parts(blocks(n, d), d * d)
            .into_par_iter()
            .map(|blocks| {
                let (mut gram, mut columns, mut buffer) = (vec![0.0; d * d], Vec::new(), Vec::new());
                for rows in blocks {
                    let n = rows.len();
                    columns.resize(n * d, 0.0);
                    self.fill(rows, &mut columns, &mut buffer);
                    add_gram(&mut gram, &columns, &columns, n, true);
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

    /// The same, with a column of ones before the others if there is an intercept.
    fn is_sparse_well_conditioned(&self, rows: &SparseRows, intercept: bool) -> bool {
        let (d, n, ones) = (self.stride, rows.len(), usize::from(intercept));
        let (mut gram, mut sums, weights) = (vec![0.0; d * d], vec![0.0; d], vec![1.0; n]);
        rows.add_gram(0..n, &weights, &mut gram, d);
        rows.add_transposed(0..n, &weights, &mut sums);
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let (size, count) = (d + ones, n as f64);
        let entry = |i: usize, j: usize| match (i.checked_sub(ones), j.checked_sub(ones)) {
            (Some(i), Some(j)) => gram[i * d + j] / (count * self.scale[i] * self.scale[j]),
            (Some(i), None) => sums[i] / (count * self.scale[i]),
            _ => 1.0,
        };
        let mut matrix: Vec<f64> =
            (0..size * size).map(|k| if k % size > k / size { 0.0 } else { entry(k / size, k % size) }).collect();
        is_clearly_definite(&mut matrix, size)
    }

    /// Drops the features that depend on others. If the rest is nearly dependent, its orthonormal basis takes its place.
    fn analyse(&mut self, intercept: bool) {
        let all = self.values.as_slice().unwrap_or_default();
        let columns = Columns::new(all, self.features, intercept);
        let basis = columns.basis();
        self.dropped = basis.dependences;
        self.keep(basis.independent);
        if self.kept.is_empty() || self.is_well_conditioned(intercept) {
            return;
        }
        let (n, d) = (self.rows(), self.kept.len());
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let unit = (n as f64).sqrt();
        self.given = Some(self.kept_columns());
        let of_row = |row: usize| basis.vectors.iter().map(move |vector| vector[row] * unit);
        self.values = (0..n).flat_map(of_row).collect::<Vec<f64>>().into();
        let lengths = self.kept.iter().map(|j| columns.lengths[*j] / unit).collect();
        let means = self.kept.iter().map(|j| columns.means[*j]).collect();
        self.basis = Some(Triangle { rows: basis.triangle, means, lengths });
        (self.stride, self.places, self.is_basis) = (d, (0..d).collect(), true);
        (self.shift, self.scale) = (vec![0.0; d], vec![1.0; d]);
    }

    /// The same in blocks of rows: columns depend on each other as those of the triangle of their QR factorisation do.
    fn analyse_in_blocks(&mut self, intercept: bool) {
        let (d, n) = (self.stride, self.rows());
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let unit = (n as f64).sqrt();
        let is_sparse = self.values.sparse().is_some();
        if is_sparse && intercept {
            let sums = self.sums(|sums, row| sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x));
            self.shift = sums.iter().map(|sum| sum / (unit * unit)).collect();
        }
        let (shift, scale) = (self.shift.clone(), self.scale.clone());
        let blocks = parts(blocks(n, d), d * d);
        let mut triangle = factor(blocks, d, |rows, out, buffer| self.fill(rows, out, buffer));
        for j in 0..d {
            // What is left of a constant column is rounding.
            let length = (0..d).map(|i| triangle[i * d + j] * triangle[i * d + j]).sum::<f64>().sqrt();
            if length * scale[j] <= 1e-11 * unit * shift[j].abs() {
                (0..d).for_each(|i| triangle[i * d + j] = 0.0);
            }
        }
        let columns = Columns::new(&triangle, d, false);
        let basis = columns.basis();
        self.dropped = basis.dependences.into_iter().map(|found| in_units(found, &shift, &scale, unit)).collect();
        self.keep(basis.independent);
        if is_sparse {
            self.drop_sparse();
            return;
        }
        if self.kept.is_empty() || self.is_well_conditioned(intercept) {
            return;
        }
        let lengths = self.kept.iter().zip(&self.scale).map(|(j, scale)| scale * columns.lengths[*j] / unit).collect();
        self.basis = Some(Triangle { rows: basis.triangle, means: self.shift.clone(), lengths });
    }

    fn keep(&mut self, kept: Vec<usize>) {
        let of_kept = |values: &[f64]| kept.iter().map(|j| values[*j]).collect::<Vec<_>>();
        (self.shift, self.scale) = (of_kept(&self.shift), of_kept(&self.scale));
        self.places.clone_from(&kept);
        self.kept = kept;
    }

    /// Leaves the dropped columns out of rows that are mostly zero, which are not centred.
    fn drop_sparse(&mut self) {
        let Some(rows) = self.values.sparse() else { return };
        let d = self.kept.len();
        let mut place_of = vec![None; self.stride];
        (0..).zip(&self.kept).for_each(|(place, j): (u32, _)| place_of[*j] = Some(place));
        let mut left = SparseRows::new(d);
        for row in 0..rows.len() {
            let (places, values) = rows.row(row);
            let kept =
                places.iter().zip(values).filter_map(|(place, value)| Some((place_of[*place as usize]?, *value)));
            let (places, values): (Vec<u32>, Vec<f64>) = kept.unzip();
            left.push(&places, &values).expect("a part of a row that was valid");
        }
        self.values = left.into();
        (self.stride, self.places, self.shift) = (d, (0..d).collect(), vec![0.0; d]);
    }

    /// Returns the kept features as they were given, column by column.
    pub(super) fn kept_columns(&self) -> Vec<Vec<f64>> {
        let mut buffer = Vec::new();
        let all = self.values.get(0..self.values.len(), &mut buffer);
        let column = |j: &usize| all.iter().skip(*j).step_by(self.stride).copied().collect();
        self.given.clone().unwrap_or_else(|| self.places.iter().map(column).collect())
    }

    fn fill(&self, rows: Range<usize>, out: &mut [f64], buffer: &mut Vec<f64>) {
        let n = rows.len();
        let values = self.values.get(rows.start * self.stride..rows.end * self.stride, buffer);
        for ((column, &place), (shift, scale)) in
            out.chunks_exact_mut(n.max(1)).zip(&self.places).zip(self.shift.iter().zip(&self.scale))
        {
            // A constant column is 0.
            let scale = if *scale > 0.0 { scale.recip() } else { 0.0 };
            for (entry, row) in column.iter_mut().zip(values.chunks_exact(self.stride)) {
                *entry = (row[place] - shift) * scale;
            }
        }
        if let (Some(basis), false) = (&self.basis, self.is_basis) {
            basis.orthonormalise(out, n, &self.scale);
        }
    }

    /// Returns by what each coefficient is divided to be in the units of the data. There is none for a basis.
    pub(super) fn scales(&self) -> &[f64] {
        &self.scale
    }

    pub(super) fn has_basis(&self) -> bool {
        self.basis.is_some()
    }

    /// Turns coefficients in their own units into those of scaled features, without a basis. Returns what they added to the intercept.
    pub(super) fn in_scaled_units(&self, own: &mut [f64]) -> f64 {
        let constant = -own.iter().zip(&self.shift).map(|(b, shift)| b * shift).sum::<f64>();
        own.iter_mut().zip(&self.scale).for_each(|(b, scale)| *b *= scale);
        constant
    }

    /// Returns the coefficients of the kept features in their own units, and what they add to the intercept.
    pub(super) fn in_own_units(&self, scaled: &[f64]) -> (Vec<f64>, f64) {
        match &self.basis {
            Some(basis) => basis.in_own_units(scaled),
            None => {
                let own: Vec<f64> = scaled.iter().zip(&self.scale).map(|(b, scale)| b / scale).collect();
                let constant = -own.iter().zip(&self.shift).map(|(b, shift)| b * shift).sum::<f64>();
                (own, constant)
            }
        }
    }
}

/// A dependence of scaled columns as one of the columns themselves.
fn in_units(found: Dependence, shift: &[f64], scale: &[f64], unit: f64) -> Dependence {
    let own = found.column;
    let on: Vec<(usize, f64)> = found.on.iter().map(|(j, factor)| (*j, factor * scale[own] / scale[*j])).collect();
    let moved = |f: &dyn Fn(f64) -> f64| on.iter().map(|(j, factor)| f(factor * shift[*j])).sum::<f64>();
    let (constant, size) = (shift[own] - moved(&|x| x), shift[own].abs() + moved(&f64::abs) + scale[own] * unit);
    Dependence { column: own, constant: if constant.abs() <= 1e-9 * size { 0.0 } else { constant }, on }
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
        let scaling = Scaling { intercept, l2: 0.0, is_penalised: false };
        let design = Design::new(n, vec![(values.clone().into(), features)], scaling);
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
        assert!(design.groups()[0].basis.is_some() && design.groups()[0].dropped.is_empty());
    }
}
