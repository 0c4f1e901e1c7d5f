//! The multivariate normal distribution with a low-rank plus diagonal covariance.

use burn::tensor::Tensor;
use kiln_tensor::Stream;

use super::triangular::{cholesky, columns, diagonal, solve_lower, vectors};
use crate::{
    Batch, DistError, Distribution, Entropy, Moments, Reparameterized,
    continuous::LN_SQRT_2PI,
    distribution::normal_like,
    error::check_values,
    family::{FINITE, POSITIVE},
};

/// A batch of n multivariate normal distributions with covariance W·Wᵀ + diag(d), where W has r columns.
///
/// Values have shape `[n, k]` and log-densities `[n, 1]`. All methods take O(k·r²) time.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Distribution, LowRankMultivariateNormal};
///
/// let device = Device::default();
/// let (loc, factor, diagonal) = (Tensor::zeros([1, 3], &device), Tensor::ones([1, 3, 1], &device), Tensor::ones([1, 3], &device));
/// let d = LowRankMultivariateNormal::new(loc, factor, diagonal)?;
/// assert_eq!(d.log_prob(Tensor::zeros([1, 3], &device)).dims(), [1, 1]);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LowRankMultivariateNormal {
    /// The mean, `[n, k]`.
    loc: Tensor<2>,
    /// W, `[n, k, r]`, or `[1, k, r]` for all.
    factor: Tensor<3>,
    /// d, `[n, k]`, or `[1, k]` for all.
    diagonal: Tensor<2>,
}

impl LowRankMultivariateNormal {
    /// Builds the distribution from the mean `[n, k]`, the factor W `[n, k, r]` and the positive diagonal d `[n, k]`.
    ///
    /// The mean, or factor and diagonal together, may have a first axis of length 1 for the whole batch.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes do not fit.
    pub fn new(loc: Tensor<2>, factor: Tensor<3>, diagonal: Tensor<2>) -> Result<Self, DistError> {
        let ([n, k], [m, rows, r]) = (loc.dims(), factor.dims());
        let batch = n.max(m);
        if diagonal.dims() != [m, rows] {
            let (first_shape, second_shape) = (factor.dims().to_vec(), diagonal.dims().to_vec());
            return Err(DistError::Shape { first: "factor", first_shape, second: "diagonal", second_shape });
        }
        if r == 0 || rows != k || (n != batch && n != 1) || (m != batch && m != 1) {
            let (first_shape, second_shape) = (loc.dims().to_vec(), factor.dims().to_vec());
            return Err(DistError::Shape { first: "loc", first_shape, second: "factor", second_shape });
        }
        Ok(Self { loc: loc.expand([batch, k]), factor, diagonal })
    }

    /// Checks the values and returns the distribution. Waits for the device.
    ///
    /// # Errors
    /// Returns [`DistError::Value`] if a value is not finite or a diagonal entry is not positive.
    pub fn validated(self) -> Result<Self, DistError> {
        check_values("loc", FINITE.words, &self.loc, |x| FINITE.holds(x))?;
        check_values("factor", FINITE.words, &self.factor, |x| FINITE.holds(x))?;
        check_values("diagonal", POSITIVE.words, &self.diagonal, |x| POSITIVE.holds(x))?;
        Ok(self)
    }

    /// Returns the mean, `[n, k]`.
    pub fn loc(&self) -> Tensor<2> {
        self.loc.clone()
    }

    /// Returns the covariance W·Wᵀ + diag(d), `[n, k, k]`.
    pub fn covariance(&self) -> Tensor<3> {
        let [n, k] = self.loc.dims();
        let eye = Tensor::<2>::eye(k, &self.loc.device()).cast(self.loc.dtype());
        let diagonal = columns(self.diagonal.clone()) * eye.unsqueeze::<3>();
        (self.factor.clone().matmul(self.factor.clone().transpose()) + diagonal).expand([n, k, k])
    }

    fn is_one_for_all(&self) -> bool {
        self.factor.dims()[0] == 1
    }

