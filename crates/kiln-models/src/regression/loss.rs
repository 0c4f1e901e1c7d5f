//! The loss of a regression over all its data, with derivatives in closed form.

use burn::tensor::{DType, Tensor, TensorData, activation::log_softmax};
use kiln_tensor::{
    derivative::{EvaluationError, Objective},
    fused,
    special::sigmoid,
};

use super::{error::RegressionDataError, host};

/// The mean negative log-likelihood of a [`LogisticRegression`](crate::LogisticRegression) (two classes) or a
/// [`SoftmaxRegression`](crate::SoftmaxRegression) (more classes) over all data, with an ℓ2 penalty, in nats:
///
/// f(W, b) = Σᵢ sᵢ·(−ln p(yᵢ | xᵢ)) / Σᵢ sᵢ + λ/2·‖W‖².
///
/// It is an [`Objective`] for any solver, with Hessian-vector products and the Hessian. The vector holds the model's parameters in
/// the order of its fields: W `[d, k]` in row-major order, then b `[k]`. For two classes k is 1.
///
/// After [`rescaled`](Self::rescaled) the solver works on other units: call [`parameters`](Self::parameters) on its result.
/// `kiln::models::LogisticConfig` does all of this in one call.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_models::RegressionLoss;
/// use kiln_tensor::derivative::Objective;
///
/// let x = Tensor::<2>::from_data([[-1.0], [1.0], [2.0]], &Device::default());
/// let loss = RegressionLoss::new(x, &[0, 1, 1], 2)?.l2(0.1)?;
/// let (value, gradient) = loss.value_and_grad(&loss.start())?;
/// assert!((value.into_scalar::<f64>() - 2f64.ln()).abs() < 1e-6);
/// assert_eq!(gradient.dims(), [2]);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
///
/// # References
/// Hosmer, Lemeshow and Sturdivant, *Applied Logistic Regression* (2013), section 1.2; Böhning (1992) for more classes.
#[derive(Clone, Debug)]
pub struct RegressionLoss {
    /// The inputs, `[n, d]`.
    pub(super) inputs: Tensor<2>,
    /// The one-hot classes `[n, k]`. With two classes, whether it is the second, `[n, 1]`.
    pub(super) targets: Tensor<2>,
    /// Each row's share sᵢ / Σ s of the weights, `[n, 1]`.
    pub(super) shares: Tensor<2>,
    /// The sum Σ s of the weights.
    pub(super) total: f64,
    pub(super) l2: f64,
    pub(super) scaling: Option<Scaling>,
}

/// The means subtracted from the inputs' columns and the scales they were divided by, each `[1, d]`.
#[derive(Clone, Debug)]
pub(super) struct Scaling {
    pub(super) mean: Tensor<2>,
    pub(super) scale: Tensor<2>,
}

impl RegressionLoss {
    /// The number of parameters up to which the command line and `LogisticConfig` compute the Hessian and look for a separation.
    pub const LARGEST_HESSIAN: usize = 1000;

    /// Builds the loss of rows `[n, d]` and their classes, with equal weights and no penalty.
    ///
    /// # Errors
    /// Returns [`RegressionDataError`] if the lengths differ, if there are no rows or fewer than two classes, or if a target is not
    /// a class index.
    pub fn new(inputs: Tensor<2>, targets: &[usize], classes: usize) -> Result<Self, RegressionDataError> {
        let [n, _] = inputs.dims();
        if targets.len() != n {
            return Err(RegressionDataError::Length { what: "targets", rows: n, got: targets.len() });
        }
        if n == 0 || classes < 2 {
            return Err(RegressionDataError::Empty);
        }
        if let Some((row, &target)) = targets.iter().enumerate().find(|(_, target)| **target >= classes) {
            return Err(RegressionDataError::Target { row, target, classes });
        }
        let columns = if classes == 2 { 1 } else { classes };
        let one = |target: usize, column: usize| f64::from(u8::from(target == column + usize::from(columns == 1)));
        let one_hot: Vec<f64> = targets.iter().flat_map(|&t| (0..columns).map(move |c| one(t, c))).collect();
        let inputs = inputs.without_autodiff();
        let like = (&inputs.device(), inputs.dtype());
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let total = n as f64;
        let shares = Tensor::full([n, 1], 1.0 / total, like);
        let targets = Tensor::from_data(TensorData::new(one_hot, [n, columns]), like);
        Ok(Self { inputs, targets, shares, total, l2: 0.0, scaling: None })
    }

