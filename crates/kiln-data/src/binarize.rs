//! Random binarisation of greyscale images.

use std::borrow::Cow;

use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use kiln_tensor::Stream;
use serde::{Deserialize, Serialize};

use crate::{
    Augment, DataError, Dataset, Images,
    images::gather,
    resident_images::{ResidentBinarized, ResidentImages},
};

/// How pixels are binarised: a pixel with the grey value p ∈ [0, 1] can be drawn as 1 with probability p, and 0 otherwise.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_data::{Binarize, Binarized, Dataset, digits};
///
/// let grey = Binarized::new(digits(), Binarize::None, 0, "binarize-train");
/// let pixels: Vec<f32> = grey.batch_in_epoch(&[0], 0, &Device::default()).try_into_vec_as()?;
/// assert!(pixels.iter().any(|pixel| *pixel > 0.0 && *pixel < 1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binarize {
    /// Pixels keep their grey values. The default.
    #[default]
    None,
    /// Training images are drawn again in every epoch, and held-out images once (Burda, Grosse and Salakhutdinov, 2016).
    Dynamic,
    /// All images are drawn once.
    Fixed,
}

/// A dataset of binarised images.
///
/// Each image has a random stream of its own, so its pixels do not depend on the rest of the minibatch.
///
/// # Example
///
/// ```
/// use burn::tensor::Device;
/// use kiln_data::{Binarize, Binarized, Dataset, digits};
///
/// let data = Binarized::new(digits(), Binarize::Dynamic, 0, "binarize-train");
/// let pixels: Vec<f32> = data.batch_in_epoch(&[0, 1], 3, &Device::default()).try_into_vec_as()?;
/// assert!(pixels.iter().all(|pixel| *pixel == 0.0 || *pixel == 1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Binarized {
    images: Images,
    mode: Binarize,
    seed: u64,
    purpose: &'static str,
    augment: Augment,
    /// Whether the indicators of the class follow the pixels.
    with_classes: bool,
}

impl Binarized {
    /// Binarises `images` by `mode`. `purpose` names the random stream; it must differ for training and held-out images.
    pub fn new(images: Images, mode: Binarize, seed: u64, purpose: &'static str) -> Self {
        Self { images, mode, seed, purpose, augment: Augment::default(), with_classes: false }
    }

    /// Changes the images at random before they are binarised, in [`batch_in_epoch`](Dataset::batch_in_epoch) only. Default: no changes.
    pub fn augmented(self, augment: Augment) -> Self {
        Self { augment, ..self }
    }

    /// Appends the class of each image to its pixels: one number for each class, which is 1 for the image's class and 0 for the others. This
    /// is what a conditional model takes. Default: pixels alone.
    ///
    /// # Errors
    /// [`DataError::NoLabels`] if the images have no labels.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::Device;
    /// use kiln_data::{Binarize, Binarized, Dataset, digits};
    ///
    /// let images = Binarized::new(digits(), Binarize::None, 0, "train").with_classes()?;
    /// assert_eq!(images.batch(&[0, 5], &Device::default()).dims(), [2, 64 + 10]);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn with_classes(self) -> Result<Self, DataError> {
        if self.images.has_labels() { Ok(Self { with_classes: true, ..self }) } else { Err(DataError::NoLabels) }
    }

    /// Appends the classes, if they are asked for.
    fn given(&self, rows: &[usize], pixels: Tensor<2>) -> Tensor<2> {
        if !self.with_classes {
            return pixels;
        }
        let (labels, classes) = (self.images.labels(), self.images.classes());
        let mut indicators = vec![0f32; rows.len() * classes];
        for (i, row) in rows.iter().enumerate() {
            indicators[i * classes + labels[*row] as usize] = 1.0;
        }
        let data = TensorData::new(indicators, [rows.len(), classes]);
        let indicators = Tensor::from_data(data, (&pixels.device(), pixels.dtype()));
        Tensor::cat(vec![pixels, indicators], 1)
    }

    /// Returns the greyscale images.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// The image of a row in an epoch, before it is binarised.
    fn image(&self, row: usize, (epoch, augment): (u64, Augment)) -> Cow<'_, [u8]> {
        let image = self.images.image(row);
        if augment.is_none() {
            return Cow::Borrowed(image);
        }
        let mut changed = vec![0; image.len()];
        let mut stream = Stream::new(self.seed, "augment", epoch, row as u64);
        augment.apply(image, self.images.shape(), &mut stream, &mut changed);
        Cow::Owned(changed)
    }

    fn drawn(&self, rows: &[usize], (epoch, augment): (u64, Augment), device: &Device) -> Tensor<2> {
        let image = |row| self.image(row, (epoch, augment));
        let epoch = match self.mode {
            Binarize::None => return self.images.pixels_of(rows, device, image),
            Binarize::Dynamic => epoch,
            Binarize::Fixed => 0,
        };
        let (dims, max) = (self.images.dims(), f64::from(self.images.max()));
        let drawn: Vec<f32> = gather(rows, dims, |row, values| {
            let mut stream = Stream::new(self.seed, self.purpose, epoch, row as u64);
            for (value, &p) in values.iter_mut().zip(&*image(row)) {
                *value = f32::from(u8::from(stream.next_f64() * max < f64::from(p)));
            }
        });
        let data = TensorData::new(drawn, [rows.len(), dims]);
        match device.settings().float_dtype {
            FloatDType::F64 => Tensor::from_data(data.convert::<f64>(), device),
            _ => Tensor::from_data(data, device),
        }
    }
}

