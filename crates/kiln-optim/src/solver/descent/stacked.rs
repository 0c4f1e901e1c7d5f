//! The pairs of L-BFGS as the rows of one matrix, for GPUs.
//!
//! The two-loop recursion takes two products of vectors for each pair, one after the other, and a GPU needs several launches for each.
//! But q is always a sum of v and pairs, so that all its products follow from those of v, and of the pairs with each other. With the
//! pairs as rows, two products with a matrix remain, and the recursion runs on the host, in f64.

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::fused::matmul;

use super::bfgs::curves;
use crate::solver::problem::{Point, dot, epsilon, read_all};

/// The last steps s and changes y of the gradient.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    /// Steps in the rows 0..size and changes in the others, `[2·size, n]`. Rows that are not used are 0.
    rows: Tensor<2>,
    size: usize,
    /// The places of the pairs, from the oldest.
    order: Vec<usize>,
    /// The products of all rows with each other, `[2·size, 2·size]`.
    products: Vec<f64>,
    /// s·y / y·y of the last step.
    scale: f64,
}

impl Stack {
    pub(super) fn new(like: &Tensor<1>, size: usize) -> Self {
        let n = like.dims()[0];
        let rows = Tensor::zeros([2 * size, n], (&like.device(), like.dtype()));
        Self { rows, size, order: Vec::new(), products: vec![0.0; 4 * size * size], scale: 1.0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// s·y / y·y of the last step.
    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    /// Steps and changes from the oldest, with 1 / s·y.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (Tensor<1>, Tensor<1>, f64)> {
        let row = |i: usize| self.rows.clone().narrow(0, i, 1).flatten::<1>(0, 1);
        self.order.iter().map(move |&i| (row(i), row(self.size + i), 1.0 / self.product(i, self.size + i)))
    }

    fn product(&self, i: usize, j: usize) -> f64 {
        self.products[i * 2 * self.size + j]
    }

    /// Adds a step, in the place of the oldest if there are `size`. Returns false if the curvature along the step is not positive.
    pub(super) fn learn(&mut self, from: &Point, to: &Point) -> bool {
        self.add(to.x.clone() - from.x.clone(), to.gradient.clone() - from.gradient.clone())
    }

    pub(super) fn add(&mut self, s: Tensor<1>, y: Tensor<1>) -> bool {
        let pair = Tensor::stack::<2>(vec![s.clone(), y.clone()], 0);
        let with_rows = matmul(self.rows.clone(), pair.clone().transpose());
        let own = [dot(&s, &s), dot(&s, &y), dot(&y, &y)];
        // All with one read.
        let numbers = read_all([with_rows.flatten(0, 1)].into_iter().chain(own).collect());
        let ([ss, sy, yy], others) = match numbers.split_last_chunk() {
            Some((others, own)) => (*own, others),
            None => unreachable!("three of the numbers are the pair's own"),
        };
        if !curves(sy, yy, ss, epsilon(&s)) {
            return false;
        }
        let place = if self.order.len() < self.size { self.order.len() } else { self.order.remove(0) };
        self.order.push(place);
        let (of_s, of_y) = (place, self.size + place);
        let both = 2 * self.size;
        for i in 0..both {
            for (j, product) in [(of_s, others[2 * i]), (of_y, others[2 * i + 1])] {
                self.products[i * both + j] = product;
                self.products[j * both + i] = product;
            }
        }
        for (i, j, product) in [(of_s, of_s, ss), (of_s, of_y, sy), (of_y, of_s, sy), (of_y, of_y, yy)] {
            self.products[i * both + j] = product;
        }
        // Taken out, so that it is not shared and is written in place.
        let rows = std::mem::replace(&mut self.rows, Tensor::zeros([1, 1], &s.device()));
        let row = |i: usize| pair.clone().narrow(0, i, 1);
        let n = s.dims()[0];
        self.rows = rows.slice_assign([of_s..of_s + 1, 0..n], row(0)).slice_assign([of_y..of_y + 1, 0..n], row(1));
        self.scale = sy / yy;
        true
    }

    /// B·v, by the two-loop recursion.
    pub(super) fn times(&self, v: &Tensor<1>) -> Tensor<1> {
        let n = v.dims()[0];
        let with_v = read_all(vec![matmul(self.rows.clone(), v.clone().reshape([n, 1])).flatten(0, 1)]);
        let factors = self.factors(&with_v);
        let factors = Tensor::<2>::from_data(TensorData::new(factors, [1, 2 * self.size]), (&v.device(), v.dtype()));
        v.clone() * self.scale + matmul(factors, self.rows.clone()).flatten(0, 1)
    }

    /// The factors of the rows in B·v, which is that sum and `scale`·v.
    fn factors(&self, with_v: &[f64]) -> Vec<f64> {
        let mut factors = vec![0.0; 2 * self.size];
        // The products of a row with v·`scale` and the rows that are in the sum.
        let with_sum = |row: usize, scale: f64, factors: &[f64]| {
            let others = factors.iter().enumerate().filter(|(_, factor)| **factor != 0.0);
            scale * with_v[row] + others.map(|(other, factor)| factor * self.product(row, other)).sum::<f64>()
        };
        let mut alphas = vec![0.0; self.size];
        for &i in self.order.iter().rev() {
            let y = self.size + i;
            alphas[i] = with_sum(i, 1.0, &factors) / self.product(i, y);
            factors[y] = -alphas[i];
        }
        factors.iter_mut().for_each(|factor| *factor *= self.scale);
        for &i in &self.order {
            let y = self.size + i;
            let beta = with_sum(y, self.scale, &factors) / self.product(i, y);
            factors[i] = alphas[i] - beta;
        }
        factors
    }
}