    /// Returns D^{−½}·W and the Cholesky factor of the capacitance matrix I + Wᵀ·D⁻¹·W.
    fn capacitance(&self) -> (Tensor<3>, Tensor<3>) {
        let scaled = self.factor.clone() / columns(self.diagonal.clone().sqrt());
        let eye = Tensor::<2>::eye(scaled.dims()[2], &self.loc.device()).cast(self.loc.dtype());
        let capacitance = scaled.clone().transpose().matmul(scaled.clone()) + eye.unsqueeze::<3>();
        (scaled, cholesky(&capacitance))
    }

    /// Returns ½·ln det of the covariance by the matrix determinant lemma, `[n, 1]` or `[1, 1]`.
    fn half_log_det(&self, capacitance: &Tensor<3>) -> Tensor<2> {
        self.diagonal.clone().log().sum_dim(1) * 0.5 + diagonal(capacitance).log().sum_dim(1)
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of dimensions")]
    fn dimensions(&self) -> f64 {
        self.loc.dims()[1] as f64
    }
}

impl Distribution<2> for LowRankMultivariateNormal {
    type Value = Tensor<2>;

    /// Returns the log-density by Woodbury's identity, `[n, 1]`.
    fn log_prob(&self, value: Tensor<2>) -> Tensor<2> {
        let (scaled, capacitance) = self.capacitance();
        let z = (value - self.loc.clone()) / self.diagonal.clone().sqrt();
        let explained = if self.is_one_for_all() {
            // One triangular system with all rows as right-hand sides.
            let sides = scaled.squeeze_dim::<2>(0).transpose().matmul(z.clone().transpose());
            solve_lower(&capacitance, &sides.unsqueeze()).squeeze_dim::<2>(0).transpose()
        } else {
            vectors(solve_lower(&capacitance, &scaled.transpose().matmul(columns(z.clone()))))
        };
        let distance = z.square().sum_dim(1) - explained.square().sum_dim(1);
        distance * -0.5 - self.half_log_det(&capacitance) - self.dimensions() * LN_SQRT_2PI
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<2> {
        self.detached().rsample(stream)
    }
}

impl Batch for LowRankMultivariateNormal {
    fn detached(&self) -> Self {
        Self {
            loc: self.loc.clone().without_autodiff(),
            factor: self.factor.clone().without_autodiff(),
            diagonal: self.diagonal.clone().without_autodiff(),
        }
    }

    fn repeated(&self, count: usize) -> Self {
        let count = count.max(1);
        let of_covariance = if self.is_one_for_all() { 1 } else { count };
        Self {
            loc: self.loc.clone().repeat_dim(0, count),
            factor: self.factor.clone().repeat_dim(0, of_covariance),
            diagonal: self.diagonal.clone().repeat_dim(0, of_covariance),
        }
    }
}

impl Moments<2> for LowRankMultivariateNormal {
    fn mean(&self) -> Tensor<2> {
        self.loc.clone()
    }

    /// Returns the diagonal of the covariance, `[n, k]`.
    fn variance(&self) -> Tensor<2> {
        (vectors(self.factor.clone().square().sum_dim(2)) + self.diagonal.clone()).expand(self.loc.dims())
    }
}

impl Entropy<2> for LowRankMultivariateNormal {
    fn entropy(&self) -> Tensor<2> {
        let (_, capacitance) = self.capacitance();
        let [n, _] = self.loc.dims();
        (self.half_log_det(&capacitance) + self.dimensions() * (0.5 + LN_SQRT_2PI)).expand([n, 1])
    }
}

impl Reparameterized<2> for LowRankMultivariateNormal {
    /// Draws μ + W·ε + √d·η with ε and η from N(0, I).
    fn rsample(&self, stream: &mut Stream) -> Tensor<2> {
        let ([n, _], r) = (self.loc.dims(), self.factor.dims()[2]);
        let like = (&self.loc.device().without_autodiff(), self.loc.dtype());
        let common: Tensor<2> = stream.normal([n, r], like);
        let own = normal_like(stream, &self.loc);
        let common = if self.is_one_for_all() {
            common.matmul(self.factor.clone().squeeze_dim::<2>(0).transpose())
        } else {
            vectors(self.factor.clone().matmul(columns(common)))
        };
        self.loc.clone() + common + self.diagonal.clone().sqrt() * own
    }
}
