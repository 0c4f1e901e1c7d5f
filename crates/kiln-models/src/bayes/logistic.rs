//! Logistic regression with a prior.

use std::f64::consts::PI;

use burn::tensor::{Tensor, TensorData};
use kiln_dist::LogJoint;
use kiln_tensor::special::softplus;

/// Why a [`BayesianLogistic`] cannot be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BayesianLogisticError {
    /// The number of classes differs from the number of rows.
    #[error("`x` has {rows} rows but `positive` has {got} entries; give one class for each row")]
    Length {
        /// Rows of x.
        rows: usize,
        /// Entries of `positive`.
        got: usize,
    },
    /// There are no rows.
    #[error("`x` has no rows; give at least one")]
    Empty,
    /// The prior's standard deviation is not a positive, finite number.
    #[error("the prior's scale must be positive and finite, not {0}")]
    PriorScale(f64),
}

/// Bayesian logistic regression with an independent N(0, s²) prior on each coefficient and on the intercept.
///
/// The latent vector z `[d + 1]` holds the coefficients of the d columns, then the intercept.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::LogJoint;
/// use kiln_models::bayes::BayesianLogistic;
///
/// let device = Device::default();
/// let x = Tensor::<2>::from_data([[-1.0], [0.5], [2.0]], &device);
/// let model = BayesianLogistic::new(&x, &[false, true, true], 1.0)?;
/// assert_eq!(model.dims(), 2);
/// assert_eq!(model.log_joint(Tensor::zeros([4, 2], &device)).dims(), [4]);
/// # Ok::<(), kiln_models::bayes::BayesianLogisticError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BayesianLogistic {
    /// The rows with a last column of ones, each times 1 or −1 by its class, `[d + 1, n]`.
    signed: Tensor<2>,
    prior_scale: f64,
}

impl BayesianLogistic {
    /// Builds the model from rows `x` `[n, d]`, whether each row is of the positive class, and the prior's standard deviation s.
    ///
    /// # Errors
    /// Returns [`BayesianLogisticError`] if the lengths differ, if there are no rows, or if s is not positive and finite.
    pub fn new(x: &Tensor<2>, positive: &[bool], prior_scale: f64) -> Result<Self, BayesianLogisticError> {
        let [n, _] = x.dims();
        if positive.len() != n {
            return Err(BayesianLogisticError::Length { rows: n, got: positive.len() });
        }
        if n == 0 {
            return Err(BayesianLogisticError::Empty);
        }
        if !(prior_scale.is_finite() && prior_scale > 0.0) {
            return Err(BayesianLogisticError::PriorScale(prior_scale));
        }
        let x = x.clone().without_autodiff();
        let signs: Vec<f64> = positive.iter().map(|p| if *p { 1.0 } else { -1.0 }).collect();
        let like = (&x.device(), x.dtype());
        let signs = Tensor::<2>::from_data(TensorData::new(signs, [n, 1]), like);
        let ones = Tensor::ones([n, 1], like);
        Ok(Self { signed: (Tensor::cat(vec![x, ones], 1) * signs).transpose(), prior_scale })
    }
}

impl LogJoint for BayesianLogistic {
    /// Returns d + 1.
    fn dims(&self) -> usize {
        self.signed.dims()[0]
    }

    /// Returns −Σᵢ softplus(−sᵢ·xᵢᵀz) + ln N(z; 0, s²), sᵢ being 1 or −1 by the class.
    fn log_joint(&self, z: Tensor<2>) -> Tensor<1> {
        let logits = z.clone().matmul(self.signed.clone().to_device(&z.device()));
        let of_data = -softplus(-logits).sum_dim(1);
        #[allow(clippy::cast_precision_loss, reason = "a number of coefficients")]
        let constant = self.dims() as f64 * (self.prior_scale.ln() + 0.5 * (2.0 * PI).ln());
        let of_prior = z.square().sum_dim(1) * (-0.5 * self.prior_scale.powi(-2)) - constant;
        (of_data + of_prior).squeeze_dim(1)
    }
}
