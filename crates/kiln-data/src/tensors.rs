//! Datasets of tensors and of real-valued targets.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{DataError, Dataset, examples::check_finite};

/// A tensor of any rank whose first axis runs over the examples.
///
/// It is implemented for float and integer tensors.
pub trait Rows: Clone + Send + Sync {
    /// Returns the length of the first axis.
    fn rows(&self) -> usize;

    /// Returns the given rows, in the given order, on `device`.
    ///
    /// # Panics
    ///
    /// If a row is not below [`rows`](Self::rows).
    fn select_rows(&self, rows: &[usize], device: &Device) -> Self;
}

macro_rules! rows {
    ($tensor:ty) => {
        impl<const D: usize> Rows for $tensor {
            fn rows(&self) -> usize {
                self.dims()[0]
            }

            fn select_rows(&self, rows: &[usize], device: &Device) -> Self {
                let n = self.rows();
                let all = rows.len() == n && rows.iter().enumerate().all(|(i, &row)| i == row);
                let selected = if all {
                    self.clone()
                } else {
                    assert!(rows.iter().all(|row| *row < n), "every row must be below {n}");
                    let indices: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
                    let indices = Tensor::from_data(TensorData::new(indices, [rows.len()]), &self.device());
                    self.clone().select(0, indices)
                };
                let moved = selected.to_device(device);
                if device.is_autodiff() { moved.autodiff() } else { moved.without_autodiff() }
            }
        }
    };
}

rows!(Tensor<D>);
rows!(Tensor<D, Int>);

/// A dataset of tensors: inputs of any rank, and targets that are classes or real numbers.
///
/// The first axis of both runs over the examples. The tensors stay on their device; minibatches are moved to the device of
/// the model. The targets have the shape of what the model's output draws: `[n, 1]` class indices (`Tensor<2, Int>`) for a
/// `Categorical`, and real numbers `[n, k]` for a `Normal`.
///
/// # Example
///
/// ```
/// use burn::tensor::{Device, Int, Tensor};
/// use kiln_data::{Dataset, TensorDataset};
///
/// let device = Device::default();
/// let images = Tensor::<4>::zeros([5, 1, 8, 8], &device);
/// let classes = Tensor::<2, Int>::from_data([[0], [1], [2], [1], [0]], &device);
/// let data = TensorDataset::new(images, classes)?;
/// let (inputs, targets) = data.batch(&[4, 2], &device);
/// assert_eq!((inputs.dims(), targets.dims()), ([2, 1, 8, 8], [2, 1]));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorDataset<X, Y> {
    inputs: X,
    targets: Y,
}

impl<X: Rows, Y: Rows> TensorDataset<X, Y> {
    /// A dataset of `inputs` with their `targets`.
    ///
    /// # Errors
    ///
    /// [`DataError::Length`] if the first axes have different lengths.
    pub fn new(inputs: X, targets: Y) -> Result<Self, DataError> {
        let (expected, found) = (inputs.rows(), targets.rows());
        if expected == found {
            Ok(Self { inputs, targets })
        } else {
            Err(DataError::Length { what: "targets", expected, found })
        }
    }

    /// Returns all inputs.
    pub fn inputs(&self) -> &X {
        &self.inputs
    }

    /// Returns all targets.
    pub fn targets(&self) -> &Y {
        &self.targets
    }
}

impl<X: Rows, Y: Rows> Dataset for TensorDataset<X, Y> {
    type Batch = (X, Y);

    fn len(&self) -> usize {
        self.inputs.rows()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> (X, Y) {
        (self.inputs.select_rows(rows, device), self.targets.select_rows(rows, device))
    }
}

/// Rows of real-valued features, each with one or more real-valued targets.
///
/// Minibatches are pairs of tensors `[n, features]` and `[n, outputs]`, for a model whose output is, for example, a `Normal`.
///
/// # Example
///
/// ```
/// use burn::tensor::Device;
/// use kiln_data::{Dataset, RegressionExamples};
///
/// // y = 2a − b, from three rows of two features.
/// let data = RegressionExamples::new(vec![1.0, 0.0, 0.0, 1.0, 2.0, 2.0], 2, vec![2.0, -1.0, 2.0])?;
/// let (inputs, targets) = data.batch(&[2, 0], &Device::default());
/// assert_eq!((inputs.dims(), targets.dims()), ([2, 2], [2, 1]));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RegressionExamples {
    inputs: Vec<f64>,
    targets: Vec<f64>,
    features: usize,
    outputs: usize,
}

