//! Images, stored as bytes.

mod labelled;
mod pixel_sums;
mod rows;
mod shape;

use std::{borrow::Cow, fs::File, io, ops::Range, sync::Arc};

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use rayon::prelude::*;

use self::rows::ImageRows;
pub use self::{labelled::Labelled, pixel_sums::PixelSums, shape::ImageShape};
use crate::{DataError, Dataset, resident_images::ResidentImages};

/// Images of one size, one byte per pixel and channel, with or without labels.
///
/// The bytes are in memory, or in a file that the operating system reads as it is used ([`idx::read`](crate::idx::read)). The channels of a
/// pixel are next to each other. As a [`Dataset`] the images are unlabelled: a batch is the tensor of [`pixels`](Self::pixels).
/// [`Labelled`] makes batches with labels.
///
/// # Example
///
/// ```
/// use kiln_data::{Dataset, ImageShape, Images, Labelled};
///
/// // Two grey images of 2×2 pixels between 0 and 255.
/// let pixels = vec![0, 51, 102, 255, 255, 0, 0, 255];
/// let images = Images::unlabelled(pixels.clone(), 2, 2, 255)?;
/// assert_eq!((images.len(), images.dims(), images.has_labels()), (2, 4, false));
///
/// let images = Images::new(pixels, vec![7, 3], 2, 2, 255)?.with_classes(10)?;
/// assert_eq!(Labelled::new(images)?.images().labels(), [7, 3]);
///
/// // A red and a blue pixel.
/// let images = Images::of_shape(vec![255, 0, 0, 0, 0, 255], ImageShape::rgb(1, 1), 255)?;
/// assert_eq!((images.len(), images.image(1)), (2, &[0, 0, 255][..]));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    rows: ImageRows,
    /// Empty for images without labels.
    labels: Vec<u32>,
    shape: ImageShape,
    max: u8,
    classes: usize,
    /// Empty, or one for each class.
    class_names: Arc<[String]>,
    /// Empty, or the name of the file of each image.
    files: Vec<Arc<str>>,
}

impl Images {
    /// Grey images with labels.
    ///
    /// `pixels` has the images one after the other, each in row-major order, with values in `0..=max`. `labels` has one
    /// label per image. The number of classes is the largest label plus 1; [`with_classes`](Self::with_classes) sets a
    /// larger one.
    ///
    /// # Errors
    ///
    /// Those of [`unlabelled`](Self::unlabelled) and [`with_labels`](Self::with_labels).
    pub fn new(pixels: Vec<u8>, labels: Vec<u32>, height: usize, width: usize, max: u8) -> Result<Self, DataError> {
        let dims = checked_dims(ImageShape::grey(height, width), max)?;
        let expected = dims.saturating_mul(labels.len());
        if pixels.len() != expected {
            return Err(DataError::Length { what: "pixels", expected, found: pixels.len() });
        }
        Self::unlabelled(pixels, height, width, max)?.with_labels(labels)
    }

    /// Grey images without labels.
    ///
    /// `pixels` has the images one after the other, each in row-major order, with values in `0..=max`.
    ///
    /// # Errors
    ///
    /// Those of [`of_shape`](Self::of_shape).
    pub fn unlabelled(pixels: Vec<u8>, height: usize, width: usize, max: u8) -> Result<Self, DataError> {
        Self::of_shape(pixels, ImageShape::grey(height, width), max)
    }

    /// Images of any shape, without labels.
    ///
    /// `pixels` has the images one after the other, each in row-major order with the channels of a pixel next to each other. The
    /// values are in `0..=max`.
    ///
    /// # Errors
    ///
    /// [`DataError::ImageShape`] if a size or `max` is 0, [`DataError::Length`] if the pixels are not a whole number of
    /// images, and [`DataError::PixelRange`] if a pixel is above `max`.
    pub fn of_shape(pixels: Vec<u8>, shape: ImageShape, max: u8) -> Result<Self, DataError> {
        let dims = checked_dims(shape, max)?;
        if !pixels.len().is_multiple_of(dims) {
            let expected = pixels.len().next_multiple_of(dims);
            return Err(DataError::Length { what: "pixels of whole images", expected, found: pixels.len() });
        }
        check_range(&pixels, max)?;
        Ok(Self::of_rows(ImageRows::new(pixels, dims), shape, max))
    }

