//! Logistic regression with a prior.

use std::f64::consts::PI;

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::special::softplus;

/// Logistic regression with independent N(0, s²) coefficients, and such an intercept, the last of them.
#[derive(Clone, Debug)]
pub struct BayesianLogistic {
    /// Rows with a last column of ones, each times 1 or −1: the class. `[d + 1, n]`.
    signed: Tensor<2>,
    prior_scale: f64,
}

impl BayesianLogistic {
    /// Of rows x `[n, d]`, whether each is of the positive class, and the prior's s > 0. None where the numbers of rows differ or s is out of its
    /// range.
    pub fn new(x: &Tensor<2>, positive: &[bool], prior_scale: f64) -> Option<Self> {
        let [n, _] = x.dims();
        if positive.len() != n || !(prior_scale.is_finite() && prior_scale > 0.0) {
            return None;
        }
        let x = x.clone().without_autodiff();
        let signs: Vec<f64> = positive.iter().map(|p| if *p { 1.0 } else { -1.0 }).collect();
        let signs = Tensor::<2>::from_data(TensorData::new(signs, [n, 1]), (&x.device(), x.dtype()));
        let ones = x.ones_like().slice([0..n, 0..1]);
        Some(Self { signed: (Tensor::cat(vec![x, ones], 1) * signs).transpose(), prior_scale })
    }

    /// d + 1.
    pub fn dims(&self) -> usize {
        self.signed.dims()[0]
    }

    /// ln p(y, z | x) of each row of z `[s, d + 1]`, `[s]`, in nats: −Σ softplus(−sᵢ·xᵢᵀz) + ln N(z; 0, s²).
    pub fn log_joint(&self, z: Tensor<2>) -> Tensor<1> {
        let logits = z.clone().matmul(self.signed.clone().to_device(&z.device()));
        let of_data = -softplus(-logits).sum_dim(1);
        #[allow(clippy::cast_precision_loss, reason = "a number of coefficients")]
        let constant = self.dims() as f64 * (self.prior_scale.ln() + 0.5 * (2.0 * PI).ln());
        let of_prior = z.square().sum_dim(1) * (-0.5 * self.prior_scale.powi(-2)) - constant;
        (of_data + of_prior).squeeze_dim(1)
    }
}
