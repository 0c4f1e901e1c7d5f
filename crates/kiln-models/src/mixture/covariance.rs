//! The density of a component, from its covariance.

use std::f64::consts::PI;

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::linalg::Symmetric;

/// The inverse covariance on the device, and the constants of the density.
#[derive(Clone, Debug)]
pub(crate) struct Precision {
    /// The inverse Σ⁻¹, `[d, d]`.
    inverse: Tensor<2>,
    /// −½·ln det Σ − d·ln √(2π).
    constant: f64,
    trace: f64,
    covariance: Symmetric,
}

impl Precision {
    /// Returns `None` if the covariance is not positive definite.
    pub(crate) fn of(covariance: &[f64], like: &Tensor<2>) -> Option<Self> {
        let d = like.dims()[1];
        let covariance = Symmetric::from_fn(d, |i, j| covariance[i * d + j]);
        let factor = covariance.cholesky()?;
        let (inverse, log_det) = (factor.inverse(), factor.log_determinant());
        if !log_det.is_finite() {
            return None;
        }
        let entries: Vec<f64> = (0..d * d).map(|i| inverse.at(i / d, i % d)).collect();
        #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
        let constant = -0.5 * (log_det + d as f64 * (2.0 * PI).ln());
        let trace = (0..d).map(|i| entries[i * (d + 1)]).sum();
        let inverse = Tensor::from_data(TensorData::new(entries, [d, d]), (&like.device(), like.dtype()));
        Some(Self { inverse, constant, trace, covariance })
    }

    /// Returns the log-density of x − μ `[n, d]`, as `[n, 1]`.
    pub(crate) fn log_density(&self, apart: Tensor<2>) -> Tensor<2> {
        let distance = (apart.clone().matmul(self.inverse.clone()) * apart).sum_dim(1);
        distance * -0.5 + self.constant
    }

    /// Returns tr Σ⁻¹.
    pub(crate) fn trace(&self) -> f64 {
        self.trace
    }

    /// Returns the smallest eigenvalue of Σ.
    pub(crate) fn smallest(&self) -> f64 {
        self.covariance.eigen().map_or(f64::NAN, |eigen| eigen.values[0])
    }

    /// Returns the Cholesky factor of Σ in row-major order.
    pub(crate) fn root(&self, d: usize) -> Vec<f64> {
        let mut root = vec![0.0; d * d];
        for i in 0..d {
            for j in 0..=i {
                let explained: f64 = (0..j).map(|p| root[i * d + p] * root[j * d + p]).sum();
                let rest = self.covariance.at(i, j) - explained;
                root[i * d + j] = if i == j { rest.max(0.0).sqrt() } else { rest / root[j * d + j] };
            }
        }
        root
    }
}