    /// Images from the byte `offset` of a file on, with pixels up to 255. The file must have all `count` of them.
    pub(crate) fn mapped(file: &File, offset: u64, count: usize, shape: ImageShape) -> io::Result<Self> {
        let dims = shape.dims();
        Ok(Self::of_rows(ImageRows::mapped(file, offset, count * dims, dims)?, shape, u8::MAX))
    }

    fn of_rows(rows: ImageRows, shape: ImageShape, max: u8) -> Self {
        Self { rows, labels: Vec::new(), shape, max, classes: 0, class_names: Arc::new([]), files: Vec::new() }
    }

    /// Adds a label for each image. The number of classes is the largest label plus 1.
    ///
    /// # Errors
    ///
    /// [`DataError::Length`] if there are not as many labels as images.
    pub fn with_labels(self, labels: Vec<u32>) -> Result<Self, DataError> {
        if labels.len() != self.len() {
            return Err(DataError::Length { what: "labels", expected: self.len(), found: labels.len() });
        }
        let classes = labels.iter().max().map_or(0, |largest| *largest as usize + 1);
        Ok(Self { labels, classes, ..self })
    }

    /// Adds the names of the classes, of which there are then as many.
    ///
    /// # Errors
    ///
    /// [`DataError::TargetRange`] if a label is not below the number of names.
    pub fn with_class_names(self, names: Vec<String>) -> Result<Self, DataError> {
        let images = self.with_classes(names.len())?;
        Ok(Self { class_names: names.into(), ..images })
    }

    /// Adds the name of the file that each image is from.
    ///
    /// # Errors
    ///
    /// [`DataError::Length`] if there are not as many names as images.
    pub fn with_files(self, files: &[String]) -> Result<Self, DataError> {
        if files.len() != self.len() {
            return Err(DataError::Length { what: "file names", expected: self.len(), found: files.len() });
        }
        Ok(Self { files: files.iter().map(|file| file.as_str().into()).collect(), ..self })
    }

    /// Sets the number of classes, for images that lack examples of the last ones.
    ///
    /// # Errors
    ///
    /// [`DataError::TargetRange`] if a label is not below `classes`.
    pub fn with_classes(mut self, classes: usize) -> Result<Self, DataError> {
        match self.labels.iter().position(|label| *label as usize >= classes) {
            Some(row) => Err(DataError::TargetRange { row, target: self.labels[row] as usize, classes }),
            None => {
                if classes != self.classes {
                    self.class_names = Arc::new([]);
                }
                self.classes = classes;
                Ok(self)
            }
        }
    }

    /// Returns height, width and channels.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// Returns the height in pixels.
    pub fn height(&self) -> usize {
        self.shape.height
    }

    /// Returns the width in pixels.
    pub fn width(&self) -> usize {
        self.shape.width
    }

    /// Returns the number of bytes of one image, height × width × channels.
    pub fn dims(&self) -> usize {
        self.shape.dims()
    }

    /// Returns the byte that stands for 1.0.
    pub fn max(&self) -> u8 {
        self.max
    }

    /// Returns whether the images have labels. An empty set of images counts as labelled.
    pub fn has_labels(&self) -> bool {
        self.labels.len() == self.rows.len()
    }

    /// Returns the label of every image; it is empty for images without labels.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Returns the number of classes; every label is below it. It is 0 without labels.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Returns the name of each class: the names that were given, or the numbers of the classes.
    pub fn class_names(&self) -> Vec<String> {
        if self.class_names.is_empty() {
            return (0..self.classes).map(|class| class.to_string()).collect();
        }
        self.class_names.to_vec()
    }

    /// Returns the name of the file of every image, relative to its folder; it is empty for images that are not from files of their own.
    pub fn files(&self) -> &[Arc<str>] {
        &self.files
    }

    /// Returns the pixels of one image, in row-major order with the channels of a pixel next to each other.
    ///
    /// # Panics
    ///
    /// If `row` is not below [`len`](Dataset::len).
    pub fn image(&self, row: usize) -> &[u8] {
        self.rows.row(row)
    }

