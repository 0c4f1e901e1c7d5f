//! What the rows say of components to which they belong in parts.

use burn::tensor::Tensor;

/// Weighted counts, means and scatters.
pub(crate) struct Moments {
    /// Rows of each component, `[k]`.
    pub(crate) counts: Vec<f64>,
    /// `[k, d]`.
    pub(crate) means: Tensor<2>,
    /// Σ shares·(x − mean)·(x − mean)ᵀ of each, `[d, d]` row by row.
    pub(crate) scatters: Vec<Vec<f64>>,
}

impl Moments {
    /// Of rows x `[n, d]` that belong to components by the parts `shares` `[n, k]`.
    pub(crate) fn of(x: &Tensor<2>, shares: &Tensor<2>) -> Self {
        let [n, k] = shares.dims();
        // Ten roundings, so that a component without rows does not divide by zero.
        let counts = shares.clone().sum_dim(0).transpose() + 10.0 * f64::EPSILON;
        let means = shares.clone().transpose().matmul(x.clone()) / counts.clone();
        let scatter = |component: usize| {
            let apart = x.clone() - means.clone().slice(component..=component);
            let weighted = apart.clone() * shares.clone().slice([0..n, component..component + 1]);
            weighted.transpose().matmul(apart)
        };
        let d = x.dims()[1];
        // Read once for all components.
        let scatters = Tensor::cat((0..k).map(scatter).collect(), 0).into_data().try_into_vec_as().expect("floats");
        let scatters: Vec<f64> = scatters;
        let scatters = scatters.chunks_exact(d * d).map(<[f64]>::to_vec).collect();
        Self { counts: counts.into_data().try_into_vec_as().expect("floats"), means, scatters }
    }
}
