//! Datasets: where minibatches come from, and the order of the rows.

use crate::DataError;
use burn::tensor::{Device, Int, Tensor};
use kiln_tensor::Stream;

/// A set of examples, of which minibatches are made on a device.
///
/// # Example
///
/// A dataset of your own:
///
/// ```
/// use burn::tensor::{Device, Tensor, TensorData};
/// use kiln_data::Dataset;
///
/// /// The points of a sine curve.
/// struct Sine(usize);
///
/// impl Dataset for Sine {
///     type Batch = (Tensor<2>, Tensor<2>);
///
///     fn len(&self) -> usize {
///         self.0
///     }
///
///     fn batch(&self, rows: &[usize], device: &Device) -> Self::Batch {
///         let x: Vec<f64> = rows.iter().map(|row| *row as f64 / 10.0).collect();
///         let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
///         let column = |values: Vec<f64>| Tensor::from_data(TensorData::new(values, [rows.len(), 1]), device);
///         (column(x), column(y))
///     }
/// }
///
/// let (x, _) = Sine(100).batch(&[3, 0], &Device::default());
/// assert_eq!(x.dims(), [2, 1]);
/// ```
pub trait Dataset: Sync {
    /// One minibatch: tensors whose first axis runs over the rows.
    type Batch;

    /// Returns the number of rows.
    fn len(&self) -> usize;

    /// Returns whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the given rows, in the given order, on `device` and in its float type.
    ///
    /// # Panics
    ///
    /// If a row is not below [`len`](Self::len).
    fn batch(&self, rows: &[usize], device: &Device) -> Self::Batch;

    /// Returns the given rows as they are in epoch `epoch`, counted from 0.
    ///
    /// The default is [`batch`](Self::batch). A dataset with random augmentation returns other values in each epoch.
    fn batch_in_epoch(&self, rows: &[usize], _epoch: u64, device: &Device) -> Self::Batch {
        self.batch(rows, device)
    }

    /// Returns a view of this dataset whose data stay on `device`, with the same batches, or none if it has no such view.
    ///
    /// The default is none. The trainer asks for it once, so that minibatches need no copies from the host.
    fn resident<'d>(&'d self, _device: &Device) -> Option<Box<dyn Dataset<Batch = Self::Batch> + 'd>> {
        None
    }
}

/// A minibatch of inputs with classes.
#[derive(Clone, Debug)]
pub struct Supervised {
    /// The features, shape `[n, d]`.
    pub inputs: Tensor<2>,
    /// The class indices, counted from 0, shape `[n, 1]`.
    pub targets: Tensor<2, Int>,
}

/// Inputs and class indices, for a model with a categorical output.
impl From<Supervised> for (Tensor<2>, Tensor<2, Int>) {
    fn from(batch: Supervised) -> Self {
        (batch.inputs, batch.targets)
    }
}

/// Inputs and the numbers 0 or 1, for a model with a Bernoulli output.
impl From<Supervised> for (Tensor<2>, Tensor<2>) {
    fn from(batch: Supervised) -> Self {
        let dtype = batch.inputs.dtype();
        (batch.inputs, batch.targets.float().cast(dtype))
    }
}

/// The order of the rows in an epoch.
///
/// # Example
/// ```
/// use kiln_data::Order;
///
/// assert_eq!(Order::Sequential.rows(3), [0, 1, 2]);
/// let mut rows = Order::Shuffled { seed: 0, epoch: 4 }.rows(100);
/// assert_ne!(rows, Order::Shuffled { seed: 0, epoch: 5 }.rows(100));
/// rows.sort();
/// assert_eq!(rows, Order::Sequential.rows(100));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// In the order of the dataset.
    Sequential,
    /// In a random order that depends on the seed and the epoch.
    Shuffled {
        /// The seed of the run.
        seed: u64,
        /// The epoch, counted from 0.
        epoch: u64,
    },
}

impl Order {
    /// Returns the rows `0..n` in this order.
    ///
    /// A random order comes from the `"shuffle"` stream of `(seed, epoch)`, so a resumed run sees the same order.
    pub fn rows(self, n: usize) -> Vec<usize> {
        match self {
            Self::Sequential => (0..n).collect(),
            Self::Shuffled { seed, epoch } => Stream::new(seed, "shuffle", epoch, 0).permutation(n),
        }
    }
}

/// An iterator over the minibatches of one epoch, each a list of rows. [`minibatches`] makes it.
#[derive(Clone, Debug)]
pub struct Minibatches {
    order: Vec<usize>,
    batch_size: usize,
    next: usize,
}

/// Divides the rows `0..n` into minibatches of `batch_size` rows (at least 1). The last one may be smaller.
///
/// Each row is in exactly one minibatch.
///
/// # Errors
///
/// [`DataError::BatchSize`] if `batch_size` is 0.
///
/// # Example
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