    /// Returns all pixels: one image after the other, each in row-major order. It copies them if they are a choice of the
    /// images of a file.
    pub fn bytes(&self) -> Cow<'_, [u8]> {
        self.rows.whole()
    }

    /// Returns whether the pixels are in memory, and not in a file.
    pub fn is_in_memory(&self) -> bool {
        self.rows.is_in_memory()
    }

    /// Returns the labels as class indices.
    pub fn targets(&self) -> Vec<usize> {
        self.labels.iter().map(|label| *label as usize).collect()
    }

    /// Returns the given images, in the given order, with the same number of classes.
    ///
    /// # Panics
    ///
    /// If a row is not below [`len`](Dataset::len).
    pub fn subset(&self, rows: &[usize]) -> Self {
        let labels =
            if self.labels.is_empty() { Vec::new() } else { rows.iter().map(|row| self.labels[*row]).collect() };
        let files = if self.files.is_empty() {
            Vec::new()
        } else {
            rows.iter().map(|row| Arc::clone(&self.files[*row])).collect()
        };
        Self { rows: self.rows.subset(rows), labels, class_names: Arc::clone(&self.class_names), files, ..*self }
    }

    /// Returns the given images as a tensor `[n, dims]` on `device`, scaled to [0, 1].
    ///
    /// On a device with 64-bit floats the quotients `pixel / max` are rounded once. On other devices they are rounded to
    /// `f32`.
    ///
    /// # Panics
    ///
    /// If a row is not below [`len`](Dataset::len).
    pub fn pixels(&self, rows: &[usize], device: &Device) -> Tensor<2> {
        self.pixels_of(rows, device, |row| Cow::Borrowed(self.image(row)))
    }

    /// Returns [`pixels`](Self::pixels) of what `image` makes of each row.
    pub(crate) fn pixels_of<'s>(
        &'s self,
        rows: &[usize],
        device: &Device,
        image: impl Fn(usize) -> Cow<'s, [u8]> + Sync,
    ) -> Tensor<2> {
        let shape = [rows.len(), self.dims()];
        // A table of the 256 quotients is faster than a division per pixel.
        let exact: [f64; 256] = std::array::from_fn(|byte| byte as f64 / f64::from(self.max));
        let data = if device.settings().float_dtype == FloatDType::F64 {
            TensorData::new(self.gather(rows, &image, |pixel| exact[usize::from(pixel)]), shape)
        } else {
            let single = exact.map(|value| value as f32);
            TensorData::new(self.gather(rows, &image, |pixel| single[usize::from(pixel)]), shape)
        };
        Tensor::from_data(data, device)
    }

    /// Returns the sums over the pixels of the given images, from which their mean and their deviation follow.
    ///
    /// # Panics
    ///
    /// If a row is not below [`len`](Dataset::len).
    pub fn pixel_sums(&self, rows: Range<usize>) -> PixelSums {
        let mut sums = PixelSums::new(self.dims(), self.max);
        rows.for_each(|row| sums.add(self.image(row)));
        sums
    }

    /// Returns the mean of each pixel over all images, in [0, 1] and in row-major order. Without images the means are 0.
    pub fn mean(&self) -> Vec<f64> {
        self.pixel_sums(0..self.len()).mean()
    }

    /// Returns the standard deviation of the pixels around the [`mean`](Self::mean) image, in [0, ½]: the root of the mean
    /// variance of a pixel. Without images it is 0.
    pub fn stddev(&self) -> f64 {
        self.pixel_sums(0..self.len()).stddev()
    }

    fn gather<'s, T: Clone + Default + Send>(
        &'s self,
        rows: &[usize],
        image: &(impl Fn(usize) -> Cow<'s, [u8]> + Sync),
        value: impl Fn(u8) -> T + Sync,
    ) -> Vec<T> {
        gather(rows, self.dims(), |row, values| {
            values.iter_mut().zip(&*image(row)).for_each(|(to, pixel)| *to = value(*pixel));
        })
    }
}

fn checked_dims(shape: ImageShape, max: u8) -> Result<usize, DataError> {
    let ImageShape { height, width, channels } = shape;
    let dims = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(channels));
    dims.filter(|dims| *dims > 0 && max > 0).ok_or(DataError::ImageShape { height, width, max })
}

