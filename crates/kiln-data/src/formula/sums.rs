//! Sums, means and quantiles in the order of operations of NumPy, so that designs have the same bits.

/// Returns the sum by pairs, as NumPy does: eight running sums up to 128 numbers, and halves of longer ones.
pub(super) fn sum(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 8 {
        return values.iter().fold(0.0, |sum, value| sum + value);
    }
    if n <= 128 {
        let mut r = [0.0; 8];
        r.copy_from_slice(&values[..8]);
        let chunks = values[8..].chunks_exact(8);
        let rest = chunks.remainder();
        for chunk in chunks {
            r.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += value);
        }
        let sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
        return rest.iter().fold(sum, |sum, value| sum + value);
    }
    let half = n / 2 - n / 2 % 8;
    sum(&values[..half]) + sum(&values[half..])
}

/// Returns the sum of a function of numbers.
pub(super) fn sum_of<T>(values: &[T], function: impl Fn(&T) -> f64) -> f64 {
    sum(&values.iter().map(function).collect::<Vec<f64>>())
}

/// Returns `inner` quantiles at equal distances, without the smallest and the largest value. `sorted` is not empty.
///
/// `scale` is 1 if NumPy is asked for quantiles and 100 if it is asked for percentiles.
pub(super) fn inner_quantiles(sorted: &[f64], inner: usize, scale: f64) -> Vec<f64> {
    let last = sorted.len() - 1;
    let step = scale / (inner + 1) as f64;
    let quantile = |i: usize| {
        let at = last as f64 * (i as f64 * step / scale);
        let before = at.floor();
        if before >= last as f64 {
            return sorted[last];
        }
        let (a, b, t) = (sorted[before as usize], sorted[before as usize + 1], at - before);
        if t >= 0.5 { b - (b - a) * (1.0 - t) } else { a + (b - a) * t }
    };
    (1..=inner).map(quantile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// numpy.sum([1 / k for k in range(1, n + 1)]), and numpy.quantile of a list.
    #[test]
    fn sums_and_quantiles_are_those_of_numpy() {
        for (n, expected) in [(7, 2.5928571428571425), (100, 5.187377517639621), (1000, 7.485470860550345)] {
            assert_eq!(sum(&(1..=n).map(|k| 1.0 / f64::from(k)).collect::<Vec<_>>()).to_bits(), f64::to_bits(expected));
        }
        assert_eq!(inner_quantiles(&[1.0, 2.0, 4.0, 8.0, 16.0], 3, 1.0), [2.0, 4.0, 8.0]);
        assert_eq!(inner_quantiles(&[0.1, 0.7, 1.9, 2.3], 2, 1.0), [0.7, 1.9]);
        assert_eq!(inner_quantiles(&[3.0], 2, 1.0), [3.0, 3.0]);
    }
}
