//! Images with their labels.

use burn::tensor::Device;

use crate::{
    DataError, Dataset, Images, Supervised,
    resident_images::{ResidentImages, ResidentLabelled, classes_of},
};

/// Images whose batches contain the labels.
///
/// # Example
///
/// ```
/// use burn::tensor::Device;
/// use kiln_data::{Dataset, Labelled, digits};
///
/// let data = Labelled::new(digits())?;
/// let batch = data.batch(&[0, 1, 2], &Device::default());
/// assert_eq!((batch.inputs.dims(), batch.targets.dims()), ([3, 64], [3, 1]));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled(Images);

impl Labelled {
    /// The images with their labels.
    ///
    /// # Errors
    ///
    /// [`DataError::NoLabels`] if the images have no labels.
    pub fn new(images: Images) -> Result<Self, DataError> {
        if images.has_labels() { Ok(Self(images)) } else { Err(DataError::NoLabels) }
    }

    /// Returns the images.
    pub fn images(&self) -> &Images {
        &self.0
    }
}

impl Dataset for Labelled {
    type Batch = Supervised;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Supervised {
        Supervised { inputs: self.0.pixels(rows, device), targets: classes_of(self.0.labels(), rows, device) }
    }

    fn resident<'d>(&'d self, device: &Device) -> Option<Box<dyn Dataset<Batch = Supervised> + 'd>> {
        let images = ResidentImages::new(&self.0.bytes(), self.0.dims(), self.0.max(), device)?;
        Some(Box::new(ResidentLabelled::new(images, self.0.labels(), device)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Images {
        Images::new(vec![0, 4, 8, 16, 1, 2, 3, 5, 16, 16, 0, 0], vec![2, 0, 1], 2, 2, 16).unwrap()
    }

    #[test]
    fn labelled_batches_carry_the_classes() {
        let batch = Labelled::new(three()).unwrap().batch(&[0, 2], &Device::flex());
        assert_eq!(batch.inputs.dims(), [2, 4]);
        assert_eq!(batch.targets.dims(), [2, 1]);
        assert_eq!(batch.targets.into_data().convert::<i64>().try_to_vec::<i64>().unwrap(), [2, 1]);
    }
}
