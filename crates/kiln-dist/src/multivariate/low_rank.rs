//! The multivariate normal distribution with a covariance of low rank beside its diagonal.

use burn::tensor::Tensor;
use kiln_tensor::Stream;

use super::triangular::{cholesky, columns, diagonal, solve_lower, vectors};
use crate::{
    Batch, DistError, Distribution, Entropy, Moments, Reparameterized,
    continuous::LN_SQRT_2PI,
    distribution::noise_like,
    error::check_values,
    family::{FINITE, POSITIVE},
};

/// N(loc, W·Wᵀ + diag(d)): a batch of n normal distributions of vectors of k numbers, with r factors; all it does takes k·r² steps.
/// Values are `[n, k]`, their log-probabilities `[n, 1]`.
#[derive(Clone, Debug)]
pub struct LowRankMultivariateNormal {
    loc: Tensor<2>,
    factor: Tensor<3>,
    diagonal: Tensor<2>,
}

impl LowRankMultivariateNormal {
    /// From the mean `[n, k]`, the factors W `[n, k, r]` and the diagonal d `[n, k]`, which is positive.
    ///
    /// # Errors
    /// [`DistError::Shape`].
    pub fn new(loc: Tensor<2>, factor: Tensor<3>, diagonal: Tensor<2>) -> Result<Self, DistError> {
        crate::error::same_shape(("loc", &loc), ("diagonal", &diagonal))?;
        if factor.dims()[..2] != loc.dims() || factor.dims()[2] == 0 {
            let (first_shape, second_shape) = (loc.dims().to_vec(), factor.dims().to_vec());
            return Err(DistError::Shape { first: "loc", first_shape, second: "factor", second_shape });
        }
        Ok(Self { loc, factor, diagonal })
    }

    /// Checks the values, which waits for the device.
    ///
    /// # Errors
    /// [`DistError::Value`].
    pub fn validated(self) -> Result<Self, DistError> {
        check_values("loc", FINITE.words, &self.loc, |x| FINITE.holds(x))?;
        check_values("factor", FINITE.words, &self.factor, |x| FINITE.holds(x))?;
        check_values("diagonal", POSITIVE.words, &self.diagonal, |x| POSITIVE.holds(x))?;
        Ok(self)
    }

    /// The mean, `[n, k]`.
    pub fn loc(&self) -> Tensor<2> {
        self.loc.clone()
    }

    /// W·Wᵀ + diag(d), `[n, k, k]`.
    pub fn covariance(&self) -> Tensor<3> {
        let [n, k] = self.loc.dims();
        let eye = Tensor::<2>::eye(k, &self.loc.device()).cast(self.loc.dtype());
        let diagonal = columns(self.diagonal.clone()) * eye.unsqueeze::<3>().expand([n, k, k]);
        self.factor.clone().matmul(self.factor.clone().transpose()) + diagonal
    }

    /// D^{−½}·W, and Cholesky's factor of I + Wᵀ·D⁻¹·W, the capacitance.
    fn capacitance(&self) -> (Tensor<3>, Tensor<3>) {
        let scaled = self.factor.clone() / columns(self.diagonal.clone().sqrt());
        let [n, _, r] = scaled.dims();
        let eye = Tensor::<2>::eye(r, &self.loc.device()).cast(self.loc.dtype());
        let capacitance = scaled.clone().transpose().matmul(scaled.clone()) + eye.unsqueeze::<3>().expand([n, r, r]);
        (scaled, cholesky(&capacitance))
    }

    /// ½·ln det of the covariance, `[n, 1]` (the matrix determinant lemma).
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

    /// By Woodbury's identity.
    fn log_prob(&self, value: Tensor<2>) -> Tensor<2> {
        let (scaled, capacitance) = self.capacitance();
        let z = (value - self.loc.clone()) / self.diagonal.clone().sqrt();
        let explained = solve_lower(&capacitance, &scaled.transpose().matmul(columns(z.clone())));
        let distance = z.square().sum_dim(1) - vectors(explained).square().sum_dim(1);
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
        Self {
            loc: self.loc.clone().repeat_dim(0, count),
            factor: self.factor.clone().repeat_dim(0, count),
            diagonal: self.diagonal.clone().repeat_dim(0, count),
        }
    }
}

impl Moments<2> for LowRankMultivariateNormal {
    fn mean(&self) -> Tensor<2> {
        self.loc.clone()
    }

    /// The diagonal of the covariance.
    fn variance(&self) -> Tensor<2> {
        vectors(self.factor.clone().square().sum_dim(2)) + self.diagonal.clone()
    }
}

impl Entropy<2> for LowRankMultivariateNormal {
    fn entropy(&self) -> Tensor<2> {
        let (_, capacitance) = self.capacitance();
        self.half_log_det(&capacitance) + self.dimensions() * (0.5 + LN_SQRT_2PI)
    }
}

impl Reparameterized<2> for LowRankMultivariateNormal {
    /// μ + W·ε + √d·η with ε and η from N(0, I).
    fn rsample(&self, stream: &mut Stream) -> Tensor<2> {
        let [n, _, r] = self.factor.dims();
        let common = noise_like(stream.normal_vec(n * r), &self.factor.clone().slice([0..n, 0..1]));
        let own = noise_like(stream.normal_vec(self.loc.shape().num_elements()), &self.loc);
        let common = vectors(self.factor.clone().matmul(common.transpose()));
        self.loc.clone() + common + self.diagonal.clone().sqrt() * own
    }
}
