//! Features that are scaled, and of which none depends on others.

use std::ops::Range;

use kiln_tensor::linalg::add_gram;

use super::{
    ranks::Ranks,
    triangle::{Triangle, factor, merge},
    values::{Scaled, SparseRows, Values},
};
use crate::{
    blocks::{blocks, parts, sums, sums_of},
    regression::{Dependence, basis::Columns, definite::is_clearly_definite},
};

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
    ranks: Ranks,
    /// The number of rows of all ranks.
    all_rows: usize,
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

/// The largest number of features among which dependent ones are looked for.
const MOST_COMPARED: usize = 4096;

impl Group {
    /// `rows` counts those of all ranks.
    pub(super) fn new(values: Values, features: usize, rows: usize, scaling: Scaling, ranks: Ranks) -> Self {
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
            ranks,
            all_rows: rows,
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
        if group.values.as_slice().is_some() && group.ranks.is_alone() {
            group.analyse(scaling.intercept);
        } else {
            group.analyse_in_blocks(scaling.intercept);
        }
        group
    }

    /// The number of columns.
    pub(super) fn width(&self) -> usize {
        self.places.len()
    }

    /// The number of rows of this rank.
    fn rows(&self) -> usize {
        self.values.len() / self.stride
    }

    /// The number of rows of all ranks.
    #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
    fn count(&self) -> f64 {
        self.all_rows as f64
    }

    /// Sums `size` numbers over the rows of all ranks.
    fn sums(&self, size: usize, add: impl Fn(&mut [f64], &[f64]) + Sync) -> Vec<f64> {
        let d = self.stride;
        let mut all = sums((self.rows(), d), size, |sums, rows, buffer: &mut Vec<f64>| {
            let values = self.values.get(rows.start * d..rows.end * d, buffer);
            values.chunks_exact(d).for_each(|row| add(sums, row));
        });
        self.ranks.sum(&mut all);
        all
    }

    /// The first row of the first rank that has one.
    fn first_row(&self) -> Vec<f64> {
        let d = self.stride;
        let own = self.values.get(0..d.min(self.values.len()), &mut Vec::new()).to_vec();
        let all = self.ranks.gather(own);
        all.into_iter().find(|row| row.len() == d).unwrap_or_else(|| vec![0.0; d])
    }

