//! The start of a mixture by k-means with k-means++ seeding (Arthur and Vassilvitskii, 2007).

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::Stream;

/// Returns the one-hot k-means clusters of rows `x` `[n, d]`, as `[n, k]`. Each `start` has its own random numbers.
pub(crate) fn nearest_shares(x: &Tensor<2>, k: usize, seed: u64, start: u64) -> Tensor<2> {
    let [n, d] = x.dims();
    let numbers: Vec<f64> = x.to_data().try_into_vec_as().expect("a float tensor converts to f64");
    let labels = k_means(&numbers, d, k, &mut Stream::new(seed, "k-means", start, 0));
    let shares: Vec<f64> = (0..n * k).map(|i| f64::from(u8::from(labels[i / k] == i % k))).collect();
    Tensor::from_data(TensorData::new(shares, [n, k]), (&x.device(), x.dtype()))
}

/// Returns the cluster of each row of `rows` `[n, d]`.
fn k_means(rows: &[f64], d: usize, k: usize, stream: &mut Stream) -> Vec<usize> {
    const SWEEPS: usize = 100;
    let n = rows.len() / d;
    let row = |i: usize| &rows[i * d..(i + 1) * d];
    let mut centres = seeds(rows, d, k, stream);
    let mut labels = vec![usize::MAX; n];
    for _ in 0..SWEEPS {
        let nearest = |i: usize| {
            let distance = |c: &usize| squared_distance(row(i), &centres[c * d..(c + 1) * d]);
            (0..k).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
        };
        let next: Vec<usize> = (0..n).map(nearest).collect();
        if next == labels {
            break;
        }
        labels = next;
        let mut counts = vec![0.0; k];
        let mut sums = vec![0.0; k * d];
        for (i, &label) in labels.iter().enumerate() {
            counts[label] += 1.0;
            sums[label * d..(label + 1) * d].iter_mut().zip(row(i)).for_each(|(sum, x)| *sum += x);
        }
        // An empty cluster keeps its centre.
        for c in (0..k).filter(|&c| counts[c] > 0.0) {
            (0..d).for_each(|j| centres[c * d + j] = sums[c * d + j] / counts[c]);
        }
    }
    labels
}

/// Chooses rows as centres, with probability proportional to the squared distance from the nearest centre so far.
fn seeds(rows: &[f64], d: usize, k: usize, stream: &mut Stream) -> Vec<f64> {
    let n = rows.len() / d;
    let row = |i: usize| &rows[i * d..(i + 1) * d];
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index of the rows"
    )]
    let first = ((stream.next_f64() * n as f64) as usize).min(n - 1);
    let mut centres = row(first).to_vec();
    let mut nearest: Vec<f64> = (0..n).map(|i| squared_distance(row(i), row(first))).collect();
    while centres.len() < k * d {
        let mut left = stream.next_f64() * nearest.iter().sum::<f64>();
        let chosen = nearest.iter().position(|distance| {
            left -= distance;
            left < 0.0
        });
        // If all rows coincide with centres, any row will do.
        let chosen = chosen.unwrap_or(centres.len() / d % n);
        centres.extend_from_slice(row(chosen));
        nearest.iter_mut().enumerate().for_each(|(i, d)| *d = d.min(squared_distance(row(i), row(chosen))));
    }
    centres
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}
