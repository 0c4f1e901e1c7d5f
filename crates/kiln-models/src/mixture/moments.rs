//! Weighted moments of the rows.

use burn::tensor::Tensor;

/// Counts, means and scatter matrices of the components, weighted by responsibilities.
pub(crate) struct WeightedMoments {
    /// The number of rows per component, `[k]`.
    pub(crate) counts: Vec<f64>,
    /// The means, `[k, d]`.
    pub(crate) means: Tensor<2>,
    /// The scatter matrices Σ share·(x − mean)·(x − mean)ᵀ, each `[d, d]` in row-major order.
    pub(crate) scatters: Vec<Vec<f64>>,
}

impl WeightedMoments {
    /// Computes the moments of rows x `[n, d]` with responsibilities `shares` `[n, k]`.
    pub(crate) fn of(x: &Tensor<2>, shares: &Tensor<2>) -> Self {
        let [n, k] = shares.dims();
        // A tiny count, so that a component without rows does not divide by zero.
        let counts = shares.clone().sum_dim(0).transpose() + 10.0 * f64::EPSILON;
        let means = shares.clone().transpose().matmul(x.clone()) / counts.clone();
        let scatter = |component: usize| {
            let apart = x.clone() - means.clone().slice(component..=component);
            let weighted = apart.clone() * shares.clone().slice([0..n, component..component + 1]);
            weighted.transpose().matmul(apart)
        };
        let d = x.dims()[1];
        // One transfer for all components.
        let scatters = Tensor::cat((0..k).map(scatter).collect(), 0)
            .into_data()
            .try_into_vec_as()
            .expect("a float tensor converts to f64");
        let scatters: Vec<f64> = scatters;
        let scatters = scatters.chunks_exact(d * d).map(<[f64]>::to_vec).collect();
        Self { counts: counts.into_data().try_into_vec_as().expect("a float tensor converts to f64"), means, scatters }
    }
}
