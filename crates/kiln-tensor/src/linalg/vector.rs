//! Vectors as matrices with one column.

use faer::Mat;

pub(super) fn column(vector: &[f64]) -> Mat<f64> {
    Mat::from_fn(vector.len(), 1, |i, _| vector[i])
}

pub(super) fn entries(column: &Mat<f64>) -> Vec<f64> {
    column.col(0).iter().copied().collect()
}
