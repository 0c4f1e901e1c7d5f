//! A posterior that is known.

use kiln::{
    dist::{Factors, LogJoint},
    prelude::*,
    tensor::linalg::Symmetric,
};
use kiln_testkit::{f64_device, tensor};

/// Linear regression with known noise and a standard normal prior: its posterior is normal.
pub(crate) struct Regression {
    x: Vec<f64>,
    y: Vec<f64>,
    d: usize,
    noise: f64,
}

impl Regression {
    pub(crate) fn new() -> Self {
        let (n, d, noise) = (30usize, 3usize, 0.7);
        let mut stream = Stream::new(8, "data", 0, 0);
        let base = stream.normal_vec(n * d);
        // The second column follows the first: a posterior with correlations.
        let x: Vec<f64> =
            (0..n * d).map(|i| if i % d == 1 { 0.8 * base[i - 1] + 0.4 * base[i] } else { base[i] }).collect();
        let truth = [1.2, -0.5, 0.3];
        let noises = stream.normal_vec(n);
        let y = (0..n).map(|i| (0..d).map(|j| x[i * d + j] * truth[j]).sum::<f64>() + noise * noises[i]).collect();
        Self { x, y, d, noise }
    }

    /// XᵀX/s² + I.
    pub(crate) fn precision(&self) -> Symmetric {
        let n = self.y.len();
        let entry = |i: usize, j: usize| (0..n).map(|r| self.x[r * self.d + i] * self.x[r * self.d + j]).sum::<f64>();
        Symmetric::from_fn(self.d, |i, j| entry(i, j) / self.noise.powi(2) + f64::from(u8::from(i == j)))
    }

    /// Xᵀy/s².
    pub(crate) fn pull(&self) -> Vec<f64> {
        let n = self.y.len();
        (0..self.d)
            .map(|j| (0..n).map(|r| self.x[r * self.d + j] * self.y[r]).sum::<f64>() / self.noise.powi(2))
            .collect()
    }

    pub(crate) fn mean(&self) -> Vec<f64> {
        self.precision().cholesky().unwrap().solve(&self.pull())
    }

    pub(crate) fn covariance(&self) -> Symmetric {
        self.precision().cholesky().unwrap().inverse()
    }

    /// ln N(y; 0, s²·I + X·Xᵀ).
    pub(crate) fn log_evidence(&self) -> f64 {
        let n = self.y.len();
        let covariance = Symmetric::from_fn(n, |a, b| {
            let product: f64 = (0..self.d).map(|j| self.x[a * self.d + j] * self.x[b * self.d + j]).sum();
            product + if a == b { self.noise.powi(2) } else { 0.0 }
        });
        let factor = covariance.cholesky().unwrap();
        let distance: f64 = factor.solve(&self.y).iter().zip(&self.y).map(|(a, b)| a * b).sum();
        -0.5 * (distance + factor.log_determinant() + n as f64 * (2.0 * std::f64::consts::PI).ln())
    }
}

impl LogJoint for Regression {
    fn dims(&self) -> usize {
        self.d
    }

    fn log_joint(&self, z: Tensor<2>) -> Tensor<1> {
        let n = self.y.len();
        let x = tensor::<2>(&self.x, [n, self.d], &f64_device()).to_device(&z.device());
        let y = tensor::<2>(&self.y, [1, n], &f64_device()).to_device(&z.device());
        // Not a division: of one by a number Burn rounds the gradient to f32.
        let apart = (z.clone().matmul(x.transpose()) - y) * self.noise.recip();
        let of_data =
            apart.square().sum_dim(1) * -0.5 - n as f64 * (self.noise.ln() + 0.5 * (2.0 * std::f64::consts::PI).ln());
        let prior = z.square().sum_dim(1) * -0.5 - 0.5 * self.d as f64 * (2.0 * std::f64::consts::PI).ln();
        (of_data + prior).squeeze_dim(1)
    }

    /// −½·zᵀΛz + bᵀz by its products, and what is of no number.
    fn factors(&self, z: Tensor<2>) -> Factors {
        let ([s, d], precision, pull) = (z.dims(), self.precision(), self.pull());
        let constant = self.log_joint(z.zeros_like().slice([0..1, 0..d]));
        let column = |i: usize| z.clone().slice([0..s, i..i + 1]);
        let mut terms = vec![constant.unsqueeze_dim::<2>(1).repeat_dim(0, s)];
        let mut involved = vec![0.0; d];
        for (i, pull) in pull.iter().enumerate() {
            terms.push(column(i) * *pull);
            involved.extend((0..d).map(|k| f64::from(u8::from(k == i))));
            for j in 0..d {
                terms.push(column(i) * column(j) * (-0.5 * precision.at(i, j)));
                involved.extend((0..d).map(|k| f64::from(u8::from(k == i || k == j))));
            }
        }
        let involved = tensor(&involved, [terms.len(), d], &f64_device());
        Factors { terms: Tensor::cat(terms, 1), involved }
    }
}
