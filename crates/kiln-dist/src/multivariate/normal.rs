//! The multivariate normal distribution.

use burn::tensor::Tensor;
use kiln_tensor::Stream;

use super::triangular::{cholesky, columns, diagonal, solve_lower, vectors};
use crate::{
    Batch, DistError, Distribution, Entropy, FromNoise, KlDivergence, Moments, Reparameterized,
    continuous::LN_SQRT_2PI, distribution::normal_like, error::check_values, family::FINITE,
};

/// A batch of n multivariate normal distributions N(loc, L·Lᵀ) with Cholesky factors L.
///
/// Values have shape `[n, k]` and log-densities `[n, 1]`.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Distribution, MultivariateNormal};
///
/// let device = Device::default();
/// let covariance = Tensor::<3>::from_data([[[2.0, 0.5], [0.5, 1.0]]], &device);
/// let d = MultivariateNormal::from_covariance(Tensor::zeros([1, 2], &device), covariance)?;
/// assert_eq!(d.log_prob(Tensor::zeros([1, 2], &device)).dims(), [1, 1]);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MultivariateNormal {
    /// The mean, `[n, k]`.
    loc: Tensor<2>,
    /// L, `[n, k, k]`, or `[1, k, k]` for all.
    scale_tril: Tensor<3>,
}

impl MultivariateNormal {
    /// Builds the distribution from the mean `[n, k]` and a lower triangular L `[n, k, k]` with a positive diagonal.
    ///
    /// Entries above the diagonal are ignored. One of the two may have a first axis of length 1 for the whole batch.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes do not fit.
    pub fn new(loc: Tensor<2>, scale_tril: Tensor<3>) -> Result<Self, DistError> {
        let ([n, k], [m, rows, width]) = (loc.dims(), scale_tril.dims());
        let batch = n.max(m);
        if k == 0 || rows != k || width != k || (n != batch && n != 1) || (m != batch && m != 1) {
            return Err(DistError::Shape {
                first: "loc",
                first_shape: vec![n, k],
                second: "scale_tril",
                second_shape: vec![m, rows, width],
            });
        }
        Ok(Self { loc: loc.expand([batch, k]), scale_tril: scale_tril.tril(0) })
    }

    /// Builds the distribution from the mean `[n, k]` and a symmetric, positive definite covariance `[n, k, k]`.
    ///
    /// A covariance that is not positive definite gives NaN. [`validated`](Self::validated) then returns an error.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes do not fit.
    pub fn from_covariance(loc: Tensor<2>, covariance: Tensor<3>) -> Result<Self, DistError> {
        // `new` checks the shapes and removes the upper triangle, which the factorisation does not need.
        let Self { loc, scale_tril } = Self::new(loc, covariance)?;
        Ok(Self { loc, scale_tril: cholesky(&scale_tril) })
    }

    /// Checks the values and returns the distribution. Waits for the device.
    ///
    /// # Errors
    /// Returns [`DistError::Value`] if a value is not finite or a diagonal entry of L is not positive.
    pub fn validated(self) -> Result<Self, DistError> {
        check_values("loc", FINITE.words, &self.loc, |x| FINITE.holds(x))?;
        check_values("scale_tril", FINITE.words, &self.scale_tril, |x| FINITE.holds(x))?;
        check_values("scale_tril's diagonal", "positive", &diagonal(&self.scale_tril), |x| x.greater_scalar(0.0))?;
        Ok(self)
    }

    /// Returns the mean, `[n, k]`.
    pub fn loc(&self) -> Tensor<2> {
        self.loc.clone()
    }

    /// Returns the Cholesky factor L, `[n, k, k]`.
    pub fn scale_tril(&self) -> Tensor<3> {
        let [n, k] = self.loc.dims();
        self.scale_tril.clone().expand([n, k, k])
    }

    /// Returns the covariance L·Lᵀ, `[n, k, k]`.
    pub fn covariance(&self) -> Tensor<3> {
        self.scale_tril().matmul(self.scale_tril().transpose())
    }

