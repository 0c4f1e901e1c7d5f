//! N(0, I).

use std::f64::consts::PI;

use burn::tensor::Tensor;
use kiln_dist::sum_per_example;

/// Returns ln N(z; 0, I) of each row, `[n]`.
pub(in super::super) fn log_standard(z: Tensor<2>) -> Tensor<1> {
    sum_per_example(z.square() * -0.5 - 0.5 * (2.0 * PI).ln())
}
