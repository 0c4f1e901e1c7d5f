//! The normal distribution.

use std::f64::consts::{LN_2, PI};

use burn::tensor::{Device, Shape, Tensor};
use kiln_tensor::Stream;

use crate::{
    DistError, Distribution, KlDivergence, Reparameterized,
    distribution::like,
    error::{check_values, same_shape},
};

/// N(loc, scale²), elementwise.
///
/// The scale is kept with its logarithm, so that neither is computed twice, and a network that gives ln σ² loses
/// nothing by it.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Distribution, Normal};
///
/// let device = Device::default();
/// let d = Normal::new(Tensor::<1>::from_data([0.0, 1.0], &device), Tensor::ones([2], &device))?;
/// assert_eq!(d.log_prob(Tensor::zeros([2], &device)).dims(), [2]);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Normal<const D: usize> {
    loc: Tensor<D>,
    scale: Tensor<D>,
    log_scale: Tensor<D>,
}

impl<const D: usize> Normal<D> {
    /// From the mean and the standard deviation, of equal shapes. `scale` > 0 is not checked here, since that would
    /// wait for the device: see [`validated`](Self::validated).
    ///
    /// # Errors
    /// [`DistError::Shape`].
    pub fn new(loc: Tensor<D>, scale: Tensor<D>) -> Result<Self, DistError> {
        same_shape(("loc", &loc), ("scale", &scale))?;
        Ok(Self { loc, log_scale: scale.clone().log(), scale })
    }

    /// From the mean and ln σ, any real number, of equal shapes.
    ///
    /// # Errors
    /// [`DistError::Shape`].
    pub fn from_log_scale(loc: Tensor<D>, log_scale: Tensor<D>) -> Result<Self, DistError> {
        same_shape(("loc", &loc), ("log_scale", &log_scale))?;
        Ok(Self { loc, scale: log_scale.clone().exp(), log_scale })
    }

    /// From the mean and ln σ², any real number, of equal shapes: what the encoder of a VAE gives.
    ///
    /// # Errors
    /// [`DistError::Shape`].
    pub fn from_log_variance(loc: Tensor<D>, log_variance: Tensor<D>) -> Result<Self, DistError> {
        Self::from_log_scale(loc, log_variance * 0.5)
    }

    /// N(0, 1).
    pub fn standard(shape: impl Into<Shape>, device: &Device) -> Self {
        let zeros = Tensor::zeros(shape.into(), device);
        Self { loc: zeros.clone(), scale: zeros.ones_like(), log_scale: zeros }
    }

    /// Checks the values, which waits for the device.
    ///
    /// # Errors
    /// [`DistError::Value`] when a mean is not finite, or a standard deviation is not finite and positive.
    pub fn validated(self) -> Result<Self, DistError> {
        check_values("loc", "finite", &self.loc, Tensor::is_finite)?;
        check_values("scale", "finite and positive", &self.scale, |s| {
            s.clone().is_finite().bool_and(s.greater_scalar(0.0))
        })?;
        Ok(self)
    }

    /// μ.
    pub fn loc(&self) -> Tensor<D> {
        self.loc.clone()
    }

    /// σ.
    pub fn scale(&self) -> Tensor<D> {
        self.scale.clone()
    }

    /// KL(self ‖ N(0, 1)) = ½(σ² + μ² − 1) − ln σ (Kingma and Welling, 2014, appendix B).
    pub fn kl_to_standard(&self) -> Tensor<D> {
        (self.scale.clone().square() + self.loc.clone().square() - 1.0) * 0.5 - self.log_scale.clone()
    }
}

/// ln √(2π).
fn ln_sqrt_2pi() -> f64 {
    0.5 * (LN_2 + PI.ln())
}

impl<const D: usize> Distribution<D> for Normal<D> {
    type Value = Tensor<D>;

    /// −½((x − μ)/σ)² − ln σ − ln √(2π).
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let z = (value - self.loc.clone()) / self.scale.clone();
        z.square() * -0.5 - self.log_scale.clone() - ln_sqrt_2pi()
    }

    /// ½ + ln √(2π) + ln σ.
    fn entropy(&self) -> Tensor<D> {
        self.log_scale.clone() + (0.5 + ln_sqrt_2pi())
    }

    fn mean(&self) -> Tensor<D> {
        self.loc.clone()
    }

    fn variance(&self) -> Tensor<D> {
        self.scale.clone().square()
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        self.rsample(stream).detach()
    }
}

impl<const D: usize> Reparameterized<D> for Normal<D> {
    /// μ + σ·noise.
    fn rsample_from_noise(&self, noise: Tensor<D>) -> Tensor<D> {
        self.loc.clone() + self.scale.clone() * noise
    }

    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        let noise = stream.normal(self.loc.shape(), &self.loc.device());
        self.rsample_from_noise(like(noise, &self.loc))
    }
}

impl<const D: usize> KlDivergence<D, Self> for Normal<D> {
    /// ln(σ_q/σ_p) + ½(σ_p² + (μ_p − μ_q)²)/σ_q² − ½.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let log_ratio = self.log_scale.clone() - q.log_scale.clone();
        let distance = (self.loc.clone() - q.loc.clone()) / q.scale.clone();
        ((log_ratio.clone() * 2.0).exp() + distance.square() - 1.0) * 0.5 - log_ratio
    }
}
