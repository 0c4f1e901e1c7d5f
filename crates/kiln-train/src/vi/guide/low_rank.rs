//! The low-rank normal family.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor},
};
use kiln_dist::{Batch, DistError, Distribution, Entropy, LowRankMultivariateNormal, Moments, Reparameterized};
use kiln_tensor::Stream;

use super::{Guide, same_length};

/// The low-rank family: a normal distribution with covariance W·Wᵀ + diag(s²), where W is `[d, r]`.
///
/// It has d·(r + 2) parameters, between the mean field and the full rank (Ong, Nott and Smith, 2018).
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use kiln_tensor::Stream;
/// use kiln_train::vi::LowRank;
///
/// let guide = LowRank::new(5, 2, &Device::default(), &mut Stream::new(0, "low-rank", 0, 0));
/// assert_eq!(guide.covariance().dims(), [5, 5]);
/// ```
#[derive(Module, Debug)]
pub struct LowRank {
    loc: Param<Tensor<1>>,
    factor: Param<Tensor<2>>,
    log_scale: Param<Tensor<1>>,
}

impl LowRank {
    /// Builds a guide near N(0, 0.1²·I) in `dims` dimensions, with `rank` columns of W, clamped to 1..=`dims`.
    ///
    /// The entries of W are drawn from N(0, 0.01²), so that its columns differ.
    pub fn new(dims: usize, rank: usize, device: &Device, stream: &mut Stream) -> Self {
        let rank = rank.clamp(1, dims.max(1));
        let device = device.clone().autodiff();
        let entries: Vec<f64> = stream.normal_vec(dims * rank).iter().map(|x| 0.01 * x).collect();
        let factor = burn::tensor::TensorData::new(entries, [dims, rank]);
        Self {
            loc: Param::from_tensor(Tensor::zeros([dims], &device)),
            factor: Param::from_tensor(Tensor::from_data(factor, &device)),
            log_scale: Param::from_tensor(Tensor::full([dims], 0.1f64.ln(), &device)),
        }
    }

    /// Builds the guide from a mean `[d]`, W `[d, r]` and positive standard deviations s `[d]`.
    ///
    /// # Errors
    /// Returns [`DistError::Shape`] if the shapes do not fit.
    pub fn from_parts(loc: Tensor<1>, factor: Tensor<2>, scale: Tensor<1>) -> Result<Self, DistError> {
        let [rows, rank] = factor.dims();
        same_length(("loc", &loc), ("factor", if rank == 0 { 0 } else { rows }, &[rows, rank]))?;
        same_length(("loc", &loc), ("scale", scale.dims()[0], &scale.dims()))?;
        Ok(Self {
            loc: Param::from_tensor(loc.without_autodiff().autodiff()),
            factor: Param::from_tensor(factor.without_autodiff().autodiff()),
            log_scale: Param::from_tensor(scale.without_autodiff().log().autodiff()),
        })
    }

    /// Returns the covariance W·Wᵀ + diag(s²), `[d, d]`.
    pub fn covariance(&self) -> Tensor<2> {
        self.one().covariance().squeeze_dim(0)
    }

    fn one(&self) -> LowRankMultivariateNormal {
        let variance = (self.log_scale.val() * 2.0).exp();
        LowRankMultivariateNormal::new(self.loc.val().unsqueeze(), self.factor.val().unsqueeze(), variance.unsqueeze())
            .expect("the guide's shapes fit")
    }
}

impl Guide for LowRank {
    fn dims(&self) -> usize {
        self.loc.dims()[0]
    }

    fn rsample(&self, particles: usize, stream: &mut Stream) -> Tensor<2> {
        self.one().repeated(particles).rsample(stream)
    }

    fn log_prob(&self, z: Tensor<2>) -> Tensor<1> {
        self.one().log_prob(z).squeeze_dim(1)
    }

    fn entropy(&self) -> Tensor<1> {
        self.one().entropy().squeeze_dim(1)
    }

    fn mean(&self) -> Tensor<1> {
        self.loc.val()
    }

    fn stddev(&self) -> Tensor<1> {
        self.one().variance().sqrt().squeeze_dim(0)
    }

    /// Returns r + 2.
    fn least_fixed_draws(&self) -> usize {
        self.factor.dims()[1] + 2
    }
}
