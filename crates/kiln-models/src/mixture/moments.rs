//! Weighted moments of the rows.

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::{World, world::WorldError};

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
    /// Computes the moments of rows x `[n, d]` with responsibilities `shares` `[n, k]`, those of all ranks of `world`.
    pub(crate) fn of(x: &Tensor<2>, shares: &Tensor<2>, world: &World) -> Result<Self, WorldError> {
        let [n, k] = shares.dims();
        // A tiny count, so that a component without rows does not divide by zero.
        let counts = summed(shares.clone().sum_dim(0), world)?.transpose() + 10.0 * f64::EPSILON;
        let means = summed(shares.clone().transpose().matmul(x.clone()), world)? / counts.clone();
        let scatter = |component: usize| {
            let apart = x.clone() - means.clone().slice(component..=component);
            let weighted = apart.clone() * shares.clone().slice([0..n, component..component + 1]);
            weighted.transpose().matmul(apart)
        };
        let d = x.dims()[1];
        // One transfer for all components.
        let scatters = summed(Tensor::cat((0..k).map(scatter).collect(), 0), world)?
            .into_data()
            .try_into_vec_as()
            .expect("a float tensor converts to f64");
        let scatters: Vec<f64> = scatters;
        let scatters = scatters.chunks_exact(d * d).map(<[f64]>::to_vec).collect();
        let counts = counts.into_data().try_into_vec_as().expect("a float tensor converts to f64");
        Ok(Self { counts, means, scatters })
    }
}

/// The sum of the ranks' tensors.
fn summed(tensor: Tensor<2>, world: &World) -> Result<Tensor<2>, WorldError> {
    if world.is_alone() {
        return Ok(tensor);
    }
    let (shape, device, dtype) = (tensor.shape(), tensor.device(), tensor.dtype());
    let mut numbers: Vec<f64> = tensor.into_data().try_into_vec_as().expect("a float tensor converts to f64");
    world.sum(&mut numbers)?;
    Ok(Tensor::from_data(TensorData::new(numbers, shape), (&device, dtype)))
}
