//! What logistic and softmax regression have in common.

use kiln::{
    burn::tensor::Tensor,
    dist::{Bernoulli, Categorical, ConditionalModel, Distribution},
    models::{LogisticRegression, SoftmaxRegression},
};

use crate::context::Compute;

/// What both regressions have in common.
pub(super) trait Regression: ConditionalModel<Output: Distribution<2> + Clone> {
    fn init(features: usize, classes: usize, compute: &Compute) -> Self;
    /// Returns the weights, one column per class of `coef.csv`, and the intercepts.
    fn weights(&self) -> (Tensor<2>, Tensor<1>);
    /// Returns the probability of each class, `[n, k]`.
    fn probabilities(output: &Self::Output) -> Tensor<2>;
}

impl Regression for LogisticRegression {
    fn init(features: usize, _classes: usize, compute: &Compute) -> Self {
        Self::new(features, &compute.device.clone().autodiff())
    }

    fn weights(&self) -> (Tensor<2>, Tensor<1>) {
        self.coefficients()
    }

    fn probabilities(output: &Bernoulli<2>) -> Tensor<2> {
        // 1 − p from the opposite logit: exact where p is close to 1.
        Tensor::cat(vec![Bernoulli::from_logits(-output.logits()).probs(), output.probs()], 1)
    }
}

impl Regression for SoftmaxRegression {
    fn init(features: usize, classes: usize, compute: &Compute) -> Self {
        Self::new(features, classes, &compute.device.clone().autodiff())
    }

    fn weights(&self) -> (Tensor<2>, Tensor<1>) {
        self.coefficients()
    }

    fn probabilities(output: &Categorical<2>) -> Tensor<2> {
        output.probs()
    }
}

/// Evaluates an expression with `$model` as the type of the regression for a number of classes.
macro_rules! with_model {
    ($classes:expr, $model:ident => $run:expr) => {
        if $classes == 2 {
            type $model = kiln::models::LogisticRegression;
            $run
        } else {
            type $model = kiln::models::SoftmaxRegression;
            $run
        }
    };
}

pub(super) use with_model;