fn check_range(pixels: &[u8], max: u8) -> Result<(), DataError> {
    if max == u8::MAX {
        return Ok(());
    }
    match pixels.iter().position(|pixel| *pixel > max) {
        Some(index) => Err(DataError::PixelRange { index, value: pixels[index], max }),
        None => Ok(()),
    }
}

/// Puts the channels of each pixel next to each other.
pub(crate) fn interleaved(planar: &[u8], shape: ImageShape) -> Vec<u8> {
    let plane = shape.height * shape.width;
    let pixel = |image: &[u8], pixel: usize| -> Vec<u8> {
        (0..shape.channels).map(|channel| image[channel * plane + pixel]).collect()
    };
    planar.chunks_exact(shape.dims()).flat_map(|image| (0..plane).flat_map(move |at| pixel(image, at))).collect()
}

/// Returns `width` values for each of `rows`, which `write` fills in, on several threads if that pays.
pub(crate) fn gather<T: Clone + Default + Send>(
    rows: &[usize],
    width: usize,
    write: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    /// Below this number of values, another thread takes longer to start than it saves.
    const GRAIN: usize = 1 << 14;
    let mut values = vec![T::default(); rows.len() * width];
    let lines = values.par_chunks_mut(width).zip(rows).with_min_len(GRAIN.div_ceil(width));
    lines.for_each(|(values, row)| write(*row, values));
    values
}

impl Dataset for Images {
    type Batch = Tensor<2>;

    fn len(&self) -> usize {
        self.rows.len()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Tensor<2> {
        self.pixels(rows, device)
    }

    fn resident<'d>(&'d self, device: &Device) -> Option<Box<dyn Dataset<Batch = Tensor<2>> + 'd>> {
        Some(Box::new(ResidentImages::new(&self.bytes(), self.dims(), self.max, device)?))
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
    fn a_subset_keeps_sizes_and_classes() {
        let subset = three().subset(&[1]);
        assert_eq!((subset.len(), subset.height(), subset.width(), subset.dims()), (1, 2, 2, 4));
        assert_eq!((&*subset.bytes(), subset.labels(), subset.classes()), (&[1, 2, 3, 5][..], &[0][..], 3));
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
    fn images_need_no_labels() {
        let images = Images::unlabelled(vec![0, 4, 8, 16, 1, 2, 3, 5], 2, 2, 16).unwrap();
        assert_eq!((images.len(), images.classes(), images.has_labels()), (2, 0, false));
        assert_eq!(images.batch(&[1, 0], &Device::flex()).dims(), [2, 4]);
        assert_eq!(*images.subset(&[1]).bytes(), [1, 2, 3, 5]);
        assert_eq!(images.mean(), [0.5, 3.0, 5.5, 10.5].map(|sum| sum / 16.0));
        // Half the distance of the two images, pixel by pixel.
        let variance = [0.5f64, 1.0, 2.5, 5.5].map(|half| (half / 16.0).powi(2)).iter().sum::<f64>() / 4.0;
        // One image, or none, does not vary.
        let found = [images.stddev(), images.subset(&[1]).stddev(), images.subset(&[]).stddev()];
        kiln_testkit::assert_close(&found, &[variance.sqrt(), 0.0, 0.0], 1e-15, 0.0, "standard deviation");
        assert!(matches!(crate::Labelled::new(images.clone()), Err(DataError::NoLabels)));
        let encoder = crate::Encoder::fit_pixels(&images, &[0, 1], true);
        assert!(encoder.target().is_none() && matches!(encoder.encode_images(&images), Err(DataError::NoLabels)));
        assert!(matches!(
            Images::unlabelled(vec![0; 7], 2, 2, 16),
            Err(DataError::Length { expected: 8, found: 7, .. })
        ));
    }

    #[test]
    fn classes_can_only_grow() {
        assert_eq!(three().with_classes(10).unwrap().classes(), 10);
        let refused = three().with_classes(2);
        assert!(matches!(refused, Err(DataError::TargetRange { row: 0, target: 2, classes: 2 })));
    }
}
