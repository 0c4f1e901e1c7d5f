//! Logistic and softmax regression.

pub(crate) mod basis;
pub(crate) mod definite;
mod dependence;
mod error;
mod existence;
mod hessian;
mod host;
mod inference;
mod linear_programme;
mod loss;
mod parts;
mod search;
mod separation;
pub(crate) mod table;

pub use self::{
    basis::dependent_columns,
    dependence::Dependence,
    error::RegressionDataError,
    inference::{Coefficient, Covariance, Inference, InferenceError},
    loss::RegressionLoss,
    separation::{Separation, SeparationMismatch, Sides},
    table::InferenceTable,
};
use burn::{
    module::{Module, Param},
    nn::Linear,
    tensor::{Device, Tensor},
};
use kiln_dist::{Bernoulli, Categorical, ConditionalModel, DistError};
use kiln_tensor::{
    fused::{Activation, dense},
    init,
};

/// Logistic regression for two classes, p(y = 1 | x) = σ(x·w + b), as a Burn module.
///
/// Training starts from zero, because the likelihood is concave in (w, b). Parameters: `linear.weight` `[d, 1]` and `linear.bias`
/// `[1]`. To fit all data at once with standard errors, use `kiln::models::LogisticConfig`.
///
/// # Example
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
    /// Builds the model for inputs with `features` columns, with all parameters at zero.
    pub fn new(features: usize, device: &Device) -> Self {
        Self { linear: init::zero_linear(features, 1, device) }
    }

    /// Builds the model from weights `[d, 1]` and an intercept `[1]`.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes are others.
    pub fn from_parts(weights: Tensor<2>, intercept: Tensor<1>) -> Result<Self, DistError> {
        linear(weights, intercept, Some(1)).map(|linear| Self { linear })
    }

    /// Returns the weights `[d, 1]` and the intercept `[1]`.
    pub fn coefficients(&self) -> (Tensor<2>, Tensor<1>) {
        coefficients(&self.linear)
    }
}

impl ConditionalModel for LogisticRegression {
    type Output = Bernoulli<2>;

    /// Maps inputs `[n, d]` to a Bernoulli distribution of shape `[n, 1]`.
    ///
    /// # Panics
    /// If the inputs do not have d columns. [`check_inputs`](ConditionalModel::check_inputs) checks it without a panic.
    fn forward(&self, inputs: Tensor<2>) -> Bernoulli<2> {
        Bernoulli::from_logits(dense(&self.linear, inputs, Activation::Identity))
    }

    fn check_inputs(&self, inputs: &Tensor<2>) -> Result<(), DistError> {
        check_inputs(&self.linear, inputs)
    }
}

/// Softmax (multinomial logistic) regression, p(y = k | x) = softmax(x·W + b)_k, as a Burn module.
///
/// Each class has its own weights. They are identified up to a shift common to all classes, unless an ℓ2 penalty removes it.
/// Training starts from zero. Parameters: `linear.weight` `[d, k]` and `linear.bias` `[k]`. To fit all data at once with standard
/// errors, use `kiln::models::LogisticConfig`.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::ConditionalModel;
/// use kiln_models::SoftmaxRegression;
///
/// let model = SoftmaxRegression::new(3, 5, &Device::default());
/// let p = model.forward(Tensor::ones([2, 3], &Device::default())).probs();
/// assert_eq!(p.dims(), [2, 5]);
/// ```
#[derive(Module, Debug)]
pub struct SoftmaxRegression {
    linear: Linear,
}

impl SoftmaxRegression {
    /// Builds the model for inputs with `features` columns and `classes` classes, with all parameters at zero.
    pub fn new(features: usize, classes: usize, device: &Device) -> Self {
        Self { linear: init::zero_linear(features, classes, device) }
    }

    /// Builds the model from weights `[d, k]` and intercepts `[k]`.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes do not fit.
    pub fn from_parts(weights: Tensor<2>, intercepts: Tensor<1>) -> Result<Self, DistError> {
        linear(weights, intercepts, None).map(|linear| Self { linear })
    }

    /// Returns the weights `[d, k]` and the intercepts `[k]`.
    pub fn coefficients(&self) -> (Tensor<2>, Tensor<1>) {
        coefficients(&self.linear)
    }
}

impl ConditionalModel for SoftmaxRegression {
    type Output = Categorical<2>;

    /// Maps inputs `[n, d]` to a categorical distribution with logits `[n, k]`.
    ///
    /// # Panics
    /// If the inputs do not have d columns. [`check_inputs`](ConditionalModel::check_inputs) checks it without a panic.
    fn forward(&self, inputs: Tensor<2>) -> Categorical<2> {
        Categorical::from_logits(dense(&self.linear, inputs, Activation::Identity))
    }

    fn check_inputs(&self, inputs: &Tensor<2>) -> Result<(), DistError> {
        check_inputs(&self.linear, inputs)
    }
}

/// Returns an upper bound L of the curvature of a regression's mean negative log-likelihood.
///
/// Gradient descent with step size 1/L never overshoots. `inputs` has rows of `features` numbers in row-major order.
///
/// L = c·λ_max(AᵀA)/n, where A is the inputs with a column of ones, and c is ¼ for two classes and ½ for more (Böhning, 1992).
/// The power method finds λ_max from below to a relative change of 1e-6, so 1% is added. An ℓ2 penalty adds its λ. Without rows L
/// is 0.
///
/// # Example
/// ```
/// // Columns ±2 and 1: AᵀA/n = diag(4, 1), and L is ¼·4, with 1% added.
/// let bound = kiln_models::curvature_bound(&[2.0, -2.0, 2.0, -2.0], 1, 2);
/// assert!((bound - 1.01).abs() < 1e-5);
/// ```
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

/// Builds a layer, with `columns` outputs if that is given.
fn linear(weights: Tensor<2>, bias: Tensor<1>, columns: Option<usize>) -> Result<Linear, DistError> {
    let ([rows, outputs], [biases]) = (weights.dims(), bias.dims());
    if rows == 0 || outputs != biases || columns.is_some_and(|columns| columns != outputs) || outputs == 0 {
        let (first_shape, second_shape) = (vec![rows, outputs], vec![biases]);
        return Err(DistError::Shape { first: "weights", first_shape, second: "intercepts", second_shape });
    }
    let own = |tensor: Tensor<2>| Param::from_tensor(tensor.without_autodiff());
    Ok(Linear { weight: own(weights), bias: Some(Param::from_tensor(bias.without_autodiff())) })
}

fn check_inputs(linear: &Linear, inputs: &Tensor<2>) -> Result<(), DistError> {
    let ([expected, _], [_, got]) = (linear.weight.dims(), inputs.dims());
    if expected == got { Ok(()) } else { Err(DistError::Columns { expected, got }) }
}

fn coefficients(linear: &Linear) -> (Tensor<2>, Tensor<1>) {
    let bias = linear.bias.as_ref().expect("both constructors make a bias");
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
