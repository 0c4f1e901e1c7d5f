//! What a training loop needs of a dataset, and the order in which it visits the rows.

use crate::DataError;
use burn::tensor::{Device, Int, Tensor};
use kiln_tensor::Stream;

/// A set of examples on the host, out of which minibatches are made on a device.
pub trait Dataset: Sync {
    /// What one minibatch is: tensors on a device, their first axis over the rows asked for.
    type Batch;

    /// The number of rows.
    fn len(&self) -> usize;

    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The given rows, in the given order, on `device` and in its float type.
    ///
    /// # Panics
    ///
    /// When a row is not below [`len`](Self::len).
    fn batch(&self, rows: &[usize], device: &Device) -> Self::Batch;

    /// The given rows as the epoch of that number (from 0) sees them.
    ///
    /// The same as [`batch`](Self::batch), unless the dataset changes its rows at random from epoch to epoch.
    fn batch_in_epoch(&self, rows: &[usize], _epoch: u64, device: &Device) -> Self::Batch {
        self.batch(rows, device)
    }
}

/// A minibatch of inputs with their classes.
#[derive(Clone, Debug)]
pub struct Supervised {
    /// `[n, d]`: one row of features an example.
    pub inputs: Tensor<2>,
    /// `[n, 1]`: class indices, counted from 0.
    pub targets: Tensor<2, Int>,
}

/// Inputs and class indices: what a model with a categorical output is trained on.
impl From<Supervised> for (Tensor<2>, Tensor<2, Int>) {
    fn from(batch: Supervised) -> Self {
        (batch.inputs, batch.targets)
    }
}

/// Inputs and 0 or 1: what a model with a Bernoulli output is trained on.
impl From<Supervised> for (Tensor<2>, Tensor<2>) {
    fn from(batch: Supervised) -> Self {
        let dtype = batch.inputs.dtype();
        (batch.inputs, batch.targets.float().cast(dtype))
    }
}

/// The order in which an epoch visits the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Row 0 first.
    Sequential,
    /// An order of its own for every epoch, fixed by the seed.
    Shuffled {
        /// The run's seed.
        seed: u64,
        /// The epoch, counted from 0.
        epoch: u64,
    },
}

impl Order {
    /// The rows `0..n` in this order. A shuffled one is the `"shuffle"` stream of `(seed, epoch)`, so that a resumed run
    /// sees the order it would have seen.
    pub fn rows(self, n: usize) -> Vec<usize> {
        match self {
            Self::Sequential => (0..n).collect(),
            Self::Shuffled { seed, epoch } => Stream::new(seed, "shuffle", epoch, 0).permutation(n),
        }
    }
}

/// The rows of the minibatches of one epoch, in order; see [`minibatches`].
#[derive(Clone, Debug)]
pub struct Minibatches {
    order: Vec<usize>,
    batch_size: usize,
    next: usize,
}

/// Divides the rows `0..n` into minibatches of `batch_size` ≥ 1 rows; the last one may be smaller.
///
/// Every row comes exactly once.
///
/// # Errors
///
/// [`DataError::BatchSize`] when `batch_size` is 0.
///
/// ```
/// use kiln_data::{Order, minibatches};
///
/// let batches: Vec<_> = minibatches(5, 2, Order::Sequential)?.collect();
/// assert_eq!(batches, [vec![0, 1], vec![2, 3], vec![4]]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
pub fn minibatches(n: usize, batch_size: usize, order: Order) -> Result<Minibatches, DataError> {
    if batch_size == 0 {
        return Err(DataError::BatchSize);
    }
    Ok(Minibatches { order: order.rows(n), batch_size, next: 0 })
}

impl Iterator for Minibatches {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let rest = &self.order[self.next..];
        let batch = rest[..rest.len().min(self.batch_size)].to_vec();
        self.next += batch.len();
        (!batch.is_empty()).then_some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.order.len() - self.next).div_ceil(self.batch_size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Minibatches {}

#[cfg(test)]
mod tests {
    use super::*;

    fn shuffled(seed: u64, epoch: u64) -> Vec<Vec<usize>> {
        minibatches(10, 4, Order::Shuffled { seed, epoch }).unwrap().collect()
    }

    #[test]
    fn a_shuffled_epoch_visits_every_row_once() {
        let batches = shuffled(1, 0);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
        let mut rows = batches.concat();
        assert_eq!(rows, Stream::new(1, "shuffle", 0, 0).permutation(10));
        rows.sort_unstable();
        assert_eq!(rows, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn seed_and_epoch_fix_the_order() {
        assert_eq!(shuffled(1, 3), shuffled(1, 3));
        assert_ne!(shuffled(1, 3), shuffled(1, 4));
        assert_ne!(shuffled(1, 3), shuffled(2, 3));
    }

    #[test]
    fn the_number_of_batches_is_known_beforehand() {
        let mut batches = minibatches(10, 4, Order::Sequential).unwrap();
        assert_eq!(batches.len(), 3);
        batches.next();
        assert_eq!(batches.len(), 2);
        assert_eq!(minibatches(8, 4, Order::Sequential).unwrap().count(), 2);
        assert_eq!(minibatches(0, 4, Order::Sequential).unwrap().count(), 0);
        assert_eq!(minibatches(3, usize::MAX, Order::Sequential).unwrap().count(), 1);
    }

    #[test]
    fn a_batch_of_no_rows_is_refused() {
        assert!(matches!(minibatches(10, 0, Order::Sequential), Err(DataError::BatchSize)));
    }
}