    /// Sets the penalty λ/2·‖W‖², λ ≥ 0. Intercepts are not penalised.
    ///
    /// # Errors
    /// Returns [`RegressionDataError::Penalty`] if λ is negative or not finite.
    pub fn l2(self, lambda: f64) -> Result<Self, RegressionDataError> {
        if lambda >= 0.0 && lambda.is_finite() {
            return Ok(Self { l2: lambda, ..self });
        }
        Err(RegressionDataError::Penalty(lambda.to_string()))
    }

    /// Sets a weight for each row. A weight of 2 equals repeating the row; a row of weight 0 is ignored, even if it holds NaN.
    ///
    /// # Errors
    /// Returns [`RegressionDataError`] if the number of weights differs from the number of rows, or if the weights are not valid.
    pub fn weights(self, weights: &[f64]) -> Result<Self, RegressionDataError> {
        let [n, _] = self.inputs.dims();
        if weights.len() != n {
            return Err(RegressionDataError::Length { what: "weights", rows: n, got: weights.len() });
        }
        let total: f64 = weights.iter().sum();
        if weights.iter().any(|w| !w.is_finite() || *w < 0.0) || total <= 0.0 || !total.is_finite() {
            return Err(RegressionDataError::Weights);
        }
        let shares = weights.iter().map(|w| w / total).collect::<Vec<_>>();
        let like = (&self.inputs.device(), self.inputs.dtype());
        let shares = Tensor::<2>::from_data(TensorData::new(shares, [n, 1]), like);
        let none = shares.clone().equal_scalar(0.0).expand(self.inputs.shape());
        let inputs = self.inputs.mask_fill(none, 0.0);
        Ok(Self { inputs, shares, total, ..self })
    }

    /// Rescales the inputs' columns to mean 0 and similar curvature, so that solvers converge fast for columns of any units.
    ///
    /// The minimum stays the same, but the vector is in the new units: [`parameters`](Self::parameters) converts it back. The
    /// penalty still applies to the model's own parameters.
    ///
    /// A column is divided by √(σ² + 4λ), which makes its curvature at zero ¼ for two classes. Mean and standard deviation σ are
    /// weighted, so set weights and penalty first. A constant column becomes 0. Rescaling twice changes nothing.
    #[must_use]
    pub fn rescaled(self) -> Self {
        if self.scaling.is_some() {
            return self;
        }
        if self.is_on_host() {
            return self.rescaled_on_host();
        }
        let shape = self.inputs.shape();
        let counts = self.shares.clone().greater_scalar(0.0).expand(shape.clone());
        let fill = |value: f64| self.inputs.clone().mask_fill(counts.clone().bool_not(), value);
        let (lowest, highest) = (fill(f64::INFINITY).min_dim(0), fill(f64::NEG_INFINITY).max_dim(0));
        let constant = lowest.clone().greater_equal(highest);
        // Relative to the smallest value, which is exact if all values are close together.
        let above = self.inputs - lowest.clone();
        let mean_above = (above.clone() * self.shares.clone()).sum_dim(0);
        let centred = (above - mean_above.clone()).mask_fill(counts.bool_not(), 0.0);
        // In units of the largest deviation, whose square could overflow.
        let largest = centred.clone().abs().max_dim(0);
        let largest = largest.clone().mask_fill(largest.equal_scalar(0.0), 1.0);
        let relative = (centred.clone() / largest.clone()).square() * self.shares.clone();
        let deviation = (relative.sum_dim(0).sqrt() * largest).mask_fill(constant.clone(), 1.0);
        let penalty = 2.0 * self.l2.sqrt();
        let larger = deviation.clone().clamp_min(penalty);
        let scale =
            ((deviation / larger.clone()).square() + (larger.clone().recip() * penalty).square()).sqrt() * larger;
        let inputs = (centred / scale.clone()).mask_fill(constant.expand(shape), 0.0);
        Self { inputs, scaling: Some(Scaling { mean: lowest + mean_above, scale }), ..self }
    }

