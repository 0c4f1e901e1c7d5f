//! Kernels, and a cache of the rows of their matrices.

use std::rc::Rc;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// A kernel K(x, x') = φ(x)·φ(x').
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::Kernel;
///
/// let x = Tensor::<2>::from_data([[0.0, 1.0], [1.0, 0.0]], &Device::default());
/// let k = Kernel::Rbf { gamma: 0.5 }.matrix(&x, &x);
/// assert_eq!(k.dims(), [2, 2]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kernel", rename_all = "kebab-case")]
pub enum Kernel {
    /// The linear kernel x·x'.
    Linear,
    /// The radial basis function exp(−γ·‖x − x'‖²).
    Rbf {
        /// γ, positive.
        gamma: f64,
    },
}

impl Kernel {
    /// Returns the radial kernel with scikit-learn's `gamma="scale"`: γ = 1/(d·σ²), where σ² is the variance of all entries of the
    /// inputs `[n, d]`. If the variance is zero, γ is 1.
    pub fn rbf_scaled(inputs: &Tensor<2>) -> Self {
        let [_, d] = inputs.dims();
        let variance = (inputs.clone() - inputs.clone().mean().reshape([1, 1])).square().mean().into_scalar::<f64>();
        #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
        let gamma = if variance > 0.0 { 1.0 / (d as f64 * variance) } else { 1.0 };
        Self::Rbf { gamma }
    }

    /// Returns the kernel of each row of `a` `[n, d]` with each row of `b` `[m, d]`, as `[n, m]`.
    ///
    /// # Panics
    /// If `a` and `b` have different numbers of columns.
    pub fn matrix(&self, a: &Tensor<2>, b: &Tensor<2>) -> Tensor<2> {
        let products = a.clone().matmul(b.clone().transpose());
        match self {
            Self::Linear => products,
            Self::Rbf { gamma } => {
                let squares = |rows: &Tensor<2>| rows.clone().square().sum_dim(1);
                let apart = squares(a) + squares(b).transpose() - products * 2.0;
                (apart.clamp_min(0.0) * -*gamma).exp()
            }
        }
    }
}

/// Rows of a kernel matrix, computed on demand, with a least-recently-used cache.
pub(super) struct Rows<'x> {
    kernel: Kernel,
    inputs: &'x [f64],
    features: usize,
    /// ‖x‖² of each row of the inputs.
    squares: Vec<f64>,
    kept: Vec<Option<Rc<[f64]>>>,
    used: Vec<u64>,
    clock: u64,
    room: usize,
}

impl<'x> Rows<'x> {
    /// Builds a cache for as many rows as `cache_mb` megabytes hold, and at least two.
    pub(super) fn new(kernel: Kernel, inputs: &'x [f64], features: usize, cache_mb: f64) -> Self {
        let squares: Vec<f64> = inputs.chunks(features.max(1)).map(|row| dot(row, row)).collect();
        let n = squares.len();
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a count"
        )]
        let room = ((cache_mb * 1e6 / (8.0 * n as f64)) as usize).max(2);
        Self { kernel, inputs, features, squares, kept: vec![None; n], used: vec![0; n], clock: 0, room }
    }

    /// Returns K(xᵢ, xᵢ) of all rows.
    pub(super) fn diagonal(&self) -> Vec<f64> {
        match self.kernel {
            Kernel::Linear => self.squares.clone(),
            Kernel::Rbf { .. } => vec![1.0; self.squares.len()],
        }
    }

    /// Returns K(xᵢ, ·).
    pub(super) fn row(&mut self, i: usize) -> Rc<[f64]> {
        self.clock += 1;
        self.used[i] = self.clock;
        if let Some(row) = &self.kept[i] {
            return row.clone();
        }
        if self.room == 0 {
            let oldest = (0..self.kept.len()).filter(|&j| self.kept[j].is_some()).min_by_key(|&j| self.used[j]);
            self.kept[oldest.expect("the full cache holds a row")] = None;
        } else {
            self.room -= 1;
        }
        let row: Rc<[f64]> = self.compute(i).into();
        self.kept[i] = Some(row.clone());
        row
    }

    fn compute(&self, i: usize) -> Vec<f64> {
        let d = self.features;
        let own = &self.inputs[i * d..(i + 1) * d];
        let products = self.inputs.chunks(d.max(1)).map(|row| dot(own, row));
        match self.kernel {
            Kernel::Linear => products.collect(),
            Kernel::Rbf { gamma } => {
                let of = |(product, square): (f64, &f64)| {
                    (-gamma * (self.squares[i] + square - 2.0 * product).max(0.0)).exp()
                };
                products.zip(&self.squares).map(of).collect()
            }
        }
    }
}

/// Returns a·b, summed in four lanes so that the compiler vectorises it.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (a4, b4) = (a.chunks_exact(4), b.chunks_exact(4));
    let rest: f64 = a4.remainder().iter().zip(b4.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a4.zip(b4) {
        for k in 0..4 {
            sums[k] += a[k] * b[k];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}
