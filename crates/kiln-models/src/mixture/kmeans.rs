//! The start of a mixture by k-means with k-means++ seeding (Arthur and Vassilvitskii, 2007).

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::{Stream, World, world::WorldError};

/// Returns the one-hot k-means clusters of rows `x` `[n, d]`, as `[n, k]`. Each `start` has its own random numbers.
///
/// With several ranks the clusters are those of all rows, one rank's after the other.
pub(crate) fn nearest_shares(
    x: &Tensor<2>,
    k: usize,
    seed: u64,
    start: u64,
    world: &World,
) -> Result<Tensor<2>, WorldError> {
    let [n, d] = x.dims();
    let numbers: Vec<f64> = x.to_data().try_into_vec_as().expect("a float tensor converts to f64");
    let rows = Rows { numbers: &numbers, d, world };
    let labels = rows.k_means(k, &mut Stream::new(seed, "k-means", start, 0))?;
    let shares: Vec<f64> = (0..n * k).map(|i| f64::from(u8::from(labels[i / k] == i % k))).collect();
    Ok(Tensor::from_data(TensorData::new(shares, [n, k]), (&x.device(), x.dtype())))
}

/// The rows of this rank, `[n, d]`.
struct Rows<'a> {
    numbers: &'a [f64],
    d: usize,
    world: &'a World,
}

impl Rows<'_> {
    fn len(&self) -> usize {
        self.numbers.len() / self.d
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.numbers[i * self.d..(i + 1) * self.d]
    }

    /// Returns the cluster of each row.
    fn k_means(&self, k: usize, stream: &mut Stream) -> Result<Vec<usize>, WorldError> {
        const SWEEPS: usize = 100;
        let (n, d) = (self.len(), self.d);
        let mut centres = self.seeds(k, stream)?;
        let mut labels = vec![usize::MAX; n];
        for _ in 0..SWEEPS {
            let nearest = |i: usize| {
                let distance = |c: &usize| squared_distance(self.row(i), &centres[c * d..(c + 1) * d]);
                (0..k).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
            };
            let next: Vec<usize> = (0..n).map(nearest).collect();
            // Counts, sums, and whether a row has changed its cluster.
            let mut totals = vec![0.0; k + k * d + 1];
            totals[k + k * d] = if next == labels { 0.0 } else { 1.0 };
            labels = next;
            let (counts, sums) = totals.split_at_mut(k);
            for (i, &label) in labels.iter().enumerate() {
                counts[label] += 1.0;
                sums[label * d..(label + 1) * d].iter_mut().zip(self.row(i)).for_each(|(sum, x)| *sum += x);
            }
            self.world.sum(&mut totals)?;
            if totals[k + k * d] == 0.0 {
                break;
            }
            let (counts, sums) = totals.split_at(k);
            // An empty cluster keeps its centre.
            for c in (0..k).filter(|&c| counts[c] > 0.0) {
                (0..d).for_each(|j| centres[c * d + j] = sums[c * d + j] / counts[c]);
            }
        }
        Ok(labels)
    }

    /// Chooses rows as centres, with probability proportional to the squared distance from the nearest centre so far.
    fn seeds(&self, k: usize, stream: &mut Stream) -> Result<Vec<f64>, WorldError> {
        let d = self.d;
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let lengths = self.of_each_rank(self.len() as f64)?;
        let all: f64 = lengths.iter().sum();
        // Of all rows, the one with this number.
        let numbered = |number: f64| self.taken(number, &lengths, |left| Some(to_index(left)));
        let mut centres = numbered((stream.next_f64() * all).floor().min(all - 1.0))?;
        let mut nearest: Vec<f64> = (0..self.len()).map(|i| squared_distance(self.row(i), &centres)).collect();
        while centres.len() < k * d {
            let distances = self.of_each_rank(nearest.iter().sum::<f64>())?;
            let total: f64 = distances.iter().sum();
            let u = stream.next_f64();
            let chosen = if total > 0.0 {
                self.taken(u * total, &distances, |mut left| {
                    let chosen = nearest.iter().position(|distance| {
                        left -= distance;
                        left < 0.0
                    });
                    // The last one that is possible, if rounding leaves nothing.
                    chosen.or_else(|| nearest.iter().rposition(|distance| *distance > 0.0))
                })?
            } else {
                // If all rows coincide with centres, any row will do.
                #[allow(clippy::cast_precision_loss, reason = "a number of components")]
                numbered((centres.len() / d) as f64 % all)?
            };
            nearest.iter_mut().enumerate().for_each(|(i, d)| *d = d.min(squared_distance(self.row(i), &chosen)));
            centres.extend(chosen);
        }
        Ok(centres)
    }

    /// Returns each rank's number.
    fn of_each_rank(&self, own: f64) -> Result<Vec<f64>, WorldError> {
        let mut numbers = vec![0.0; self.world.size()];
        numbers[self.world.rank()] = own;
        self.world.sum(&mut numbers)?;
        Ok(numbers)
    }

    /// Finds the rank in whose part of the numbers `place` lies, and returns the row that it finds by what is left of `place`.
    fn taken(
        &self,
        place: f64,
        parts: &[f64],
        find: impl FnOnce(f64) -> Option<usize>,
    ) -> Result<Vec<f64>, WorldError> {
        let (mut left, mut owner) = (place, 0);
        for (rank, part) in parts.iter().enumerate().filter(|(_, part)| **part > 0.0) {
            owner = rank;
            if left < *part {
                break;
            }
            // Behind the last part only by rounding: then it is that one.
            if parts[rank + 1..].iter().any(|part| *part > 0.0) {
                left -= part;
            }
        }
        let mut row = vec![0.0; self.d];
        if owner == self.world.rank() {
            row.copy_from_slice(self.row(find(left).unwrap_or(0)));
        }
        // The others add zeros.
        self.world.sum(&mut row)?;
        Ok(row)
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index of the rows")]
fn to_index(number: f64) -> usize {
    number as usize
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}