    /// Sets means and standard deviations; without an intercept, and for rows that are mostly zero, roots of mean squares. A constant
    /// column has the scale 0.
    fn rescale(&mut self, is_centred: bool) {
        let (d, count) = (self.stride, self.count());
        if let Some(rows) = self.values.sparse() {
            let mut squares = vec![0.0; d];
            for row in 0..rows.len() {
                let (places, values) = rows.row(row);
                places.iter().zip(values).for_each(|(place, value)| squares[*place as usize] += value * value);
            }
            self.ranks.sum(&mut squares);
            self.scale = squares.iter().map(|square| (square / count).sqrt()).collect();
            return;
        }
        // Relative to the first row, so that a large offset costs no digits.
        let first = if is_centred { self.first_row() } else { vec![0.0; d] };
        let moments = self.sums(2 * d, |sums, row| {
            let (means, squares) = sums.split_at_mut(d);
            for (((mean, square), x), first) in means.iter_mut().zip(squares).zip(row).zip(&first) {
                let x = x - first;
                *mean += x;
                *square += x * x;
            }
        });
        let (means, mut squares) = (&moments[..d], moments[d..].to_vec());
        let mut shift = first.clone();
        if is_centred {
            shift.iter_mut().zip(means).for_each(|(shift, sum)| *shift += sum / count);
            let all = squares.clone();
            squares.iter_mut().zip(means).for_each(|(square, sum)| *square -= sum * sum / count);
            // Where the mean is far from the first row, little is left of the squares.
            if squares.iter().zip(&all).any(|(left, all)| *left < 1e-3 * all || left.is_nan()) {
                squares = self.sums(d, |sums, row| {
                    let each = sums.iter_mut().zip(row.iter().zip(&shift));
                    each.for_each(|(sum, (x, shift))| *sum += (x - shift) * (x - shift));
                });
            }
        }
        self.scale = squares.iter().map(|square| (square / count).sqrt()).collect();
        // A deviation of rounding errors only.
        let suspects: Vec<usize> = (0..d).filter(|j| is_centred && self.scale[*j] <= 1e-9 * shift[*j].abs()).collect();
        if !suspects.is_empty() {
            let differ = self.sums(d, |sums, row| {
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
        // More rows only make a Gram matrix more definite, so that a part of them can be enough.
        const SOME: usize = 16;
        let is_definite = |every: usize| is_clearly_definite(&mut self.gram(every), self.width());
        is_definite(SOME) || is_definite(1)
    }

    /// The Gram matrix of the scaled features of one block of rows in `every`, divided by the number of all rows.
    fn gram(&self, every: usize) -> Vec<f64> {
        let (d, n) = (self.width(), self.rows());
        let mut gram = sums_of(
            blocks(n, d).into_iter().step_by(every).collect(),
            d * d,
            |gram, rows, (columns, buffer): &mut (Vec<f64>, Vec<f64>)| {
                let n = rows.len();
                columns.resize(n * d, 0.0);
                self.fill(rows, columns, buffer);
                add_gram(gram, columns, columns, n, true);
            },
        );
        self.ranks.sum(&mut gram);
        let count = self.count();
        gram.iter_mut().for_each(|sum| *sum /= count);
        gram
    }

    /// The same, with a column of ones before the others if there is an intercept.
    fn is_sparse_well_conditioned(&self, rows: &SparseRows, intercept: bool) -> bool {
        let (d, n, ones) = (self.stride, rows.len(), usize::from(intercept));
        let (mut gram, mut sums, weights) = (vec![0.0; d * d], vec![0.0; d], vec![1.0; n]);
        rows.add_gram(0..n, &weights, &mut gram, d);
        rows.add_transposed(0..n, &weights, &mut sums);
        self.ranks.sum(&mut gram);
        self.ranks.sum(&mut sums);
        let (size, count) = (d + ones, self.count());
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

    /// The same in blocks of rows, of all ranks: columns depend on each other as those of the triangle of their QR factorisation do.
    fn analyse_in_blocks(&mut self, intercept: bool) {
        let (d, n) = (self.stride, self.rows());
        let unit = self.count().sqrt();
        let is_sparse = self.values.sparse().is_some();
        if is_sparse && intercept {
            let sums = self.sums(d, |sums, row| sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x));
            self.shift = sums.iter().map(|sum| sum / (unit * unit)).collect();
        }
        let (shift, scale) = (self.shift.clone(), self.scale.clone());
        let blocks = parts(blocks(n, d), d * d);
        let own = factor(&blocks, d, |rows, out, buffer| self.fill(rows, out, buffer));
        let mut triangle = match self.ranks.is_alone() {
            true => own,
            false => merge(self.ranks.gather(own), d),
        };
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

    /// Writes some rows, column by column. The buffer is for numbers as they were given.
    pub(super) fn fill(&self, rows: Range<usize>, out: &mut [f64], buffer: &mut Vec<f64>) {
        let n = rows.len();
        // A constant column is 0.
        let factors: Vec<f64> = self.scale.iter().map(|scale| if *scale > 0.0 { scale.recip() } else { 0.0 }).collect();
        let Self { stride, places, shift, .. } = self;
        self.values.fill(rows, Scaled { stride: *stride, places, shift, factors: &factors }, out, buffer);
        if let (Some(basis), false) = (&self.basis, self.is_basis) {
            basis.orthonormalise(out, n, &self.scale);
        }
    }

    /// Returns by what each coefficient is divided to be in the units of the data. There is none for a basis.
    pub(super) fn scales(&self) -> &[f64] {
        &self.scale
    }

    /// The features, as far as they are used.
    pub(super) fn values(&self) -> &Values {
        &self.values
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
