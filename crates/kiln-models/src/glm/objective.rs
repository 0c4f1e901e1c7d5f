//! The loss of a generalised linear model as solvers see it.

use burn::tensor::{Tensor, TensorData};
use kiln_tensor::{
    derivative::{EvaluationError, Hessian, HessianProduct, Objective},
    linalg::Symmetric,
};

use super::{
    GlmLoss,
    row::{Second, Want},
    sums::Sums,
};

impl GlmLoss {
    /// Up to this number of parameters, the Hessian is cheap beside the gradient's pass over the rows.
    const CHEAP_HESSIAN: usize = 64;
    /// Up to this number, it is computed with the gradient as long as the caller uses both.
    const USEFUL_HESSIAN: usize = 500;

    /// Calls `take` with value, gradient and Hessian at `x`.
    pub(super) fn with_all<T>(&self, x: &[f64], take: impl FnOnce(&Sums) -> T) -> T {
        self.latest.get(x, true, || self.sum(x, Want::Matrix(Second::Observed)), take)
    }

    /// Returns Σ w·ln p without its constant terms.
    pub(super) fn value_at(&self, x: &[f64]) -> f64 {
        self.latest.at(x, |sums| sums.value).unwrap_or_else(|| self.sum(x, Want::Value).value)
    }

    /// Returns Σ w·ln p without its constant terms, and its gradient. The Hessian is computed at once if it will be of use.
    fn value_and_gradient(&self, x: &[f64]) -> (f64, Vec<f64>) {
        let size = self.parameter_count();
        let take = |sums: &Sums| (sums.value, sums.gradient.clone());
        if size <= Self::CHEAP_HESSIAN || (size <= Self::USEFUL_HESSIAN && self.latest.was_hessian_used()) {
            return self.latest.get(x, false, || self.sum(x, Want::Matrix(Second::Observed)), take);
        }
        self.latest.at(x, take).unwrap_or_else(|| take(&self.sum(x, Want::Gradient)))
    }

    fn read(&self, x: &Tensor<1>) -> Result<Vec<f64>, EvaluationError> {
        let (expected, [got]) = (self.parameter_count(), x.dims());
        if got != expected {
            return Err(format!("the vector has {got} entries, but the model has {expected} parameters").into());
        }
        Ok(x.to_data().try_into_vec_as::<f64>()?)
    }

    /// The mean loss at `x`, whose Σ w·ln p is known.
    fn mean_loss(&self, sum: f64, x: &[f64]) -> f64 {
        let penalty: f64 = self.penalties().map(|(place, factor)| factor * x[place] * x[place]).sum();
        -(sum + self.constant) / (self.total * self.unit) + 0.5 * penalty
    }

    /// The derivatives of the mean loss along `x`, for those of Σ w·ln p.
    fn scaled(&self, mut values: Vec<f64>, x: &[f64], like: &Tensor<1>) -> Tensor<1> {
        let (factor, size) = (-1.0 / (self.total * self.unit), values.len());
        values.iter_mut().for_each(|value| *value *= factor);
        self.penalties().for_each(|(place, factor)| values[place] += factor * x[place]);
        Tensor::from_data(TensorData::new(values, [size]), (&like.device(), like.dtype()))
    }

    /// Returns whether something holds for one of the ranks. All ranks call it.
    pub fn is_any_rank(&self, own: bool) -> bool {
        self.ranks.total(f64::from(u8::from(own))) > 0.0
    }

    /// Returns an error if since the start rows could not be read from their file, or the ranks could not compute together. What was
    /// computed after that has no meaning.
    ///
    /// # Errors
    /// See above.
    pub fn check(&self) -> Result<(), EvaluationError> {
        if let Some(failure) = self.rows().file_failure() {
            return Err(failure.into());
        }
        self.ranks.failure().map_or(Ok(()), |failure| Err(failure.clone().into()))
    }
}

impl Objective for GlmLoss {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        let at = self.read(x)?;
        let (value, gradient) = self.value_and_gradient(&at);
        self.check()?;
        let value = Tensor::from_data([self.mean_loss(value, &at)], (&x.device(), x.dtype()));
        Ok((value, self.scaled(gradient, &at, x)))
    }

    fn value(&self, x: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        let at = self.read(x)?;
        let value = self.value_at(&at);
        self.check()?;
        Ok(Tensor::from_data([self.mean_loss(value, &at)], (&x.device(), x.dtype())))
    }

    /// Sums of blocks, which are summed in turn: their errors grow slowly with the rows.
    fn rounding_units(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
        let rows = self.all_rows as f64;
        10.0 + 4.0 * rows.sqrt()
    }
}

impl HessianProduct for GlmLoss {
    fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        let v = self.read(v)?;
        let product = self.with_all(&self.read(x)?, |sums| sums.matrix.as_ref().expect("asked for").multiply(&v));
        Ok(self.scaled(product, &v, x))
    }
}

impl Hessian for GlmLoss {
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        let factor = -1.0 / (self.total * self.unit);
        let mut penalties = vec![0.0; self.parameter_count()];
        self.penalties().for_each(|(place, factor)| penalties[place] = factor);
        Ok(self.with_all(&self.read(x)?, |sums| {
            let matrix = sums.matrix.as_ref().expect("asked for");
            Symmetric::from_fn(matrix.rows(), |i, j| matrix.at(i, j) * factor + if i == j { penalties[i] } else { 0.0 })
        }))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{DType, Device};
    use kiln_testkit::assert_close;

    use super::*;
    use crate::glm::{Family, GlmData};

    /// With many parameters, the Hessian is computed with the gradient after one was asked for.
    #[test]
    fn results_do_not_depend_on_what_was_asked_before() {
        let (n, d) = (400, 80);
        let entry =
            |i: usize, j: usize| f64::from(u32::try_from((i * (2 * j + 3) * 7 + j * j) % 101).unwrap()) / 50.0 - 1.0;
        let inputs: Vec<f64> = (0..n * d).map(|k| entry(k / d, k % d)).collect();
        let response: Vec<f64> = (0..n).map(|i| f64::from(u32::try_from(i * i % 5).unwrap())).collect();
        let loss = || GlmLoss::new(GlmData::new(Family::Poisson, inputs.clone(), d, response.clone())).unwrap();
        let size = loss().parameter_count();
        assert!(size > GlmLoss::CHEAP_HESSIAN);
        let vector = |scale: f64| {
            let x: Vec<f64> = (0..size).map(|j| scale * entry(j, 1)).collect();
            Tensor::<1>::from_data(TensorData::new(x, [size]), (&Device::default(), DType::F64))
        };
        let numbers = |tensor: Tensor<1>| tensor.into_data().try_into_vec_as::<f64>().unwrap();
        let asked = loss();
        asked.hessian(&vector(0.1)).unwrap();
        for scale in [0.1, 0.2, 0.3] {
            let ((value, gradient), fresh) = (asked.value_and_grad(&vector(scale)).unwrap(), loss());
            let (expected_value, expected) = fresh.value_and_grad(&vector(scale)).unwrap();
            assert_close(&numbers(value), &numbers(expected_value), 0.0, 0.0, "the same sums");
            assert_close(&numbers(gradient), &numbers(expected), 0.0, 0.0, "the same sums");
            let (hessian, expected) = (asked.hessian(&vector(scale)).unwrap(), fresh.hessian(&vector(scale)).unwrap());
            assert!((0..size).all(|i| (0..=i).all(|j| hessian.at(i, j).to_bits() == expected.at(i, j).to_bits())));
        }
    }
}
