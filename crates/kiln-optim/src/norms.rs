//! Norms and products of vectors on the host. Maxima keep NaN.

/// Returns the largest of the values and 0, and NaN if one of them is NaN.
pub(crate) fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |a: f64, b| if a.is_nan() || b <= a { a } else { b })
}

/// Returns the largest absolute value, and NaN if one of them is NaN.
pub(crate) fn max_abs(values: &[f64]) -> f64 {
    largest(values.iter().map(|value| value.abs()))
}

/// a·b.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The Euclidean norm, without overflow.
pub(crate) fn norm(vector: &[f64]) -> f64 {
    let largest = vector.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    if largest == 0.0 || !largest.is_finite() || vector.iter().any(|x| x.is_nan()) {
        return if vector.iter().any(|x| x.is_nan()) { f64::NAN } else { largest };
    }
    if (1e-140..1e140).contains(&largest) {
        return vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    }
    largest * vector.iter().map(|x| (x / largest).powi(2)).sum::<f64>().sqrt()
}

/// The Euclidean distance.
pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}
