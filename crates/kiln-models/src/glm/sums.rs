//! Sums over the rows: of the log-likelihood, its gradient, and products of the features.

use std::{ops::Range, sync::Arc};

use kiln_tensor::{
    linalg::{Symmetric, add_gram},
    world::WorldError,
};

use super::{
    features::{Features, Given},
    row::{Block, Derivatives, Replace, Row, Want},
    rows::Rows,
};
use crate::{
    blocks::{map, parts},
    regression::basis::dot,
};

/// Σ w·ln p, its gradient, and the matrix of second derivatives, as far as asked for.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
    pub(super) matrix: Option<Symmetric>,
    /// The linear predictors of all rows, as [`Rows::linear_predictors`] has them, if they were kept with the matrix.
    pub(super) eta: Option<Arc<Vec<f64>>>,
}

/// Sums of one part of the rows.
struct Part {
    value: f64,
    gradient: Vec<f64>,
    /// A matrix `[a, b]` for each pair of predictors a ≥ b.
    blocks: Vec<Vec<f64>>,
    eta: Vec<f64>,
}

/// The scratch memory of a part.
#[derive(Default)]
struct Scratch {
    /// The columns of the design.
    columns: Vec<f64>,
    eta: Vec<f64>,
    derivatives: Derivatives,
    scaled: Vec<f64>,
    given: Given,
}

