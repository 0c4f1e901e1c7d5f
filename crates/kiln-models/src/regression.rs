//! Logistic and softmax regression: linear log-odds.

use burn::{
    module::Module,
    nn::Linear,
    tensor::{Device, Tensor},
};
use kiln_dist::{Bernoulli, Categorical, ConditionalModel};
use kiln_tensor::init;

/// Logistic regression: p(y = 1 | x) = σ(x·w + b).
///
/// The likelihood is concave in (w, b), so training starts from zero: there is nothing to initialise at random.
/// Parameters: `linear.weight` `[d, 1]` and `linear.bias` `[1]`.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{ConditionalModel, Distribution};
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
        Bernoulli::from_logits(self.linear.forward(inputs))
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
        Categorical::from_logits(self.linear.forward(inputs))
    }
}

fn coefficients(linear: &Linear) -> (Tensor<2>, Tensor<1>) {
    let bias = linear.bias.as_ref().expect("init::zero_linear makes a bias");
    (linear.weight.val(), bias.val())
}
