//! Products, running products and extremes, the largest entries, and updates at places.

use burn::{
    backend::{
        Dispatch,
        ops::{BoolTensorOps, FloatTensorOps, IntTensorOps},
        tensor::IndexingUpdateOp,
    },
    tensor::{Shape, Slice},
};

use super::{
    super::num::{Num, Raw},
    Dual, sum,
};

impl Dual {
    /// The entries `from..to` along `dim`.
    fn part(&self, dim: usize, from: usize, to: usize) -> Self {
        let end = |n: usize| isize::try_from(n).expect("a size of a tensor");
        let ranges: Vec<Slice> = (0..self.x.shape().num_dims())
            .map(|d| if d == dim { Slice::new(end(from), Some(end(to)), 1) } else { Slice::new(0, None, 1) })
            .collect();
        self.clone().linear(|x| Dispatch::float_slice(x, &ranges))
    }

    /// The product along `dim`, whose size becomes 1. Halves are multiplied with each other, so that no entry is divided by: one may be 0.
    pub(in super::super) fn product(self, dim: usize) -> Self {
        let mut y = self;
        loop {
            let n = y.x.shape()[dim];
            if n == 0 {
                let mut shape = y.x.shape();
                shape[dim] = 1;
                return Self::constant(Num(Dispatch::float_ones(shape, &y.x.device(), y.x.dtype().into())));
            }
            if n == 1 {
                return y;
            }
            let half = n / 2;
            let products = y.part(dim, 0, half).mul(y.part(dim, half, 2 * half));
            y = if n.is_multiple_of(2) { products } else { Self::cat(vec![products, y.part(dim, n - 1, n)], dim) };
        }
    }

    /// The products of the entries up to each one along `dim`: each entry takes in those at the distances 1, 2, 4, … before it.
    pub(in super::super) fn running_product(self, dim: usize) -> Self {
        let (mut y, mut distance) = (self, 1);
        let n = y.x.shape()[dim];
        while distance < n {
            let mut shape = y.x.shape();
            shape[dim] = distance;
            let ones = Self::constant(Num(Dispatch::float_ones(shape, &y.x.device(), y.x.dtype().into())));
            let before = Self::cat(vec![ones, y.part(dim, 0, n - distance)], dim);
            y = y.mul(before);
            distance *= 2;
        }
        y
    }

    /// The largest or smallest of the entries up to each one along `dim`; the last of equal ones.
    pub(in super::super) fn running_extreme(self, dim: usize, largest: bool) -> Self {
        let (shape, ints, device) = (self.x.shape(), self.x.ints(), self.x.device());
        let y = self.x.map(|x| if largest { Dispatch::float_cummax(x, dim) } else { Dispatch::float_cummin(x, dim) });
        let is_new = y.equal(&self.x);
        let mut along = vec![1; shape.num_dims()];
        along[dim] = shape[dim];
        let places = Dispatch::int_arange(0..i64::try_from(shape[dim]).expect("a size of a tensor"), &device, ints);
        let places = Dispatch::int_expand(Dispatch::int_reshape(places, Shape::from(along)), shape.clone());
        // The place of an entry that is not new is that of the last new one before it.
        let zeros = Dispatch::int_zeros(shape, &device, ints);
        let places = Dispatch::int_cummax(Dispatch::int_mask_where(zeros, is_new, places), dim);
        self.gather(dim, &places)
    }

    /// The `k` largest entries along `dim`, with their places.
    pub(in super::super) fn top(self, dim: usize, k: usize) -> (Self, Raw) {
        let places = Dispatch::float_argtopk(self.x.0.clone(), dim, k, self.x.ints());
        (self.gather(dim, &places), places)
    }

    /// x − ⌊x/y⌋·y.
    pub(in super::super) fn remainder(self, other: Self) -> Self {
        let value = self.x.zip(&other.x, Dispatch::float_remainder);
        let whole = Self::constant((&self.x / &other.x).map(Dispatch::float_floor));
        Self { dx: self.sub(whole.mul(other)).dx, x: value }
    }

    /// x with `values` put in at places, which the functions `scatter` and `gather` know.
    pub(in super::super) fn updated(
        self,
        values: Self,
        update: IndexingUpdateOp,
        scatter: impl Fn(Raw, Raw, IndexingUpdateOp) -> Raw,
        gather: impl Fn(Raw) -> Raw,
    ) -> Self {
        use IndexingUpdateOp::{Add, Assign, Max, Min, Mul};
        let zeros = self.x.zeros_like();
        let added = |base: Num, values: &Num| base.zip(values, |x, v| scatter(x, v, Add));
        match update {
            Add | Assign => Self::jointly([self, values], |[x, v]| scatter(x, v, update)),
            // A value of 0 has no derivative here: the product of the others is not known.
            Mul => {
                let y = self.x.zip(&values.x, |x, v| scatter(x, v, Mul));
                let factor = zeros.plus(1.0).zip(&values.x, |x, v| scatter(x, v, Mul));
                let left = self.dx.map(|dx| &dx * &factor);
                let right = values.dx.map(|dv| &added(zeros, &(&dv / &values.x)) * &y);
                Self { x: y, dx: sum(left, right) }
            }
            Min | Max => {
                let y = self.x.zip(&values.x, |x, v| scatter(x, v, update));
                // The derivative is that of the entry that was taken; of x if it is equal to a value.
                let is_kept = y.equal(&self.x);
                let left = self.dx.map(|dx| dx.masked(Dispatch::bool_not(is_kept.clone())));
                let right = values.dx.map(|dv| {
                    let taken = Num(gather(y.0.clone())).equal(&values.x);
                    added(zeros, &dv.masked(Dispatch::bool_not(taken))).masked(is_kept)
                });
                Self { x: y, dx: sum(left, right) }
            }
        }
    }
}
