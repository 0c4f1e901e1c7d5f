//! The linear system of a step.

use clarabel::{
    algebra::CscMatrix,
    qdldl::{QDLDLFactorisation, QDLDLSettings},
};
use kiln_tensor::linalg::{Cholesky, Ldlt, Symmetric};

use super::limited_memory::LowRank;

/// Up to this number of rows the factorisation is dense, which pivots for stability.
const DENSE_ROWS: usize = 200;
/// With this share of entries it is dense too.
const DENSE_SHARE: f64 = 0.2;
/// Subtracted from the last block of the sparse factorisation, which does not pivot. Refinement removes its effect.
const SHIFT: f64 = 1e-8;
/// Maximum number of refinements of a solution.
const REFINEMENTS: usize = 8;

/// The symmetric matrix
///
/// > W + Δ   Jᵀ
/// > J      −E
///
/// of n + m rows, with diagonal matrices Δ and E: its places are fixed, its entries change.
pub(super) struct System {
    n: usize,
    m: usize,
    /// The upper half, column by column.
    starts: Vec<usize>,
    rows: Vec<usize>,
    values: Vec<f64>,
    /// Where the entries of the diagonal, of W and of J are.
    diagonal: Vec<usize>,
    hessian: Vec<usize>,
    jacobian: Vec<usize>,
    /// Unknowns that do not move: their row and column are those of the identity.
    fixed: Vec<bool>,
    is_dense: bool,
    factor: Option<Factor>,
    /// A matrix of low rank that is added to W.
    update: Option<Update>,
    /// The symbolic part of the sparse factorisation is done once.
    sparse: Option<QDLDLFactorisation<f64>>,
}

/// The matrix −U·M⁻¹·Uᵀ, where the rows of U for constraints and fixed unknowns are 0.
struct Update {
    low_rank: LowRank,
    /// K⁻¹·U for the matrix K without the update.
    solved: Vec<Vec<f64>>,
    /// M − Uᵀ·K⁻¹·U.
    small: Ldlt,
}

enum Factor {
    Sparse,
    Dense(Ldlt),
    /// The factors of A = W + Δ and of E + J·A⁻¹·Jᵀ.
    Blocks(Cholesky, Cholesky),
}

/// The signs of the eigenvalues, as far as a step needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inertia {
    /// n positive and m negative: the step goes down along the constraints.
    Right,
    /// Too few positive ones.
    Curved,
    /// The matrix is singular: constraints depend on each other.
    Singular,
}

impl System {
    /// `hessian` has places (row ≥ column), `jacobian` has places (row, column).
    pub(super) fn new(
        (n, m): (usize, usize),
        hessian: &[(usize, usize)],
        jacobian: &[(usize, usize)],
        fixed: Vec<bool>,
    ) -> Self {
        let all = || {
            let diagonal = (0..n + m).map(|i| (i, i));
            let jacobian = jacobian.iter().map(move |(row, column)| (n + row, *column));
            // As (column, row) of the upper half.
            diagonal.chain(hessian.iter().copied()).chain(jacobian)
        };
        let mut places: Vec<(usize, usize)> = all().collect();
        places.sort_unstable();
        places.dedup();
        let mut starts = vec![0; n + m + 1];
        places.iter().for_each(|(column, _)| starts[column + 1] += 1);
        (0..n + m).for_each(|column| starts[column + 1] += starts[column]);
        let found: Vec<usize> =
            all().map(|place| places.binary_search(&place).expect("every place is in the list")).collect();
        let count = n + m + hessian.len();
        let rows = n + m;
        #[allow(clippy::cast_precision_loss, reason = "a share")]
        let share = places.len() as f64 / (0.5 * (rows * (rows + 1)) as f64);
        Self {
            n,
            m,
            starts,
            rows: places.iter().map(|(_, row)| *row).collect(),
            values: vec![0.0; places.len()],
            diagonal: found[..n + m].to_vec(),
            hessian: found[n + m..count].to_vec(),
            jacobian: found[count..].to_vec(),
            fixed,
            is_dense: rows <= DENSE_ROWS || share > DENSE_SHARE,
            factor: None,
            update: None,
            sparse: None,
        }
    }