impl Rows<'_> {
    /// Sums the log-density. `replace` may put other weights in the place of a row's second derivatives, from what is known of it.
    pub(super) fn sum_with(&self, density: &dyn Row, x: &[f64], want: Want, replace: Option<Replace<'_>>) -> Sums {
        let pairs: Vec<(usize, usize)> =
            (0..self.predictors.len()).flat_map(|a| (0..=a).map(move |b| (a, b))).collect();
        let size = |(a, b): &(usize, usize)| self.predictors[*a].columns.len() * self.predictors[*b].columns.len();
        let sparse = self.design.sparse();
        // Rows that are mostly zero are not scaled, so the factors are.
        let own_units = sparse.map(|(_, scale)| self.divided(x, scale));
        let x = own_units.as_deref().unwrap_or(x);
        let keeps_eta = matches!(want, Want::Matrix(_)) && self.every == 1 && !self.is_in_file();
        let memory = match want {
            Want::Matrix(_) => pairs.iter().map(size).sum::<usize>(),
            _ => self.parameters(),
        };
        let empty = || Part {
            value: 0.0,
            gradient: vec![0.0; self.parameters()],
            blocks: match want {
                Want::Matrix(_) => pairs.iter().map(|pair| vec![0.0; size(pair)]).collect(),
                _ => Vec::new(),
            },
            eta: Vec::new(),
        };
        let sums = map(&parts(self.blocks(), memory), |blocks| {
            let mut part = empty();
            let mut scratch = Scratch::default();
            for rows in blocks {
                self.add(density, x, want, rows.clone(), &mut part, &mut scratch, replace);
                if keeps_eta {
                    part.eta.extend_from_slice(&scratch.eta);
                }
            }
            part
        });
        let eta = keeps_eta.then(|| Arc::new(sums.iter().map(|part| &part.eta[..]).collect::<Vec<_>>().concat()));
        let mut parts = sums.into_iter();
        let mut total = parts.next().unwrap_or_else(empty);
        let add = |sums: &mut [f64], part: &[f64]| sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        for part in parts {
            total.value += part.value;
            add(&mut total.gradient, &part.gradient);
            total.blocks.iter_mut().zip(&part.blocks).for_each(|(sum, part)| add(sum, part));
        }
        self.sum_over_ranks(&mut total, want);
        let matrix = matches!(want, Want::Matrix(_)).then(|| self.assemble(&pairs, &total.blocks));
        let Some((_, scale)) = sparse else {
            return Sums { value: total.value, gradient: total.gradient, matrix, eta };
        };
        let units = self.divided(&vec![1.0; x.len()], scale);
        let gradient = self.divided(&total.gradient, scale);
        let scaled = |m: Symmetric| Symmetric::from_fn(m.rows(), |i, j| m.at(i, j) * units[i] * units[j]);
        Sums { value: total.value, gradient, matrix: matrix.map(scaled), eta }
    }

    /// Adds up the parts of all ranks. If one of them could not read its rows, no rank goes on.
    fn sum_over_ranks(&self, own: &mut Part, want: Want) {
        if self.ranks.is_alone() {
            return;
        }
        let is_gradient = want != Want::Value;
        let mut numbers = vec![f64::from(u8::from(self.file_failure().is_some())), own.value];
        if is_gradient {
            numbers.extend(&own.gradient);
        }
        own.blocks.iter().for_each(|block| numbers.extend(block));
        self.ranks.sum(&mut numbers);
        if numbers[0] > 0.0 {
            self.ranks.fail(WorldError::Engine("a rank could not read its rows".to_owned()));
        }
        own.value = numbers[1];
        let mut rest = &numbers[2..];
        let gradient = is_gradient.then_some(&mut own.gradient);
        for target in gradient.into_iter().chain(&mut own.blocks) {
            let (sums, after) = rest.split_at(target.len());
            target.copy_from_slice(sums);
            rest = after;
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the inner loop of one caller")]
    fn add(
        &self,
        density: &dyn Row,
        x: &[f64],
        want: Want,
        rows: Range<usize>,
        part: &mut Part,
        scratch: &mut Scratch,
        replace: Option<Replace<'_>>,
    ) {
        let (n, m) = (rows.len(), self.predictors.len());
        let Scratch { columns, eta, derivatives, scaled, given } = scratch;
        let features = self.features(&rows, columns, &mut given.inputs);
        eta.resize(n * m, 0.0);
        self.linear(x, &rows, features, eta, &mut given.offset);
        let block = Block {
            start: rows.start,
            predictors: m,
            response: self.response.get(rows.clone(), &mut given.response),
            weights: self.weights.map(|weights| weights.get(rows.clone(), &mut given.weights)),
            eta,
            replace,
        };
        density.sum(&block, want, &mut part.value, derivatives);
        if want == Want::Value {
            return;
        }
        for (a, predictor) in self.predictors.iter().enumerate() {
            let residuals = &derivatives.gradient[a * n..(a + 1) * n];
            let sums = &mut part.gradient[predictor.places()];
            match features {
                Features::Dense(columns) => {
                    for (sum, j) in sums.iter_mut().zip(predictor.columns.clone()) {
                        *sum += dot(residuals, &columns[j * n..(j + 1) * n]);
                    }
                }
                Features::Sparse(sparse) => {
                    let (features, ones) = self.with_ones(predictor, sparse);
                    if let Some(places) = features {
                        sparse.add_transposed(rows.clone(), residuals, &mut sums[places]);
                    }
                    if let Some(place) = ones {
                        sums[place] += residuals.iter().sum::<f64>();
                    }
                }
            }
        }
        if !matches!(want, Want::Matrix(_)) {
            return;
        }
        for (block, (k, (a, b))) in
            part.blocks.iter_mut().zip((0..m).flat_map(|a| (0..=a).map(move |b| (a, b))).enumerate())
        {
            let weights = &derivatives.hessian[k * n..(k + 1) * n];
            let (left, right) = (&self.predictors[a], &self.predictors[b]);
            match features {
                Features::Dense(columns) => {
                    let (left, right) = (left.columns.clone(), right.columns.clone());
                    scaled.resize(right.len() * n, 0.0);
                    for (scaled, j) in scaled.chunks_exact_mut(n).zip(right.clone()) {
                        let column = &columns[j * n..(j + 1) * n];
                        scaled.iter_mut().zip(column.iter().zip(weights)).for_each(|(s, (x, w))| *s = x * w);
                    }
                    add_gram(block, &columns[left.start * n..left.end * n], &scaled[..right.len() * n], n, a == b);
                }
                Features::Sparse(sparse) => self.add_sparse_gram(sparse, &rows, weights, block, (left, right)),
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
        let sparse = self.design.sparse().map(|(rows, _)| rows);
        let features = |a: usize| sparse.and_then(|rows| self.with_ones(&self.predictors[a], rows).0);
        let features: Vec<Range<usize>> = (0..m).map(|a| features(a).unwrap_or(0..0)).collect();
        Symmetric::from_fn(self.parameters(), |i, j| {
            let ((a, row), (b, column)) = (owner[i], owner[j]);
            let stride = self.predictors[b].columns.len();
            // Of two predictors of the same sparse features, the lower half.
            let is_upper = column > row && features[a].contains(&row) && features[b].contains(&column);
            let (row, column) = if is_upper { (column, row) } else { (row, column) };
            blocks[index[a * m + b]][row * stride + column]
        })
    }
}
