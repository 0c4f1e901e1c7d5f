//! Sums over the rows: of the log-likelihood, its gradient, and products of the features.

use std::ops::Range;

use rayon::prelude::*;

use kiln_tensor::linalg::{Symmetric, add_gram};

use super::{
    design::{Design, parts},
    predictors::Predictor,
    row::{Row, Second},
};
use crate::regression::basis::dot;

/// What is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Value,
    Gradient,
    Matrix(Second),
}

/// Σ w·ln p, its gradient, and the matrix of second derivatives, as far as asked for.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
    pub(super) matrix: Option<Symmetric>,
}

/// The rows with their responses.
pub(super) struct Rows<'a> {
    pub(super) design: &'a Design,
    pub(super) predictors: &'a [Predictor],
    pub(super) response: &'a [f64],
    pub(super) weights: Option<&'a [f64]>,
    pub(super) offset: Option<&'a [f64]>,
}

/// One row at some parameters: its index, weight, linear predictors, and the derivatives of its log-density.
pub(super) struct Evaluated<'a> {
    pub(super) row: usize,
    pub(super) weight: f64,
    pub(super) eta: &'a [f64],
    pub(super) gradient: &'a [f64],
    pub(super) hessian: &'a [f64],
}

/// Sums of one part of the rows.
struct Part {
    value: f64,
    gradient: Vec<f64>,
    /// A matrix `[a, b]` for each pair of predictors a ≥ b.
    blocks: Vec<Vec<f64>>,
}

/// The scratch memory of a part.
struct Scratch {
    /// The columns of the design.
    columns: Vec<f64>,
    eta: Vec<f64>,
    gradient: Vec<f64>,
    packed: Vec<f64>,
    scaled: Vec<f64>,
}