    /// Returns ln det L, `[n, 1]` or `[1, 1]`.
    fn half_log_det(&self) -> Tensor<2> {
        diagonal(&self.scale_tril).log().sum_dim(1)
    }

    /// Returns L⁻¹·x for each row x, `[n, k]`.
    fn whitened(&self, x: Tensor<2>) -> Tensor<2> {
        if self.scale_tril.dims()[0] == 1 {
            // One triangular system with all rows as right-hand sides.
            return solve_lower(&self.scale_tril, &x.transpose().unsqueeze()).squeeze_dim::<2>(0).transpose();
        }
        vectors(solve_lower(&self.scale_tril, &columns(x)))
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of dimensions")]
    fn dimensions(&self) -> f64 {
        self.loc.dims()[1] as f64
    }
}

impl Distribution<2> for MultivariateNormal {
    type Value = Tensor<2>;

    /// Returns −½·‖L⁻¹(x − μ)‖² − ln det L − k·ln √(2π).
    fn log_prob(&self, value: Tensor<2>) -> Tensor<2> {
        let z = self.whitened(value - self.loc.clone());
        z.square().sum_dim(1) * -0.5 - self.half_log_det() - self.dimensions() * LN_SQRT_2PI
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<2> {
        self.detached().rsample(stream)
    }
}

impl Batch for MultivariateNormal {
    fn detached(&self) -> Self {
        let (loc, scale_tril) = (self.loc.clone().without_autodiff(), self.scale_tril.clone().without_autodiff());
        Self { loc, scale_tril }
    }

    fn repeated(&self, count: usize) -> Self {
        let scale_tril = match self.scale_tril.dims()[0] {
            1 => self.scale_tril.clone(),
            _ => self.scale_tril.clone().repeat_dim(0, count.max(1)),
        };
        Self { loc: self.loc.clone().repeat_dim(0, count.max(1)), scale_tril }
    }
}

impl Moments<2> for MultivariateNormal {
    fn mean(&self) -> Tensor<2> {
        self.loc.clone()
    }

    /// Returns the diagonal of the covariance, `[n, k]`.
    fn variance(&self) -> Tensor<2> {
        vectors(self.scale_tril.clone().square().sum_dim(2)).expand(self.loc.dims())
    }
}

impl Entropy<2> for MultivariateNormal {
    /// Returns k·(½ + ln √(2π)) + ln det L.
    fn entropy(&self) -> Tensor<2> {
        let [n, _] = self.loc.dims();
        (self.half_log_det() + self.dimensions() * (0.5 + LN_SQRT_2PI)).expand([n, 1])
    }
}

impl Reparameterized<2> for MultivariateNormal {
    fn rsample(&self, stream: &mut Stream) -> Tensor<2> {
        self.rsample_from_noise(normal_like(stream, &self.loc))
    }
}

impl FromNoise<2> for MultivariateNormal {
    /// Returns μ + L·noise for noise from N(0, I).
    fn rsample_from_noise(&self, noise: Tensor<2>) -> Tensor<2> {
        if self.scale_tril.dims()[0] == 1 {
            return self.loc.clone() + noise.matmul(self.scale_tril.clone().squeeze_dim::<2>(0).transpose());
        }
        self.loc.clone() + vectors(self.scale_tril.clone().matmul(columns(noise)))
    }
}

impl KlDivergence<2, Self> for MultivariateNormal {
    /// Returns ½·(‖L_q⁻¹·L_p‖² + ‖L_q⁻¹(μ_p − μ_q)‖² − k) + ln det L_q − ln det L_p.
    fn kl_divergence(&self, q: &Self) -> Tensor<2> {
        let spread = solve_lower(&q.scale_tril, &self.scale_tril).square().sum_dim(2).sum_dim(1).squeeze_dim(2);
        let apart = q.whitened(self.loc.clone() - q.loc.clone()).square().sum_dim(1);
        (spread + apart - self.dimensions()) * 0.5 + q.half_log_det() - self.half_log_det()
    }
}
