//! Firth's penalised likelihood, which has a maximum for separable classes too.

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::{
    derivative::{EvaluationError, Hessian, Objective},
    linalg::Symmetric,
};

use super::{
    Family, GlmLoss, Link,
    row::{Evaluated, Second},
};
use crate::regression::InferenceError;

/// The loss of a logistic regression with Firth's penalty: −(ln L + ½·ln det I)/Σ w with the information I, in nats.
///
/// The penalty is Jeffreys' prior. It removes the first-order bias of the estimates, and keeps them finite for separable classes.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_models::glm::{Family, FirthLoss, GlmData, GlmLoss};
/// use kiln_tensor::derivative::Objective;
///
/// // x separates the classes, so that the likelihood has no maximum.
/// let loss = GlmLoss::new(GlmData::new(Family::Binomial, vec![1.0, 2.0, 3.0, 4.0], 1, vec![0.0, 0.0, 1.0, 1.0]))?;
/// let penalised = FirthLoss::new(&loss).expect("the family is binomial, with a logit link");
/// assert!(penalised.value(&loss.start(&Device::default())).is_ok());
/// # Ok::<(), kiln_models::glm::GlmDataError>(())
/// ```
///
/// # References
/// Firth (1993), *Bias reduction of maximum likelihood estimates*; Heinze and Schemper (2002) for separable classes.
#[derive(Debug)]
pub struct FirthLoss<'a> {
    loss: &'a GlmLoss,
}

impl<'a> FirthLoss<'a> {
    /// Penalises a binomial loss with a logit link. There is none for others.
    pub fn new(loss: &'a GlmLoss) -> Option<Self> {
        ((loss.family, loss.link) == (Family::Binomial, Link::Logit)).then_some(Self { loss })
    }

    /// Returns ln L + ½·ln det I at `x`, with the information of the parameters in the units of the data.
    ///
    /// # Errors
    /// Returns [`InferenceError::Singular`] if the information is singular.
    pub fn penalised_log_likelihood(&self, x: &[f64]) -> Result<f64, InferenceError> {
        let information = self.loss.information(x, Second::Expected);
        let inverse = information.cholesky().ok_or(InferenceError::Singular)?.inverse();
        let covariance = self.loss.covariance_in_own_units(x, &inverse);
        let determinant = covariance.cholesky().ok_or(InferenceError::Singular)?.log_determinant();
        Ok(self.loss.log_likelihood(x, 1.0) - 0.5 * determinant)
    }

    fn value_at(&self, x: &[f64]) -> f64 {
        let determinant =
            self.loss.information(x, Second::Expected).cholesky().map_or(f64::NAN, |factor| factor.log_determinant());
        -(self.loss.log_likelihood(x, 1.0) + 0.5 * determinant) / self.loss.total
    }

    /// −(Σ w·(y − p + h·(½ − p))·x)/Σ w with the leverage h of a row.
    fn gradient_at(&self, x: &[f64]) -> Vec<f64> {
        let p = x.len();
        let information = self.loss.information(x, Second::Expected);
        let Some(factor) = information.cholesky() else { return vec![f64::NAN; p] };
        let inverse = factor.inverse();
        let entries: Vec<f64> = (0..p * p).map(|k| inverse.at(k / p, k % p)).collect();
        let columns = self.loss.predictors[0].columns.clone();
        let scores = self.loss.map(x, Second::Expected, |row: &Evaluated<'_>, all: &[f64]| {
            let own = &all[columns.clone()];
            let product = |i: usize| own.iter().zip(&entries[i * p..]).map(|(x, v)| x * v).sum::<f64>();
            let leverage: f64 = -row.hessian[0] * own.iter().enumerate().map(|(i, x)| x * product(i)).sum::<f64>();
            let half = 0.5 - self.loss.link.mean(row.eta[0]);
            let factor = row.weight * (row.gradient[0] + leverage * half);
            own.iter().map(|x| factor * x).collect::<Vec<f64>>()
        });
        let mut sum = vec![0.0; p];
        scores.iter().for_each(|score| sum.iter_mut().zip(score).for_each(|(sum, s)| *sum -= s));
        self.loss.ranks.sum(&mut sum);
        sum.iter_mut().for_each(|sum| *sum /= self.loss.total);
        sum
    }
}

impl Objective for FirthLoss<'_> {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        let at: Vec<f64> = x.to_data().try_into_vec_as()?;
        let like = (&x.device(), x.dtype());
        let gradient = TensorData::new(self.gradient_at(&at), [at.len()]);
        Ok((Tensor::from_data([self.value_at(&at)], like), Tensor::from_data(gradient, like)))
    }

    fn value(&self, x: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        let at: Vec<f64> = x.to_data().try_into_vec_as()?;
        Ok(Tensor::from_data([self.value_at(&at)], (&x.device(), x.dtype())))
    }

    fn rounding_units(&self) -> f64 {
        self.loss.rounding_units()
    }

    fn scale(&self) -> f64 {
        self.loss.scale()
    }
}

impl Hessian for FirthLoss<'_> {
    /// Returns the information without the penalty's part, with which Newton's method converges too.
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        self.loss.hessian(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::glm::GlmData;
    use burn::tensor::{DType, Device};
    use kiln_testkit::assert_close;

    /// By central differences: an error of h²/6 times the third derivative, and of ε/h.
    #[test]
    fn the_gradient_agrees_with_differences() {
        let inputs: Vec<f64> = (0..30).flat_map(|i| [f64::from(i * 7 % 11), f64::from(i * i % 13)]).collect();
        let response: Vec<f64> = (0..30).map(|i| f64::from(i * 3 % 2)).collect();
        let weights: Vec<f64> = (0..30).map(|i| f64::from(i % 3)).collect();
        let data = GlmData { weights: Some(weights.into()), ..GlmData::new(Family::Binomial, inputs, 2, response) };
        let loss = GlmLoss::new(data).unwrap();
        let firth = FirthLoss::new(&loss).unwrap();
        let x = vec![0.3, -0.2, 0.4];
        let gradient = firth.gradient_at(&x);
        for i in 0..3 {
            let moved = |by: f64| {
                let mut moved = x.clone();
                moved[i] += by;
                firth.value_at(&moved)
            };
            let h = 1e-5;
            assert_close(&[gradient[i]], &[(moved(h) - moved(-h)) / (2.0 * h)], 1e-7, 1e-9, "gradient");
        }
        let tensor = Tensor::<1>::from_data(TensorData::new(x, [3]), (&Device::default(), DType::F64));
        assert!(firth.hessian(&tensor).unwrap().cholesky().is_some());
    }
}