    /// Converts the solver's vector `x` to the model's parameters. Without [`rescaled`](Self::rescaled) they are equal.
    pub fn parameters(&self, x: &Tensor<1>) -> Tensor<1> {
        let Some(Scaling { mean, scale }) = &self.scaling else { return x.clone() };
        let (weight, bias) = self.split(x);
        let weight = weight / scale.clone().transpose();
        let bias = bias - fused::matmul(mean.clone(), weight.clone());
        Self::join(weight, bias)
    }

    /// Converts the model's parameters to the solver's vector: the inverse of [`parameters`](Self::parameters).
    ///
    /// # Panics
    /// If there are not [`parameter_count`](Self::parameter_count) numbers.
    pub fn vector_at(&self, parameters: &[f64]) -> Tensor<1> {
        let data = TensorData::new(parameters.to_vec(), [self.parameter_count()]);
        let x = Tensor::<1>::from_data(data, (&self.inputs.device(), self.inputs.dtype()));
        let Some(Scaling { mean, scale }) = &self.scaling else { return x };
        let (weight, bias) = self.split(&x);
        Self::join(weight.clone() * scale.clone().transpose(), bias + fused::matmul(mean.clone(), weight))
    }

    /// Returns the penalty λ·‖W‖₁ on the model's weights as a penalty per entry of the vector, `[(d + 1)·k]`. Intercepts have 0.
    pub fn l1_weights(&self, lambda: f64) -> Tensor<1> {
        self.vector(self.each_weight(|scale| lambda / scale), 0.0)
    }

    /// Returns the bounds lower ≤ W ≤ upper on the model's weights as bounds per entry of the vector, each `[(d + 1)·k]`.
    /// Intercepts are unbounded.
    pub fn bounds(&self, lower: f64, upper: f64) -> (Tensor<1>, Tensor<1>) {
        let side = |bound: f64, none| self.vector(self.each_weight(|scale| bound * scale), none);
        (side(lower, f64::NEG_INFINITY), side(upper, f64::INFINITY))
    }

    /// Returns a number for each weight, computed from the scale of its column.
    pub(super) fn each_weight(&self, number: impl Fn(f64) -> f64) -> Vec<f64> {
        let scale = match &self.scaling {
            Some(Scaling { scale, .. }) => {
                scale.to_data().try_into_vec_as::<f64>().expect("a float tensor converts to f64")
            }
            None => vec![1.0; self.inputs.dims()[1]],
        };
        scale.into_iter().flat_map(|scale| std::iter::repeat_n(number(scale), self.columns())).collect()
    }

    fn vector(&self, mut weights: Vec<f64>, intercept: f64) -> Tensor<1> {
        weights.extend(std::iter::repeat_n(intercept, self.columns()));
        let data = TensorData::new(weights, [(self.inputs.dims()[1] + 1) * self.columns()]);
        Tensor::from_data(data, (&self.inputs.device(), self.inputs.dtype()))
    }

    /// Returns the zero vector `[(d + 1)·k]`, where fits start.
    pub fn start(&self) -> Tensor<1> {
        let [_, d] = self.inputs.dims();
        Tensor::zeros([(d + 1) * self.columns()], (&self.inputs.device(), self.inputs.dtype()))
    }

    /// Returns the number of parameters, (d + 1)·k.
    pub fn parameter_count(&self) -> usize {
        (self.inputs.dims()[1] + 1) * self.columns()
    }

    pub(super) fn columns(&self) -> usize {
        self.targets.dims()[1]
    }

    /// Splits the vector into W `[d, k]` and b `[1, k]`.
    fn split(&self, x: &Tensor<1>) -> (Tensor<2>, Tensor<2>) {
        let ([_, d], k) = (self.inputs.dims(), self.columns());
        (x.clone().slice(0..d * k).reshape([d, k]), x.clone().slice(d * k..(d + 1) * k).reshape([1, k]))
    }

    fn join(weight: Tensor<2>, bias: Tensor<2>) -> Tensor<1> {
        Tensor::cat(vec![weight.flatten(0, 1), bias.flatten(0, 1)], 0)
    }

    /// Returns X·W + b, `[n, k]`.
    pub(super) fn product(&self, x: &Tensor<1>) -> Tensor<2> {
        let (weight, bias) = self.split(x);
        let bias = bias.flatten(0, 1);
        fused::linear(self.inputs.clone(), weight, Some(bias), fused::Activation::Identity)
    }

