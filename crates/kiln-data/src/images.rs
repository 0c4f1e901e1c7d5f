//! Grey images kept as bytes.

use crate::{DataError, Dataset, Supervised};
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use rayon::prelude::*;

/// Grey images of one size with their labels, one byte a pixel.
///
/// As a [`Dataset`] the images are unlabelled: a batch is the tensor of [`pixels`](Self::pixels).
/// [`Labelled`] makes supervised batches of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    height: usize,
    width: usize,
    max: u8,
    classes: usize,
}

/// Images whose batches carry the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labelled(pub Images);

impl Images {
    /// Images of `height` × `width` pixels in `0..=max`, image after image and row after row, and one label each.
    ///
    /// There are as many classes as the largest label says, counted from 0 (none without labels);
    /// [`with_classes`](Self::with_classes) declares more.
    ///
    /// # Errors
    ///
    /// [`DataError::ImageShape`] when a size or `max` is 0, [`DataError::Length`] when the pixels are not as many as
    /// the labels need, [`DataError::PixelRange`] when a pixel is above `max`.
    pub fn new(pixels: Vec<u8>, labels: Vec<u8>, height: usize, width: usize, max: u8) -> Result<Self, DataError> {
        let dims = height.checked_mul(width).filter(|dims| *dims > 0 && max > 0);
        let dims = dims.ok_or(DataError::ImageShape { height, width, max })?;
        let expected = dims.saturating_mul(labels.len());
        if pixels.len() != expected {
            return Err(DataError::Length { what: "pixels", expected, found: pixels.len() });
        }
        if max < u8::MAX
            && let Some(index) = pixels.iter().position(|pixel| *pixel > max)
        {
            return Err(DataError::PixelRange { index, value: pixels[index], max });
        }
        let classes = labels.iter().max().map_or(0, |largest| usize::from(*largest) + 1);
        Ok(Self { pixels, labels, height, width, max, classes })
    }

    /// Declares the number of classes, for images that happen to lack the last ones.
    ///
    /// # Errors
    ///
    /// [`DataError::TargetRange`] when a label is not below `classes`.
    pub fn with_classes(mut self, classes: usize) -> Result<Self, DataError> {
        match self.labels.iter().position(|label| usize::from(*label) >= classes) {
            Some(row) => Err(DataError::TargetRange { row, target: usize::from(self.labels[row]), classes }),
            None => {
                self.classes = classes;
                Ok(self)
            }
        }
    }

    /// Pixels down.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Pixels across.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels of one image: height × width.
    pub fn dims(&self) -> usize {
        self.height * self.width
    }

    /// The byte that stands for 1.0.
    pub fn max(&self) -> u8 {
        self.max
    }

    /// The label of every image.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The number of classes; every label is below it.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// All pixels, image after image and row after row.
    pub fn bytes(&self) -> &[u8] {
        &self.pixels
    }

    /// The labels as class indices.
    pub fn targets(&self) -> Vec<usize> {
        self.labels.iter().map(|label| usize::from(*label)).collect()
    }

    /// The given rows, in the given order, with the same classes.
    ///
    /// # Panics
    ///
    /// When a row is not below [`len`](Dataset::len).
    pub fn subset(&self, rows: &[usize]) -> Self {
        let labels = rows.iter().map(|row| self.labels[*row]).collect();
        Self { pixels: self.gather(rows, |pixel| pixel), labels, ..*self }
    }

    /// The given rows as `[n, dims]` on `device`, scaled to [0, 1].
    ///
    /// On a device of 64-bit floats the values are the quotients `pixel / max` rounded once; on the others they pass
    /// through `f32`.
    ///
    /// # Panics
    ///
    /// When a row is not below [`len`](Dataset::len).
    pub fn pixels(&self, rows: &[usize], device: &Device) -> Tensor<2> {
        let shape = [rows.len(), self.dims()];
        // A table of the 256 quotients: no division, and no pass through f64 on devices that hold f32.
        let exact: [f64; 256] = std::array::from_fn(|byte| byte as f64 / f64::from(self.max));
        let data = if device.settings().float_dtype == FloatDType::F64 {
            TensorData::new(self.gather(rows, |pixel| exact[usize::from(pixel)]), shape)
        } else {
            let single = exact.map(|value| value as f32);
            TensorData::new(self.gather(rows, |pixel| single[usize::from(pixel)]), shape)
        };
        Tensor::from_data(data, device)
    }