    /// Adds a matrix of low rank to W, after a factorisation (Sherman, Morrison and Woodbury).
    pub(super) fn add(&mut self, mut low_rank: LowRank) {
        for column in &mut low_rank.columns {
            (0..self.n).filter(|&i| self.fixed[i]).for_each(|i| column[i] = 0.0);
            column.resize(self.n + self.m, 0.0);
        }
        let solved: Vec<Vec<f64>> = low_rank.columns.iter().map(|column| self.solve_once(column)).collect();
        let small = Symmetric::from_fn(solved.len(), |i, j| {
            let along: f64 = low_rank.columns[i].iter().zip(&solved[j]).map(|(u, z)| u * z).sum();
            low_rank.middle.at(i, j) - along
        });
        self.update = Some(Update { small: small.ldlt(), low_rank, solved });
    }

    /// Fills the matrix, with the diagonals Δ `[n]` and −E `[m]` as one vector, and factorises it.
    pub(super) fn factorise(&mut self, hessian: &[f64], jacobian: &[f64], diagonal: &[f64]) -> Inertia {
        self.values.fill(0.0);
        let entries = [(&self.diagonal, diagonal), (&self.hessian, hessian), (&self.jacobian, jacobian)];
        for (places, values) in entries {
            places.iter().zip(values).for_each(|(&place, value)| self.values[place] += value);
        }
        self.hold_fixed();
        (self.factor, self.update) = (None, None);
        if !self.values.iter().all(|value| value.is_finite()) {
            return Inertia::Curved;
        }
        if self.is_dense { self.dense() } else { self.sparse() }
    }

    fn hold_fixed(&mut self) {
        if !self.fixed.contains(&true) {
            return;
        }
        let is_fixed = |i: usize| i < self.n && self.fixed[i];
        for column in 0..self.n + self.m {
            for place in self.starts[column]..self.starts[column + 1] {
                let row = self.rows[place];
                if is_fixed(row) || is_fixed(column) {
                    self.values[place] = f64::from(u8::from(row == column));
                }
            }
        }
    }

    fn dense(&mut self) -> Inertia {
        let (n, m) = (self.n, self.m);
        let mut full = vec![0.0; (n + m) * (n + m)];
        for column in 0..n + m {
            for place in self.starts[column]..self.starts[column + 1] {
                full[column * (n + m) + self.rows[place]] = self.values[place];
            }
        }
        let at = |i: usize, j: usize| full[i * (n + m) + j];
        // A Cholesky factorisation takes a third of the time of one with pivots.
        if n + m > DENSE_ROWS && 10 * m <= n {
            let first = Symmetric::from_fn(n, at);
            if let Some(first) = first.cholesky() {
                let rows: Vec<Vec<f64>> = (0..m).map(|i| (0..n).map(|j| at(n + i, j)).collect()).collect();
                let solved: Vec<Vec<f64>> = rows.iter().map(|row| first.solve(row)).collect();
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                let second = Symmetric::from_fn(m, |i, j| dot(&rows[i], &solved[j]) - at(n + i, n + j));
                if let Some(second) = second.cholesky() {
                    self.factor = Some(Factor::Blocks(first, second));
                    return Inertia::Right;
                }
            }
        }
        let factor = Symmetric::from_fn(n + m, at).ldlt();
        let [positive, _, zero] = factor.inertia();
        self.factor = Some(Factor::Dense(factor));
        self.judged(positive, zero)
    }

