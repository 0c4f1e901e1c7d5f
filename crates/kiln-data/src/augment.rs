//! Random changes of training images.

use kiln_tensor::Stream;
use serde::{Deserialize, Serialize};

use crate::ImageShape;

/// Random changes of training images, drawn again in every epoch.
///
/// # Example
/// ```
/// use kiln_data::{Augment, Binarize, Binarized, Dataset, digits};
///
/// let augment = Augment { flip: false, shift: 1 };
/// let data = Binarized::new(digits(), Binarize::None, 0, "binarize-train").augmented(augment);
/// let pixels = |epoch| data.batch_in_epoch(&[0], epoch, &Default::default()).try_into_vec_as::<f32>();
/// assert_ne!(pixels(0)?, pixels(1)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Augment {
    /// Exchanges left and right with a probability of ½. Default: false.
    pub flip: bool,
    /// Moves an image by up to this number of pixels along each axis; the pixels at the edge are repeated. Default 0.
    pub shift: usize,
}

impl Augment {
    /// Returns whether images stay as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Writes the changed image.
    pub(crate) fn apply(&self, image: &[u8], shape: ImageShape, stream: &mut Stream, out: &mut [u8]) {
        let ImageShape { height, width, channels } = shape;
        let flipped = self.flip && stream.next_f64() < 0.5;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below 2·shift + 1")]
        let mut drawn = || (stream.next_f64() * (2 * self.shift + 1) as f64) as usize;
        let (down, right) = if self.shift > 0 { (drawn(), drawn()) } else { (0, 0) };
        // The pixel that comes to a place, at the nearest edge if it is outside.
        let from = |place: usize, by: usize, side: usize| (place + by).saturating_sub(self.shift).min(side - 1);
        for (y, line) in out.chunks_exact_mut(width * channels).enumerate() {
            let source = &image[from(y, down, height) * width * channels..][..width * channels];
            for (x, pixel) in line.chunks_exact_mut(channels).enumerate() {
                let x = from(x, right, width);
                let x = if flipped { width - 1 - x } else { x };
                pixel.copy_from_slice(&source[x * channels..][..channels]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// All results of many draws.
    fn seen(augment: Augment, image: &[u8], shape: ImageShape) -> BTreeSet<Vec<u8>> {
        let one = |draw: u64| {
            let mut out = vec![9; image.len()];
            augment.apply(image, shape, &mut Stream::new(0, "augment", 0, draw), &mut out);
            out
        };
        (0..400).map(one).collect()
    }

    #[test]
    fn a_flip_exchanges_left_and_right_and_keeps_the_channels() {
        let shape = ImageShape { height: 1, width: 2, channels: 3 };
        let found = seen(Augment { flip: true, shift: 0 }, &[1, 2, 3, 4, 5, 6], shape);
        assert_eq!(found, BTreeSet::from([vec![1, 2, 3, 4, 5, 6], vec![4, 5, 6, 1, 2, 3]]));
    }

    #[test]
    fn a_shift_goes_both_ways_along_both_axes_and_repeats_the_edge() {
        let (image, shape) = ([1, 2, 3, 4], ImageShape::grey(2, 2));
        let found = seen(Augment { flip: false, shift: 1 }, &image, shape);
        assert_eq!(found.len(), 9);
        for expected in [[1, 2, 3, 4], [1, 1, 3, 3], [2, 2, 4, 4], [1, 2, 1, 2], [3, 4, 3, 4], [1, 1, 1, 1]] {
            assert!(found.contains(expected.as_slice()), "{expected:?}");
        }
        // A shift beyond the image leaves its edge.
        assert!(seen(Augment { flip: false, shift: 50 }, &image, shape).iter().all(|image| image.len() == 4));
        assert!(Augment::default().is_none());
    }
}