impl RegressionExamples {
    /// Examples with `features` (at least 1) features.
    ///
    /// `inputs` has shape `[n, features]` and `targets` has shape `[n, k]` for some k ≥ 1, both in row-major order. All
    /// numbers must be finite.
    ///
    /// # Errors
    ///
    /// [`DataError::NoFeatures`], [`DataError::Length`] if the inputs or targets are not a whole number of rows, and
    /// [`DataError::NonFinite`].
    pub fn new(inputs: Vec<f64>, features: usize, targets: Vec<f64>) -> Result<Self, DataError> {
        if features == 0 {
            return Err(DataError::NoFeatures { file: "the set of examples".into() });
        }
        let n = inputs.len() / features;
        if inputs.len() != n * features {
            return Err(DataError::Length { what: "inputs", expected: n * features, found: inputs.len() });
        }
        let outputs = targets.len().checked_div(n).unwrap_or(1);
        if outputs == 0 || targets.len() != n * outputs {
            return Err(DataError::Length { what: "targets", expected: n * outputs.max(1), found: targets.len() });
        }
        let names = |prefix: &str, count: usize| (0..count).map(|i| format!("{prefix}{i}")).collect::<Vec<_>>();
        check_finite(&inputs, &names("x", features))?;
        check_finite(&targets, &names("y", outputs))?;
        Ok(Self { inputs, targets, features, outputs })
    }

    /// Returns all inputs in row-major order.
    pub fn inputs(&self) -> &[f64] {
        &self.inputs
    }

    /// Returns all targets in row-major order.
    pub fn targets(&self) -> &[f64] {
        &self.targets
    }

    /// Returns the number of features.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Returns the number of targets per row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }
}

impl Dataset for RegressionExamples {
    type Batch = (Tensor<2>, Tensor<2>);

    fn len(&self) -> usize {
        self.inputs.len() / self.features
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Self::Batch {
        let gather = |values: &[f64], width: usize| {
            let chosen: Vec<f64> = rows.iter().flat_map(|row| &values[row * width..][..width]).copied().collect();
            Tensor::from_data(TensorData::new(chosen, [rows.len(), width]), device)
        };
        (gather(&self.inputs, self.features), gather(&self.targets, self.outputs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_of_any_rank_make_batches_on_the_device_asked_for() {
        let device = Device::flex();
        let inputs = Tensor::<3>::from_data([[[0.0], [1.0]], [[2.0], [3.0]], [[4.0], [5.0]]], &device);
        let targets = Tensor::<1, Int>::from_data([7, 8, 9], &device);
        let data = TensorDataset::new(inputs.clone(), targets).unwrap();
        let (x, y) = data.batch(&[2, 0], &device);
        assert_eq!(x.into_data().convert::<f64>().try_to_vec::<f64>().unwrap(), [4.0, 5.0, 0.0, 1.0]);
        assert_eq!(y.into_data().convert::<i64>().try_to_vec::<i64>().unwrap(), [9, 7]);
        let (x, y) = data.batch(&[0, 1, 2], &device.clone().autodiff());
        assert!(x.device().is_autodiff() && x.dims() == [3, 2, 1] && y.dims() == [3]);
        let wrong = TensorDataset::new(inputs, Tensor::<2>::zeros([2, 1], &device));
        assert!(matches!(wrong, Err(DataError::Length { expected: 3, found: 2, .. })));
    }

    #[test]
    fn real_targets_are_checked() {
        let make = |inputs: &[f64], features, targets: &[f64]| {
            RegressionExamples::new(inputs.to_vec(), features, targets.to_vec())
        };
        assert_eq!(make(&[1.0; 6], 2, &[0.0; 6]).unwrap().outputs(), 2);
        assert!(matches!(make(&[1.0; 5], 2, &[0.0; 2]), Err(DataError::Length { what: "inputs", .. })));
        assert!(matches!(make(&[1.0; 6], 2, &[0.0; 4]), Err(DataError::Length { what: "targets", .. })));
        assert!(matches!(make(&[1.0; 6], 2, &[]), Err(DataError::Length { expected: 3, found: 0, .. })));
        assert!(matches!(make(&[], 0, &[]), Err(DataError::NoFeatures { .. })));
        let refused = make(&[1.0; 2], 1, &[0.0, f64::INFINITY]);
        assert!(matches!(refused, Err(DataError::NonFinite { row: 1, feature }) if feature == "y0"));
    }
}