    /// The mean of each pixel over all images, in [0, 1], row after row; zeros when there are no images.
    pub fn mean(&self) -> Vec<f64> {
        let mut sums = vec![0u64; self.dims()];
        for image in self.pixels.chunks_exact(self.dims()) {
            sums.iter_mut().zip(image).for_each(|(sum, pixel)| *sum += u64::from(*pixel));
        }
        let scale = f64::from(self.max) * (self.labels.len().max(1)) as f64;
        sums.into_iter().map(|sum| sum as f64 / scale).collect()
    }

    fn gather<T: Clone + Default + Send>(&self, rows: &[usize], value: impl Fn(u8) -> T + Sync) -> Vec<T> {
        gather(rows, self.dims(), |row, values| {
            let pixels = &self.pixels[row * self.dims()..][..self.dims()];
            values.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = value(*pixel));
        })
    }
}

/// `width` values for each of `rows`, written by `write` row by row, on as many threads as that is worth.
pub(crate) fn gather<T: Clone + Default + Send>(
    rows: &[usize],
    width: usize,
    write: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    /// Values that take about as long as another thread takes to begin.
    const GRAIN: usize = 1 << 14;
    let mut values = vec![T::default(); rows.len() * width];
    let lines = values.par_chunks_mut(width).zip(rows).with_min_len(GRAIN.div_ceil(width));
    lines.for_each(|(values, row)| write(*row, values));
    values
}

impl Dataset for Images {
    type Batch = Tensor<2>;

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Tensor<2> {
        self.pixels(rows, device)
    }
}

impl Dataset for Labelled {
    type Batch = Supervised;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Supervised {
        let targets: Vec<i64> = rows.iter().map(|row| i64::from(self.0.labels[*row])).collect();
        let targets = TensorData::new(targets, [rows.len(), 1]);
        Supervised { inputs: self.0.pixels(rows, device), targets: Tensor::from_data(targets, device) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Images {
        Images::new(vec![0, 4, 8, 16, 1, 2, 3, 5, 16, 16, 0, 0], vec![2, 0, 1], 2, 2, 16).unwrap()
    }

    #[test]
    fn pixels_are_scaled_and_rows_keep_their_order() {
        let tensor = three().batch(&[2, 0], &Device::flex());
        assert_eq!(tensor.dims(), [2, 4]);
        let values = tensor.into_data().try_to_vec::<f32>().unwrap();
        assert_eq!(values, [1.0, 1.0, 0.0, 0.0, 0.0, 0.25, 0.5, 1.0]);
    }

    #[test]
    fn labelled_batches_carry_the_classes() {
        let batch = Labelled(three()).batch(&[0, 2], &Device::flex());
        assert_eq!(batch.inputs.dims(), [2, 4]);
        assert_eq!(batch.targets.dims(), [2, 1]);
        assert_eq!(batch.targets.into_data().convert::<i64>().try_to_vec::<i64>().unwrap(), [2, 1]);
    }

    #[test]
    fn a_subset_keeps_sizes_and_classes() {
        let subset = three().subset(&[1]);
        assert_eq!((subset.len(), subset.height(), subset.width(), subset.dims()), (1, 2, 2, 4));
        assert_eq!((subset.bytes(), subset.labels(), subset.classes()), (&[1, 2, 3, 5][..], &[0][..], 3));
        assert!(three().subset(&[]).is_empty());
    }

    #[test]
    fn wrong_parts_are_refused() {
        assert!(matches!(
            Images::new(vec![0; 7], vec![0, 1], 2, 2, 16),
            Err(DataError::Length { expected: 8, found: 7, .. })
        ));
        assert!(matches!(
            Images::new(vec![0, 17, 0, 0], vec![0], 2, 2, 16),
            Err(DataError::PixelRange { index: 1, value: 17, max: 16 })
        ));
        assert!(matches!(Images::new(vec![], vec![], 0, 2, 16), Err(DataError::ImageShape { .. })));
        assert!(matches!(Images::new(vec![0], vec![0], 1, 1, 0), Err(DataError::ImageShape { .. })));
        assert!(matches!(Images::new(vec![0], vec![0], usize::MAX, 2, 1), Err(DataError::ImageShape { .. })));
    }

    #[test]
    fn classes_can_only_grow() {
        assert_eq!(three().with_classes(10).unwrap().classes(), 10);
        let refused = three().with_classes(2);
        assert!(matches!(refused, Err(DataError::TargetRange { row: 0, target: 2, classes: 2 })));
    }
}