impl Rows<'_> {
    pub(super) fn parameters(&self) -> usize {
        self.predictors.last().map_or(0, |last| last.places().end)
    }

    pub(super) fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row])
    }

    /// Sums the log-density. `replace` may put other weights in the place of a row's second derivatives, from what is known of it.
    pub(super) fn sum_with<R: Row>(
        &self,
        density: &R,
        x: &[f64],
        want: Want,
        replace: impl Fn(&Evaluated<'_>, &mut [f64]) + Sync,
    ) -> Sums {
        let pairs: Vec<(usize, usize)> =
            (0..self.predictors.len()).flat_map(|a| (0..=a).map(move |b| (a, b))).collect();
        let size = |(a, b): &(usize, usize)| self.predictors[*a].columns.len() * self.predictors[*b].columns.len();
        let blocks = self.design.blocks();
        let memory = match want {
            Want::Matrix(_) => pairs.iter().map(size).sum::<usize>(),
            _ => self.parameters(),
        };
        let sums: Vec<Part> = parts(blocks, memory)
            .into_par_iter()
            .map(|blocks| {
                let mut part = Part {
                    value: 0.0,
                    gradient: vec![0.0; self.parameters()],
                    blocks: match want {
                        Want::Matrix(_) => pairs.iter().map(|pair| vec![0.0; size(pair)]).collect(),
                        _ => Vec::new(),
                    },
                };
                let mut scratch = Scratch::new();
                for rows in blocks {
                    self.add(density, x, want, rows, &mut part, &mut scratch, &replace);
                }
                part
            })
            .collect();
        let mut total = Part { value: 0.0, gradient: vec![0.0; self.parameters()], blocks: Vec::new() };
        let add = |sums: &mut [f64], part: &[f64]| sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        for part in sums {
            total.value += part.value;
            add(&mut total.gradient, &part.gradient);
            if total.blocks.is_empty() {
                total.blocks = part.blocks;
            } else {
                total.blocks.iter_mut().zip(&part.blocks).for_each(|(sum, part)| add(sum, part));
            }
        }
        let matrix = matches!(want, Want::Matrix(_)).then(|| self.assemble(&pairs, &total.blocks));
        Sums { value: total.value, gradient: total.gradient, matrix }
    }

    #[allow(clippy::too_many_arguments, reason = "the inner loop of one caller")]
    fn add<R: Row>(
        &self,
        density: &R,
        x: &[f64],
        want: Want,
        rows: Range<usize>,
        part: &mut Part,
        scratch: &mut Scratch,
        replace: &(impl Fn(&Evaluated<'_>, &mut [f64]) + Sync),
    ) {
        let (n, m) = (rows.len(), self.predictors.len());
        let pairs = m * (m + 1) / 2;
        scratch.resize(n, self.design.width(), m);
        let Scratch { columns, eta, gradient, packed, scaled } = scratch;
        self.design.fill(rows.clone(), columns);
        self.linear(x, rows.clone(), columns, eta);
        let second = if let Want::Matrix(second) = want { second } else { Second::Observed };
        let (mut own_eta, mut own_gradient) = (vec![0.0; m], vec![0.0; m]);
        let (mut own_hessian, mut factors) = (vec![0.0; pairs], vec![0.0; pairs]);
        for r in 0..n {
            let row = rows.start + r;
            let weight = self.weight(row);
            (0..m).for_each(|a| own_eta[a] = eta[a * n + r]);
            if weight > 0.0 {
                let value = density.at(self.response[row], &own_eta, second, &mut own_gradient, &mut own_hessian);
                part.value += weight * value;
                if want != Want::Value {
                    (0..m).for_each(|a| gradient[a * n + r] = weight * own_gradient[a]);
                }
                if matches!(want, Want::Matrix(_)) {
                    factors.copy_from_slice(&own_hessian);
                    let (eta, gradient, hessian) = (&own_eta[..], &own_gradient[..], &own_hessian[..]);
                    replace(&Evaluated { row, weight, eta, gradient, hessian }, &mut factors);
                    (0..pairs).for_each(|k| packed[k * n + r] = weight * factors[k]);
                }
            } else {
                (0..m).for_each(|a| gradient[a * n + r] = 0.0);
                (0..pairs).for_each(|k| packed[k * n + r] = 0.0);
            }
        }
        if want == Want::Value {
            return;
        }
        for (a, predictor) in self.predictors.iter().enumerate() {
            let residuals = &gradient[a * n..(a + 1) * n];
            for (sum, j) in part.gradient[predictor.places()].iter_mut().zip(predictor.columns.clone()) {
                *sum += dot(residuals, &columns[j * n..(j + 1) * n]);
            }
        }
        if !matches!(want, Want::Matrix(_)) {
            return;
        }
        for (block, (k, (a, b))) in
            part.blocks.iter_mut().zip((0..m).flat_map(|a| (0..=a).map(move |b| (a, b))).enumerate())
        {
            let (left, right) = (self.predictors[a].columns.clone(), self.predictors[b].columns.clone());
            let weights = &packed[k * n..(k + 1) * n];
            scaled.resize(right.len() * n, 0.0);
            for (scaled, j) in scaled.chunks_exact_mut(n).zip(right.clone()) {
                let column = &columns[j * n..(j + 1) * n];
                scaled.iter_mut().zip(column.iter().zip(weights)).for_each(|(s, (x, w))| *s = x * w);
            }
            add_gram(block, &columns[left.start * n..left.end * n], &scaled[..right.len() * n], n, a == b);
        }
    }

    /// Writes the linear predictors of some rows, one after the other.
    fn linear(&self, x: &[f64], rows: Range<usize>, columns: &[f64], eta: &mut [f64]) {
        let n = rows.len();
        for (a, predictor) in self.predictors.iter().enumerate() {
            let eta = &mut eta[a * n..(a + 1) * n];
            match self.offset.filter(|_| a == 0) {
                Some(offset) => eta.copy_from_slice(&offset[rows.clone()]),
                None => eta.fill(0.0),
            }
            for (factor, j) in x[predictor.places()].iter().zip(predictor.columns.clone()) {
                eta.iter_mut().zip(&columns[j * n..(j + 1) * n]).for_each(|(eta, x)| *eta += factor * x);
            }
        }
    }

    fn assemble(&self, pairs: &[(usize, usize)], blocks: &[Vec<f64>]) -> Symmetric {
        let owner: Vec<(usize, usize)> = self
            .predictors
            .iter()
            .enumerate()
            .flat_map(|(a, predictor)| (0..predictor.columns.len()).map(move |j| (a, j)))
            .collect();
        let block_of = |a: usize, b: usize| pairs.iter().position(|pair| *pair == (a, b)).expect("every pair a ≥ b");
        // Blocks of pairs are found once per entry: precompute them.
        let m = self.predictors.len();
        let index: Vec<usize> =
            (0..m * m).map(|k| if k / m >= k % m { block_of(k / m, k % m) } else { usize::MAX }).collect();
        Symmetric::from_fn(self.parameters(), |i, j| {
            let ((a, row), (b, column)) = (owner[i], owner[j]);
            blocks[index[a * m + b]][row * self.predictors[b].columns.len() + column]
        })
    }

    /// Calls `each` for every row, with the entries of its columns, and returns the results in order.
    pub(super) fn map<R: Row, T: Send>(
        &self,
        density: &R,
        x: &[f64],
        second: Second,
        each: impl Fn(&Evaluated<'_>, &[f64]) -> T + Sync,
    ) -> Vec<T> {
        let (m, width) = (self.predictors.len(), self.design.width());
        let of_block = |rows: Range<usize>| {
            let n = rows.len();
            let (mut columns, mut all) = (vec![0.0; n * width], vec![0.0; n * m]);
            self.design.fill(rows.clone(), &mut columns);
            self.linear(x, rows.clone(), &columns, &mut all);
            let (mut gradient, mut hessian) = (vec![0.0; m], vec![0.0; m * (m + 1) / 2]);
            let (mut eta, mut entries) = (vec![0.0; m], vec![0.0; width]);
            let of_row = |r: usize| {
                let row = rows.start + r;
                (0..m).for_each(|a| eta[a] = all[a * n + r]);
                (0..width).for_each(|j| entries[j] = columns[j * n + r]);
                density.at(self.response[row], &eta, second, &mut gradient, &mut hessian);
                let weight = self.weight(row);
                each(&Evaluated { row, weight, eta: &eta, gradient: &gradient, hessian: &hessian }, &entries)
            };
            (0..n).map(of_row).collect::<Vec<T>>()
        };
        let results: Vec<Vec<T>> = self.design.blocks().into_par_iter().map(of_block).collect();
        results.into_iter().flatten().collect()
    }
}

impl Scratch {
    fn new() -> Self {
        Self { columns: Vec::new(), eta: Vec::new(), gradient: Vec::new(), packed: Vec::new(), scaled: Vec::new() }
    }

    fn resize(&mut self, n: usize, width: usize, m: usize) {
        self.columns.resize(n * width, 0.0);
        self.eta.resize(n * m, 0.0);
        self.gradient.resize(n * m, 0.0);
        self.packed.resize(n * m * (m + 1) / 2, 0.0);
    }
}