    fn sparse(&mut self) -> Inertia {
        let mut shifted = self.values.clone();
        self.diagonal[self.n..].iter().for_each(|&place| shifted[place] -= SHIFT);
        let done = match &mut self.sparse {
            Some(factor) => {
                let places: Vec<usize> = (0..shifted.len()).collect();
                factor.update_values(&places, &shifted);
                factor.refactor().is_ok()
            }
            None => {
                let rows = self.n + self.m;
                let matrix = CscMatrix::new(rows, rows, self.starts.clone(), self.rows.clone(), shifted);
                let settings = QDLDLSettings { regularize_enable: false, ..QDLDLSettings::default() };
                self.sparse = QDLDLFactorisation::new(&matrix, Some(settings)).ok();
                self.sparse.is_some()
            }
        };
        let Some(factor) = self.sparse.as_ref().filter(|_| done) else { return Inertia::Singular };
        let positive = factor.positive_inertia();
        self.factor = Some(Factor::Sparse);
        self.judged(positive, 0)
    }

    fn judged(&self, positive: usize, zero: usize) -> Inertia {
        match () {
            () if zero > 0 || positive > self.n => Inertia::Singular,
            () if positive < self.n => Inertia::Curved,
            () => Inertia::Right,
        }
    }

    /// The product with a vector.
    fn multiply(&self, vector: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for column in 0..vector.len() {
            let mut sum = 0.0;
            for place in self.starts[column]..self.starts[column + 1] {
                let (row, value) = (self.rows[place], self.values[place]);
                sum += value * vector[row];
                if row != column {
                    out[row] += value * vector[column];
                }
            }
            out[column] += sum;
        }
        if let Some(update) = &self.update {
            update.low_rank.add_product(vector, out);
        }
    }

    fn solve_once(&mut self, right: &[f64]) -> Vec<f64> {
        let mut x = right.to_vec();
        match (&self.factor, &mut self.sparse) {
            (Some(Factor::Dense(factor)), _) => x = factor.solve(right),
            (Some(Factor::Blocks(first, second)), _) => {
                let n = self.n;
                // y = (E + J·A⁻¹·Jᵀ)⁻¹·(J·A⁻¹·r − s), x = A⁻¹·(r − Jᵀ·y).
                let along = first.solve(&right[..n]);
                let mut reduced: Vec<f64> = right[n..].iter().map(|s| -s).collect();
                let mut top = right[..n].to_vec();
                // The entries of a row of J: the column of the upper half without its diagonal.
                let row_of = |i: usize| {
                    let places = self.starts[n + i]..self.starts[n + i + 1];
                    places.map(|place| (self.rows[place], self.values[place])).filter(move |(column, _)| *column < n)
                };
                for (i, reduced) in reduced.iter_mut().enumerate() {
                    *reduced += row_of(i).map(|(column, value)| value * along[column]).sum::<f64>();
                }
                let y = second.solve(&reduced);
                for (i, y) in y.iter().enumerate() {
                    row_of(i).for_each(|(column, value)| top[column] -= value * y);
                }
                x = first.solve(&top);
                x.extend(y);
            }
            (Some(Factor::Sparse), Some(factor)) => factor.solve(&mut x),
            _ => x.fill(f64::NAN),
        }
        if let Some(Update { low_rank, solved, small }) = &self.update {
            let along: Vec<f64> =
                low_rank.columns.iter().map(|column| column.iter().zip(&x).map(|(u, x)| u * x).sum()).collect();
            for (weight, solved) in small.solve(&along).iter().zip(solved) {
                x.iter_mut().zip(solved).for_each(|(x, z)| *x += weight * z);
            }
        }
        x
    }

