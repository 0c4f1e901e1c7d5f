//! The encoder of an image dataset. Each pixel is a numeric column, so that a saved model can read pixels from a CSV file.

use crate::{
    DataError, EncodedColumn, Encoder, Examples, Images,
    encode::{Target, Unseen},
};

impl Encoder {
    /// Fits an encoder to images: the features are the pixels `p0`, `p1`, …, and the target is `label`.
    ///
    /// Pixels are divided by their largest possible value. With `standardize` they are standardised over `rows` instead, by
    /// the population standard deviation, or 1 for a constant pixel. For images without labels the encoder has no target.
    ///
    /// # Panics
    ///
    /// If a row is not below the number of images.
    pub fn fit_pixels(images: &Images, rows: &[usize], standardize: bool) -> Self {
        let dims = images.dims();
        let columns = (0..dims).map(|pixel| {
            let (mean, scale) = match standardize {
                true => moments(rows.iter().map(|row| f64::from(images.image(*row)[pixel])), rows.len()),
                false => (0.0, f64::from(images.max())),
            };
            EncodedColumn::Numeric { name: format!("p{pixel}"), mean, scale, fill: None, indicator: false }
        });
        let classes = images.class_names();
        let target = (!classes.is_empty()).then(|| Target { name: "label".into(), classes });
        Self { columns: columns.collect(), target, unseen: Unseen::default() }
    }

    /// Encodes all images with their labels.
    ///
    /// # Errors
    ///
    /// [`DataError::Length`] if the images have another number of pixels than the encoder has features, and
    /// [`DataError::NoLabels`] if they have no labels.
    pub fn encode_images(&self, images: &Images) -> Result<Examples, DataError> {
        let scaling = self.scaling();
        let dims = images.dims();
        if scaling.len() != dims {
            return Err(DataError::Length { what: "pixels of an image", expected: scaling.len(), found: dims });
        }
        if !images.has_labels() {
            return Err(DataError::NoLabels);
        }
        let value = |(pixel, &byte): (usize, &u8)| {
            let (mean, scale) = scaling[pixel % dims];
            (f64::from(byte) - mean) / scale
        };
        let inputs = images.bytes().iter().enumerate().map(value).collect();
        Examples::new(inputs, images.targets(), self.feature_names(), self.class_names().to_vec())
    }
}

/// Returns the mean and the population standard deviation in two passes, with 1 in place of a deviation of 0.
fn moments(values: impl Iterator<Item = f64> + Clone, n: usize) -> (f64, f64) {
    let mean = values.clone().sum::<f64>() / n as f64;
    let deviation = (values.map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;

    #[test]
    fn images_and_a_table_of_their_pixels_encode_alike() {
        let images = Images::new(vec![0, 8, 16, 4], vec![0, 1], 1, 2, 16).unwrap();
        let table = Table::parse("pixels.csv", "p0,p1\n0,8\n16,4\n").unwrap();
        for standardize in [false, true] {
            let encoder = Encoder::fit_pixels(&images, &[0, 1], standardize);
            assert_eq!(encoder.encode_images(&images).unwrap().inputs(), encoder.encode_inputs(&table).unwrap());
        }
        let plain = Encoder::fit_pixels(&images, &[0, 1], false);
        assert_eq!(plain.encode_images(&images).unwrap().inputs(), [0.0, 0.5, 1.0, 0.25]);
        let standard = Encoder::fit_pixels(&images, &[0, 1], true);
        assert_eq!(standard.encode_images(&images).unwrap().inputs(), [-1.0, 1.0, 1.0, -1.0]);
    }
}
