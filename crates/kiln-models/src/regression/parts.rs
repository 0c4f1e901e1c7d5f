//! The loss as a sum over ranks, and the part of its vector that it does not determine.

use std::ops::Range;

use burn::tensor::Tensor;

use super::loss::RegressionLoss;

impl RegressionLoss {
    /// Returns the vector with the same probabilities in which the weights of each feature, and the intercepts, add up to 0 over the classes.
    ///
    /// With more than two classes, a number that is added to all classes' weights of a feature changes no probability. So a fit without
    /// penalties and bounds does not determine it, and solvers end at different ones. With two classes it is `x`.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_models::RegressionLoss;
    ///
    /// let x = Tensor::<2>::from_data([[-1.0], [1.0], [2.0]], &Device::default());
    /// let loss = RegressionLoss::new(x, &[0, 1, 2], 3)?;
    /// let at = Tensor::<1>::from_data([1.0, 2.0, 6.0, 0.0, 0.0, 3.0], &Device::default());
    /// let centred: Vec<f32> = loss.centred(&at).into_data().try_into_vec().unwrap();
    /// assert_eq!(centred, [-2.0, -1.0, 3.0, -1.0, -1.0, 2.0]);
    /// # Ok::<(), kiln_models::RegressionDataError>(())
    /// ```
    #[must_use]
    pub fn centred(&self, x: &Tensor<1>) -> Tensor<1> {
        let ([_, d], k) = (self.inputs.dims(), self.columns());
        if k == 1 {
            return x.clone();
        }
        let of_classes = x.clone().reshape([d + 1, k]);
        (of_classes.clone() - of_classes.mean_dim(1)).flatten(0, 1)
    }

    /// Returns the terms of some rows, in the same units. The terms of all rows add up to the loss; those of the first row have the penalty.
    /// So the loss is a [`Distributed`](kiln_tensor::derivative::Distributed) one of such parts.
    ///
    /// # Panics
    /// If there are no such rows.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use kiln_models::RegressionLoss;
    /// use kiln_tensor::derivative::Objective;
    ///
    /// let x = Tensor::<2>::from_data([[-1.0], [1.0], [2.0]], &Device::default());
    /// let loss = RegressionLoss::new(x, &[0, 1, 1], 2)?.l2(0.1)?.rescaled();
    /// let at = loss.start() + 1.0;
    /// let value = |loss: &RegressionLoss| loss.value(&at).map(|value| value.into_scalar::<f64>());
    /// assert!((value(&loss.part(0..1))? + value(&loss.part(1..3))? - value(&loss)?).abs() < 1e-6);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    #[must_use]
    pub fn part(&self, rows: Range<usize>) -> Self {
        let of = |all: &Tensor<2>| all.clone().narrow(0, rows.start, rows.len());
        Self {
            inputs: of(&self.inputs),
            targets: of(&self.targets),
            shares: of(&self.shares),
            l2: if rows.start == 0 { self.l2 } else { 0.0 },
            ..self.clone()
        }
    }
}
