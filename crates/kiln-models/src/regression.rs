//! Logistic and softmax regression: linear log-odds.

mod inference;
mod loss;
mod separation;

pub use self::{
    inference::{Coefficient, Covariance, Inference, InferenceError, InferenceTable},
    loss::{RegressionDataError, RegressionLoss},
    separation::{Separation, SeparationMismatch, Sides},
};
use burn::{
    module::Module,
    nn::Linear,
    tensor::{Device, Tensor},
};
use kiln_dist::{Bernoulli, Categorical, ConditionalModel};
use kiln_tensor::{
    fused::{Activation, dense},
    init,
};

/// Logistic regression: p(y = 1 | x) = σ(x·w + b).
///
/// The likelihood is concave in (w, b), so training starts from zero: there is nothing to initialise at random.
/// Parameters: `linear.weight` `[d, 1]` and `linear.bias` `[1]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{ConditionalModel, Moments};
/// use kiln_models::LogisticRegression;
///
/// let model = LogisticRegression::new(3, &Device::default());
/// let p = model.forward(Tensor::ones([2, 3], &Device::default()));
/// assert_eq!(p.mean().dims(), [2, 1]);
/// ```
#[derive(Module, Debug)]
pub struct LogisticRegression {
    linear: Linear,
}

impl LogisticRegression {
    /// The model of `features` inputs, at zero.
    pub fn new(features: usize, device: &Device) -> Self {
        Self { linear: init::zero_linear(features, 1, device) }
    }

    /// Weights `[d, 1]` and intercept `[1]`.
    pub fn coefficients(&self) -> (Tensor<2>, Tensor<1>) {
        coefficients(&self.linear)
    }
}

impl ConditionalModel for LogisticRegression {
    type Output = Bernoulli<2>;

    /// Inputs `[n, d]`, output over `[n, 1]`.
    fn forward(&self, inputs: Tensor<2>) -> Bernoulli<2> {
        Bernoulli::from_logits(dense(&self.linear, inputs, Activation::Identity))
    }
}

/// Softmax (multinomial logistic) regression: p(y = k | x) = softmax(x·W + b)_k.
///
/// Every class has its own weights. They are identified only up to a shift common to all classes, which an ℓ2 penalty
/// removes. Training starts from zero. Parameters: `linear.weight` `[d, k]` and `linear.bias` `[k]`.
#[derive(Module, Debug)]
pub struct SoftmaxRegression {
    linear: Linear,
}

impl SoftmaxRegression {
    /// The model of `features` inputs and `classes` classes, at zero.
    pub fn new(features: usize, classes: usize, device: &Device) -> Self {
        Self { linear: init::zero_linear(features, classes, device) }
    }

    /// Weights `[d, k]` and intercepts `[k]`.
    pub fn coefficients(&self) -> (Tensor<2>, Tensor<1>) {
        coefficients(&self.linear)
    }
}

impl ConditionalModel for SoftmaxRegression {
    type Output = Categorical<2>;

    /// Inputs `[n, d]`, output over `[n, k]`.
    fn forward(&self, inputs: Tensor<2>) -> Categorical<2> {
        Categorical::from_logits(dense(&self.linear, inputs, Activation::Identity))
    }
}

/// An upper bound L of the curvature of the mean negative log-likelihood of a regression on `inputs`
/// (row after row of `features` numbers) with `classes` classes: gradient descent with step size 1/L never overshoots.
///
/// L = c·λ_max(AᵀA)/n with A the inputs and a column of ones, and c = ¼ for two classes (logistic), ½ for more
/// (softmax; Böhning, 1992). λ_max is found by the power method to a relative change of 1e-6, which approaches it from
/// below: 1% is added. An ℓ2 penalty adds its λ. Zero rows give 0.
pub fn curvature_bound(inputs: &[f64], features: usize, classes: usize) -> f64 {
    let rows = inputs.chunks_exact(features.max(1));
    let n = rows.len();
    let mut v = vec![1.0; features + 1];
    let mut largest = 0.0;
    for _ in 0..200 {
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        if n == 0 || norm == 0.0 {
            return 0.0;
        }
        v.iter_mut().for_each(|x| *x /= norm);
        let mut next = vec![0.0; features + 1];
        for row in rows.clone() {
            let product = v[features] + row.iter().zip(&v).map(|(a, b)| a * b).sum::<f64>();
            next.iter_mut().zip(row).for_each(|(sum, a)| *sum += product * a / n as f64);
            next[features] += product / n as f64;
        }
        let quotient: f64 = v.iter().zip(&next).map(|(a, b)| a * b).sum();
        let change = (quotient - largest).abs();
        (largest, v) = (quotient, next);
        if change <= 1e-6 * largest {
            break;
        }
    }
    1.01 * largest * if classes > 2 { 0.5 } else { 0.25 }
}

fn coefficients(linear: &Linear) -> (Tensor<2>, Tensor<1>) {
    let bias = linear.bias.as_ref().expect("init::zero_linear makes a bias");
    (linear.weight.val(), bias.val())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curvature_bound_is_the_largest_eigenvalue() {
        // Columns ±2 and 1: AᵀA/n = diag(4, 1).
        let bound = curvature_bound(&[2.0, -2.0, 2.0, -2.0], 1, 2);
        assert!((bound - 1.01 * 4.0 * 0.25).abs() < 1e-5, "{bound}");
        assert!((curvature_bound(&[2.0, -2.0], 1, 3) - 1.01 * 4.0 * 0.5).abs() < 1e-5);
        assert!(curvature_bound(&[], 3, 2).abs() < f64::EPSILON);
    }
}
