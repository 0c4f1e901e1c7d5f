//! Exponential dispersion models: the variance is a function of the mean.

use super::{Row, Second};
use crate::glm::link::Link;

/// The variance as a function of the mean, at dispersion 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::glm) enum Variance {
    /// 1: the normal distribution.
    Constant,
    /// μ: the Poisson distribution.
    Linear,
    /// μ²: the gamma distribution.
    Square,
    /// μ³: the inverse Gaussian distribution.
    Cube,
}

/// A response with the variance φ·V(μ), at φ = 1.
///
/// # References
/// McCullagh and Nelder, *Generalized Linear Models* (1989), sections 2.2 and 2.5.
pub(in crate::glm) struct ExponentialRow {
    pub(in crate::glm) variance: Variance,
    pub(in crate::glm) link: Link,
}

impl ExponentialRow {
    /// Returns the part of the log-density that depends on the mean.
    fn density(&self, y: f64, mean: f64) -> f64 {
        match self.variance {
            Variance::Constant => -0.5 * (y - mean) * (y - mean),
            Variance::Linear if y == 0.0 => -mean,
            Variance::Linear => y * mean.ln() - mean,
            Variance::Square => -y / mean - mean.ln(),
            Variance::Cube => -0.5 * (y - mean) * (y - mean) / (mean * mean * y),
        }
    }
}

impl Row for ExponentialRow {
    fn at(&self, y: f64, eta: &[f64], second: Second, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let eta = eta[0];
        if (self.variance, self.link) == (Variance::Linear, Link::Log) {
            let mean = eta.exp();
            (gradient[0], hessian[0]) = (y - mean, -mean);
            return y * eta - mean;
        }
        let [mean, first, curvature] = self.link.mean_and_derivatives(eta);
        if self.variance != Variance::Constant && (mean.is_nan() || mean <= 0.0) {
            return f64::NAN;
        }
        let (v, slope) = match self.variance {
            Variance::Constant => (1.0, 0.0),
            Variance::Linear => (mean, 1.0),
            Variance::Square => (mean * mean, 2.0 * mean),
            Variance::Cube => (mean * mean * mean, 3.0 * mean * mean),
        };
        let residual = (y - mean) / v;
        gradient[0] = residual * first;
        hessian[0] = -first * first / v;
        if second == Second::Observed {
            hessian[0] += residual * (curvature - first * first * slope / v);
        }
        self.density(y, mean)
    }
}
