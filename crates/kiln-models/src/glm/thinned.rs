//! The loss over a part of the rows.

use std::ops::Range;

use burn::tensor::Tensor;
use kiln_tensor::{
    derivative::{EvaluationError, Hessian, HessianProduct, Objective},
    linalg::Symmetric,
};

use super::{
    GlmLoss,
    latest::{Latest, LatestPredictors},
};

/// A loss over some blocks of rows only: an estimate that costs little, whose minimum is a good start for all rows.
///
/// Its vectors are those of the whole loss.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_models::glm::{Family, GlmData, GlmLoss};
/// use kiln_tensor::derivative::Objective;
///
/// let x: Vec<f64> = (0..20_000).map(|i| f64::from(i % 7)).collect();
/// let y: Vec<f64> = (0..20_000).map(|i| f64::from(i % 3)).collect();
/// let loss = GlmLoss::new(GlmData::new(Family::Poisson, x, 1, y))?;
/// let (start, part) = (loss.start(&Device::default()), loss.thinned(4));
/// assert_eq!(part.rows(), 5 * 1024);
/// let [all, some]: [f64; 2] = [loss.value(&start)?, part.value(&start)?].map(|value| value.into_scalar());
/// assert!((all - some).abs() < 0.01);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
#[derive(Debug)]
pub struct Thinned(GlmLoss);

impl GlmLoss {
    /// Returns the loss over one block of consecutive rows in `every`, at least 1. Rows are not copied.
    ///
    /// A block has 16 to 1024 rows, the fewer the more features there are.
    #[must_use]
    pub fn thinned(&self, every: usize) -> Thinned {
        let mut part = Self {
            design: self.design.clone(),
            predictors: self.predictors.clone(),
            response: self.response.clone(),
            weights: self.weights.clone(),
            offset: self.offset.clone(),
            every: every.max(1),
            exact: None,
            latest: Latest::default(),
            predictors_at: LatestPredictors::default(),
            ranks: self.ranks.clone(),
            ..*self
        };
        let mut buffer = Vec::new();
        let mut weight = |rows: Range<usize>| -> f64 {
            match &self.weights {
                Some(weights) => weights.get(rows, &mut buffer).iter().sum(),
                #[allow(clippy::cast_precision_loss, reason = "a number of rows")]
                None => rows.len() as f64,
            }
        };
        let total = self.ranks.total(part.rows().blocks().into_iter().map(&mut weight).sum());
        part.constant *= total / part.total;
        part.total = total;
        Thinned(part)
    }
}

impl Thinned {
    /// Returns the number of rows of this rank that are used.
    pub fn rows(&self) -> usize {
        self.0.rows().blocks().into_iter().map(|rows| rows.len()).sum()
    }
}

impl Objective for Thinned {
    fn value_and_grad(&self, x: &Tensor<1>) -> Result<(Tensor<1>, Tensor<1>), EvaluationError> {
        self.0.value_and_grad(x)
    }

    fn value(&self, x: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        self.0.value(x)
    }

    fn rounding_units(&self) -> f64 {
        self.0.rounding_units()
    }

    fn scale(&self) -> f64 {
        self.0.scale()
    }
}

impl HessianProduct for Thinned {
    fn hvp(&self, x: &Tensor<1>, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        self.0.hvp(x, v)
    }
}

impl Hessian for Thinned {
    fn hessian(&self, x: &Tensor<1>) -> Result<Symmetric, EvaluationError> {
        self.0.hessian(x)
    }
}