impl Dataset for Binarized {
    type Batch = Tensor<2>;

    fn len(&self) -> usize {
        self.images.len()
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Tensor<2> {
        self.given(rows, self.drawn(rows, (0, Augment::default()), device))
    }

    fn batch_in_epoch(&self, rows: &[usize], epoch: u64, device: &Device) -> Tensor<2> {
        self.given(rows, self.drawn(rows, (epoch, self.augment), device))
    }

    fn resident<'d>(&'d self, device: &Device) -> Option<Box<dyn Dataset<Batch = Tensor<2>> + 'd>> {
        if !self.augment.is_none() || self.with_classes {
            return None;
        }
        let pixels = self.images.bytes();
        let images = (&*pixels, self.images.dims(), self.images.max());
        let epoch = match self.mode {
            Binarize::None => return Some(Box::new(ResidentImages::new(images.0, images.1, images.2, device)?)),
            Binarize::Dynamic => None,
            Binarize::Fixed => Some(0),
        };
        Some(Box::new(ResidentBinarized::new(images, (self.seed, self.purpose), epoch, device)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(mode: Binarize, rows: &[usize], epoch: u64) -> Vec<f32> {
        let data = Binarized::new(crate::digits(), mode, 3, "train");
        data.batch_in_epoch(rows, epoch, &Device::default()).try_into_vec_as().unwrap()
    }

    #[test]
    fn an_image_s_draw_depends_on_its_epoch_and_not_on_its_batch() {
        let (alone, second) = (draw(Binarize::Dynamic, &[7], 2), draw(Binarize::Dynamic, &[3, 7], 2));
        assert_eq!(alone, second[64..]);
        assert_ne!(alone, draw(Binarize::Dynamic, &[7], 3));
        assert_eq!(draw(Binarize::Fixed, &[7], 0), draw(Binarize::Fixed, &[7], 5));
    }

    #[test]
    fn augmentation_changes_what_training_sees_and_nothing_else() {
        let grey = Binarized::new(crate::digits(), Binarize::None, 3, "train");
        let shifted = grey.clone().augmented(Augment { flip: false, shift: 1 });
        let pixels = |data: &Binarized, rows: &[usize], epoch| -> Vec<f32> {
            data.batch_in_epoch(rows, epoch, &Device::default()).try_into_vec_as().unwrap()
        };
        assert_eq!(
            shifted.batch(&[7], &Device::default()).into_data(),
            grey.batch(&[7], &Device::default()).into_data()
        );
        assert!((0..9).any(|epoch| pixels(&shifted, &[7], epoch) != pixels(&grey, &[7], epoch)));
        assert_eq!(pixels(&shifted, &[3, 7], 2)[64..], pixels(&shifted, &[7], 2));
        // What is drawn is the image that was shifted: white stays white.
        let drawn = Binarized { mode: Binarize::Dynamic, ..shifted.clone() };
        for (grey, drawn) in pixels(&shifted, &[7], 4).into_iter().zip(pixels(&drawn, &[7], 4)) {
            assert!(grey > 0.0 || drawn < 0.5, "a pixel of {grey} is drawn as {drawn}");
        }
    }

    #[test]
    fn draws_are_black_or_white_with_the_grey_as_their_mean() {
        let grey = draw(Binarize::None, &[7], 0);
        let epochs = 400;
        let mut sums = [0.0; 64];
        for epoch in 0..epochs {
            for (sum, x) in sums.iter_mut().zip(draw(Binarize::Dynamic, &[7], epoch)) {
                assert!(x.to_bits() == 0 || x.to_bits() == 1f32.to_bits());
                *sum += x;
            }
        }
        for (sum, p) in sums.iter().zip(grey) {
            // Five standard errors of a mean of 400 draws; exact for black and white pixels.
            let (mean, error) = (sum / epochs as f32, (p * (1.0 - p) / epochs as f32).sqrt());
            assert!((mean - p).abs() <= 5.0 * error + 1e-6, "mean {mean}, grey {p}");
        }
    }
}
