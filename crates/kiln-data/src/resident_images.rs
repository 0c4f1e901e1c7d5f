//! Images whose bytes stay on a GPU.

use burn::tensor::{Device, Int, Tensor, TensorData};
use kiln_tensor::byte_rows::{ByteRows, DrawRows, ValueRows};

use crate::{Dataset, Supervised};

/// Images whose minibatches are made on the device.
pub(crate) struct ResidentImages {
    rows: ValueRows,
    len: usize,
}

impl ResidentImages {
    /// Images of `dims` pixels between 0 and `max`. None if the device is not a GPU's, or they do not fit.
    pub(crate) fn new(pixels: &[u8], dims: usize, max: u8, device: &Device) -> Option<Self> {
        let values = std::array::from_fn(|byte| byte as f64 / f64::from(max));
        Some(Self { rows: ByteRows::new(pixels, dims, device)?.with_values(&values), len: pixels.len() / dims })
    }

    fn pixels(&self, rows: &[usize], device: &Device) -> Tensor<2> {
        self.rows.rows(rows).to_device(device)
    }
}

/// The labels of the given images as class indices, `[n, 1]`.
pub(crate) fn classes_of(labels: &[u32], rows: &[usize], device: &Device) -> Tensor<2, Int> {
    let targets: Vec<i64> = rows.iter().map(|row| i64::from(labels[*row])).collect();
    Tensor::from_data(TensorData::new(targets, [rows.len(), 1]), device)
}

impl Dataset for ResidentImages {
    type Batch = Tensor<2>;

    fn len(&self) -> usize {
        self.len
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Tensor<2> {
        self.pixels(rows, device)
    }
}

/// [`ResidentImages`] with their labels.
pub(crate) struct ResidentLabelled {
    images: ResidentImages,
    labels: ValueRows,
}

impl ResidentLabelled {
    /// Images with a label each, below 256. None if a label is larger, the device is not a GPU's, or they do not fit.
    pub(crate) fn new(images: ResidentImages, labels: &[u32], device: &Device) -> Option<Self> {
        let labels: Option<Vec<u8>> = labels.iter().map(|label| u8::try_from(*label).ok()).collect();
        let labels = ByteRows::new(&labels?, 1, device)?.with_values(&std::array::from_fn(|byte| byte as f64));
        Some(Self { images, labels })
    }
}

impl Dataset for ResidentLabelled {
    type Batch = Supervised;

    fn len(&self) -> usize {
        self.images.len
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Supervised {
        Supervised { inputs: self.images.pixels(rows, device), targets: self.labels.rows(rows).int().to_device(device) }
    }
}

/// Images that are binarised on the device.
pub(crate) struct ResidentBinarized {
    rows: DrawRows,
    len: usize,
}

impl ResidentBinarized {
    /// Images of `dims` pixels, drawn as 1 with the chance pixel / `max`, in every epoch anew or always as in the epoch `fixed`. None if the
    /// device is not a GPU's, or they do not fit.
    pub(crate) fn new(
        (pixels, dims, max): (&[u8], usize, u8),
        (seed, purpose): (u64, &'static str),
        fixed: Option<u64>,
        device: &Device,
    ) -> Option<Self> {
        let below = std::array::from_fn(|byte| first_not_below(byte as f64, f64::from(max)));
        let rows = ByteRows::new(pixels, dims, device)?.with_draws(&below, seed, purpose, fixed);
        Some(Self { rows, len: pixels.len() / dims })
    }
}

/// The smallest k for which k·2⁻⁵³·`max`, rounded, is not below `p`. The product does not fall as k grows.
fn first_not_below(p: f64, max: f64) -> u64 {
    let (mut low, mut high) = (0u64, 1u64 << 53);
    while low < high {
        let middle = low + (high - low) / 2;
        let u = middle as f64 / (1u64 << 53) as f64;
        if u * max < p {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

impl Dataset for ResidentBinarized {
    type Batch = Tensor<2>;

    fn len(&self) -> usize {
        self.len
    }

    fn batch(&self, rows: &[usize], device: &Device) -> Tensor<2> {
        self.batch_in_epoch(rows, 0, device)
    }

    fn batch_in_epoch(&self, rows: &[usize], epoch: u64, device: &Device) -> Tensor<2> {
        self.rows.rows(rows, epoch).to_device(device)
    }
}

#[cfg(test)]
mod tests {
    use kiln_tensor::Stream;

    use super::*;

    /// The comparison of whole numbers is that of [`Binarized`](crate::Binarized).
    #[test]
    fn a_draw_by_whole_numbers_is_the_draw_by_fractions() {
        for max in [1.0, 16.0, 17.0, 255.0] {
            let mut stream = Stream::new(0, "draws", 0, 0);
            for p in 0..=max as u64 {
                let limit = first_not_below(p as f64, max);
                for _ in 0..200 {
                    let word = stream.next_u64();
                    let u = (word >> 11) as f64 / (1u64 << 53) as f64;
                    assert_eq!(u * max < p as f64, word >> 11 < limit, "p = {p} of {max}, word {word:x}");
                }
                for k in limit.saturating_sub(2)..(limit + 2).min(1 << 53) {
                    assert_eq!(k as f64 / (1u64 << 53) as f64 * max < p as f64, k < limit, "p = {p} of {max}, k = {k}");
                }
            }
        }
    }
}
