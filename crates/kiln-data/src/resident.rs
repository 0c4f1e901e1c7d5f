//! Examples that stay on the device.

use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::{Dataset, Examples, Supervised};

/// [`Examples`] that are copied to a device once.
///
/// A full batch costs nothing, and a minibatch is a selection of rows on the device.
///
/// # Example
///
/// ```
/// use burn::tensor::Device;
/// use kiln_data::{Dataset, Examples, Resident, digits};
///
/// let device = Device::default();
/// let data = Resident::new(&Examples::try_from(&digits())?, &device);
/// assert_eq!(data.batch(&[5, 7], &device).inputs.dims(), [2, 64]);
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Resident {
    inputs: Tensor<2>,
    targets: Tensor<2, Int>,
    len: usize,
}

impl Resident {
    /// Copies `examples` to `device`, in its float type.
    pub fn new(examples: &Examples, device: &Device) -> Self {
        let rows: Vec<usize> = (0..examples.len()).collect();
        let Supervised { inputs, targets } = examples.batch(&rows, device);
        Self { inputs, targets, len: rows.len() }
    }
}

impl Dataset for Resident {
    type Batch = Supervised;

    fn len(&self) -> usize {
        self.len
    }

    /// Returns the rows on the device of the examples, whatever `_device` is.
    fn batch(&self, rows: &[usize], _device: &Device) -> Supervised {
        if rows.len() == self.len && rows.iter().enumerate().all(|(i, &row)| i == row) {
            return Supervised { inputs: self.inputs.clone(), targets: self.targets.clone() };
        }
        let indices: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        let indices = Tensor::from_data(TensorData::new(indices, [rows.len()]), &self.inputs.device());
        Supervised {
            inputs: self.inputs.clone().select(0, indices.clone()),
            targets: self.targets.clone().select(0, indices),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_those_of_the_examples() {
        let device = Device::default();
        let examples = Examples::try_from(&crate::digits().subset(&[0, 1, 2, 3])).unwrap();
        let resident = Resident::new(&examples, &device);
        for rows in [vec![0, 1, 2, 3], vec![2, 0], vec![3, 2, 1, 0]] {
            let (a, b) = (resident.batch(&rows, &device), examples.batch(&rows, &device));
            assert_eq!(a.inputs.into_data(), b.inputs.into_data());
            assert_eq!(a.targets.into_data(), b.targets.into_data());
        }
    }
}