    /// Returns the vector-Jacobian product (Xᵀ·R + λ·W, Σ R).
    pub(super) fn pull_back(&self, residuals: Tensor<2>, x: &Tensor<1>) -> Tensor<1> {
        let bias = residuals.clone().sum_dim(0);
        let mut weight = if self.is_on_host() {
            host::pulled_back(&self.inputs, &residuals)
        } else {
            fused::matmul(self.inputs.clone().transpose(), residuals)
        };
        if self.l2 > 0.0 {
            weight = weight + self.penalised(self.penalised(self.split(x).0)) * self.l2;
        }
        Self::join(weight, bias)
    }

    /// Returns the probability of each class, `[n, k]`. With two classes, only the probability of the second.
    pub(super) fn probabilities(&self, logits: Tensor<2>) -> Tensor<2> {
        if self.columns() == 1 { sigmoid(logits) } else { log_softmax(logits, 1).exp() }
    }

    /// Returns the derivative of p in the direction `du`, `[n, k]`.
    pub(super) fn along(&self, p: Tensor<2>, du: Tensor<2>) -> Tensor<2> {
        if self.columns() == 1 {
            return p.clone() * (p.neg() + 1.0) * du;
        }
        let weighted = p.clone() * du;
        weighted.clone() - p * weighted.sum_dim(1)
    }

    fn penalty(&self, x: &Tensor<1>) -> Option<Tensor<1>> {
        (self.l2 > 0.0).then(|| self.penalised(self.split(x).0).square().sum() * (self.l2 / 2.0))
    }

    /// Returns the model's weights, on which the penalty acts.
    fn penalised(&self, weight: Tensor<2>) -> Tensor<2> {
        match &self.scaling {
            Some(Scaling { scale, .. }) => weight / scale.clone().transpose(),
            None => weight,
        }
    }

    fn loss_of(&self, logits: &Tensor<2>, x: &Tensor<1>) -> Tensor<1> {
        let log_p = if self.columns() == 1 {
            fused::bernoulli_log_prob(logits.clone(), self.targets.clone())
        } else {
            (log_softmax(logits.clone(), 1) * self.targets.clone()).sum_dim(1)
        };
        let loss = (log_p * self.shares.clone()).sum().neg();
        match self.penalty(x) {
            Some(penalty) => loss + penalty,
            None => loss,
        }
    }
}

impl Objective for RegressionLoss {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        self.fits(x)?;
        let logits = self.product(x);
        let value = self.loss_of(&logits, x);
        let residuals = (self.probabilities(logits) - self.targets.clone()) * self.shares.clone();
        Ok((value, self.pull_back(residuals, x)))
    }

    fn value(&self, x: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        self.fits(x)?;
        Ok(self.loss_of(&self.product(x), x))
    }

    /// A mean over n rows: 10 + 4·√n.
    fn rounding_units(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let rows = self.inputs.dims()[0] as f64;
        10.0 + 4.0 * rows.sqrt()
    }
}

impl RegressionLoss {
    /// Whether rows are read where they are: f64 in the memory of the CPU.
    pub(super) fn is_on_host(&self) -> bool {
        self.inputs.dtype() == DType::F64 && fused::by_kernel(&self.inputs)
    }

    fn rescaled_on_host(self) -> Self {
        let (device, [n, d]) = (self.inputs.device(), self.inputs.dims());
        let read = |values: TensorData| values.try_into_vec_as::<f64>().expect("f64 stays f64");
        let shares = read(self.shares.to_data());
        let mut rows = read(self.inputs.into_data());
        let (mean, scale) = host::rescale(&mut rows, d, &shares, 2.0 * self.l2.sqrt());
        let like = (&device, DType::F64);
        let row = |values: Vec<f64>| Tensor::from_data(TensorData::new(values, [1, d]), like);
        let scaling = Some(Scaling { mean: row(mean), scale: row(scale) });
        Self { inputs: Tensor::from_data(TensorData::new(rows, [n, d]), like), scaling, ..self }
    }

    pub(super) fn fits(&self, x: &Tensor<1>) -> Result<(), EvaluationError> {
        let (expected, dtype) = (self.parameter_count(), self.inputs.dtype());
        if x.dims() == [expected] && x.dtype() == dtype {
            return Ok(());
        }
        let ([got], other) = (x.dims(), x.dtype());
        Err(format!(
            "the vector has {got} entries of {other:?}, but the regression has {expected} parameters of {dtype:?}"
        )
        .into())
    }
}