    /// Solves for a right side, and returns the solution with the size of what is left, relative to the right side.
    pub(super) fn solve(&mut self, right: &[f64]) -> (Vec<f64>, f64) {
        let largest = |values: &[f64]| values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let mut right = right.to_vec();
        (0..self.n).filter(|&i| self.fixed[i]).for_each(|i| right[i] = 0.0);
        let size = largest(&right).max(f64::MIN_POSITIVE);
        let (mut x, mut left) = (self.solve_once(&right), vec![0.0; right.len()]);
        let (mut best, mut best_error) = (x.clone(), f64::INFINITY);
        for _ in 0..REFINEMENTS {
            self.multiply(&x, &mut left);
            left.iter_mut().zip(&right).for_each(|(left, right)| *left = right - *left);
            let error = if left.iter().all(|left| left.is_finite()) { largest(&left) / size } else { f64::INFINITY };
            // What stops to fall is rounding.
            if error >= 0.5 * best_error || error.is_infinite() {
                if error < best_error {
                    (best, best_error) = (x, error);
                }
                break;
            }
            (best, best_error) = (x.clone(), error);
            if error <= 4.0 * f64::EPSILON {
                break;
            }
            let more = self.solve_once(&left);
            x.iter_mut().zip(&more).for_each(|(x, more)| *x += more);
        }
        (best, best_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// min ½·Σ wᵢ·xᵢ² under xᵢ + xᵢ₊₁ = 1, solved by all ways.
    fn chain(n: usize, is_dense: bool, curvature: f64) -> (Inertia, f64) {
        let hessian: Vec<(usize, usize)> = (0..n).map(|i| (i, i)).collect();
        let m = n / 20;
        let jacobian: Vec<(usize, usize)> = (0..m).flat_map(|i| [(i, i), (i, i + 1)]).collect();
        let mut system = System::new((n, m), &hessian, &jacobian, vec![false; n]);
        system.is_dense = is_dense;
        let inertia = system.factorise(&vec![curvature; n], &vec![1.0; 2 * m], &vec![0.0; n + m]);
        let mut right = vec![0.0; n];
        right.extend(vec![1.0; m]);
        (inertia, system.solve(&right).1)
    }

    #[test]
    fn each_factorisation_solves_and_judges() {
        for (n, is_dense) in [(40, true), (400, true), (400, false)] {
            let (inertia, error) = chain(n, is_dense, 2.0);
            assert_eq!(inertia, Inertia::Right, "{n} {is_dense}");
            assert!(error < 1e-12, "{n} {is_dense}: {error:e}");
            assert_eq!(chain(n, is_dense, -2.0).0, Inertia::Curved, "{n} {is_dense}");
        }
    }

    #[test]
    fn a_matrix_of_low_rank_is_added() {
        for is_dense in [true, false] {
            let (n, m) = (40, 2);
            let hessian: Vec<(usize, usize)> = (0..n).map(|i| (i, i)).collect();
            let jacobian: Vec<(usize, usize)> = (0..m).flat_map(|i| [(i, i), (i, i + 1)]).collect();
            let mut fixed = vec![false; n];
            fixed[7] = true;
            let mut system = System::new((n, m), &hessian, &jacobian, fixed);
            system.is_dense = is_dense;
            assert_eq!(system.factorise(&vec![2.0; n], &vec![1.0; 2 * m], &vec![0.0; n + m]), Inertia::Right);
            let column = |shift: f64| (0..n).map(|i| (i as f64 + shift).sin()).collect::<Vec<f64>>();
            // −V·M⁻¹·Vᵀ with a negative definite M adds a positive one.
            let middle = Symmetric::from_fn(2, |i, j| if i == j { -3.0 } else { 0.5 });
            system.add(LowRank { columns: vec![column(0.0), column(1.0)], middle });
            let mut right = column(2.0);
            right.extend(vec![1.0; m]);
            let (x, error) = system.solve(&right);
            assert!(error < 1e-13 && x[7] == 0.0, "dense {is_dense}: {error:e}, {}", x[7]);
        }
    }

    #[test]
    fn a_fixed_unknown_does_not_move() {
        let mut system = System::new((2, 1), &[(0, 0), (1, 0), (1, 1)], &[(0, 0), (0, 1)], vec![true, false]);
        assert_eq!(system.factorise(&[1.0, 5.0, 1.0], &[1.0, 1.0], &[0.0; 3]), Inertia::Right);
        let (x, _) = system.solve(&[3.0, 0.0, 2.0]);
        assert_eq!(x, [0.0, 2.0, -2.0]);
    }

    #[test]
    fn constraints_that_depend_on_each_other_are_seen() {
        let mut system = System::new((2, 2), &[(0, 0), (1, 1)], &[(0, 0), (1, 0)], vec![false; 2]);
        assert_eq!(system.factorise(&[1.0, 1.0], &[1.0, 1.0], &[0.0; 4]), Inertia::Singular);
    }
}
