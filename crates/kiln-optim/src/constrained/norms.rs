//! Maximum norms that keep NaN.

/// Returns the largest of the values and 0, and NaN if one of them is NaN.
pub(super) fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |a: f64, b| if a.is_nan() || b <= a { a } else { b })
}

/// Returns the largest absolute value, and NaN if one of them is NaN.
pub(super) fn max_abs(values: &[f64]) -> f64 {
    largest(values.iter().map(|value| value.abs()))
}
