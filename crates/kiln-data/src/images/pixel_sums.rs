//! Sums over the pixels of many images, from which their means and deviations follow.

use kiln_tensor::{World, world::WorldError};

/// For each pixel, the sums of its bytes and of their squares over many images.
///
/// The sums are whole numbers, so they do not depend on the order of the images.
///
/// # Example
///
/// ```
/// use kiln_data::Images;
///
/// // Two images of 1×2 pixels between 0 and 10.
/// let sums = Images::unlabelled(vec![0, 10, 10, 10], 1, 2, 10)?.pixel_sums(0..2);
/// assert_eq!((sums.mean(), sums.stddev()), (vec![0.5, 1.0], 0.125f64.sqrt()));
/// # Ok::<(), kiln_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelSums {
    count: u64,
    max: u8,
    /// Of the bytes, and of their squares.
    sums: Vec<(u64, u64)>,
}

impl PixelSums {
    pub(super) fn new(dims: usize, max: u8) -> Self {
        Self { count: 0, max, sums: vec![(0, 0); dims] }
    }

    pub(super) fn add(&mut self, image: &[u8]) {
        self.count += 1;
        for ((sum, squares), pixel) in self.sums.iter_mut().zip(image) {
            let pixel = u64::from(*pixel);
            *sum += pixel;
            *squares += pixel * pixel;
        }
    }

    /// Returns the sums over the images of all ranks. Every rank calls it.
    ///
    /// # Errors
    ///
    /// [`WorldError`] if a rank does not answer.
    pub fn over(&self, world: &World) -> Result<Self, WorldError> {
        if world.is_alone() {
            return Ok(self.clone());
        }
        // Exact: whole numbers below 2⁵³, for fewer than 10¹¹ images.
        let own = self.sums.iter().flat_map(|(sum, squares)| [*sum, *squares]).chain([self.count]);
        let mut all: Vec<f64> = own.map(|number| number as f64).collect();
        world.sum(&mut all)?;
        let sums = all.chunks_exact(2).map(|pair| (pair[0] as u64, pair[1] as u64)).collect();
        Ok(Self { count: all[all.len() - 1] as u64, max: self.max, sums })
    }

    /// Returns the mean of each pixel, in [0, 1]. Without images the means are 0.
    pub fn mean(&self) -> Vec<f64> {
        let scale = f64::from(self.max) * (self.count.max(1)) as f64;
        self.sums.iter().map(|(sum, _)| *sum as f64 / scale).collect()
    }

    /// Returns the standard deviation of the pixels around the [`mean`](Self::mean) image, in [0, ½]: the root of the mean
    /// variance of a pixel. Without images it is 0.
    pub fn stddev(&self) -> f64 {
        self.stddev_of(self.sums.iter())
    }

    /// Returns the [`stddev`](Self::stddev) of each channel, where the values of a pixel's `channels` are next to each other.
    ///
    /// # Panics
    ///
    /// If `channels` is 0.
    pub fn channel_stddevs(&self, channels: usize) -> Vec<f64> {
        (0..channels).map(|channel| self.stddev_of(self.sums.iter().skip(channel).step_by(channels))).collect()
    }

    fn stddev_of<'s>(&self, sums: impl ExactSizeIterator<Item = &'s (u64, u64)>) -> f64 {
        let (n, values) = (u128::from(self.count.max(1)), sums.len());
        // n²·variance, exactly.
        let variance = |(sum, squares): &(u64, u64)| (n * u128::from(*squares) - u128::from(*sum).pow(2)) as f64;
        let mean = sums.map(variance).sum::<f64>() / values.max(1) as f64;
        mean.sqrt() / (n as f64 * f64::from(self.max))
    }
}

#[cfg(test)]
mod tests {
    use kiln_tensor::world::threads;

    use crate::{ImageShape, Images, digits};

    #[test]
    fn each_channel_has_its_own_deviation() {
        // Two images of two pixels with two channels: the first channel is constant in each pixel.
        let shape = ImageShape { height: 1, width: 2, channels: 2 };
        let bytes = vec![3, 0, 7, 10, 3, 10, 7, 0];
        let sums = Images::of_shape(bytes, shape, 10).unwrap().pixel_sums(0..2);
        assert_eq!((sums.channel_stddevs(2), sums.channel_stddevs(1)), (vec![0.0, 0.5], vec![sums.stddev()]));
    }

    #[test]
    fn ranks_that_share_the_images_find_the_same_sums() {
        let (digits, all) = (digits(), digits().pixel_sums(0..1797));
        for size in [1, 3] {
            for sums in threads(size, |world| digits.pixel_sums(world.share_of(1797)).over(&world).unwrap()) {
                assert_eq!(sums, all);
            }
        }
    }
}
