//! Counts with more variance, or more zeros, than a Poisson distribution has.

use super::{Row, Second};
use crate::glm::link::{sigmoid, softplus};
use kiln_tensor::special::host::{digamma, ln_gamma, trigamma};

/// The negative binomial distribution with mean μ = exp η₁ and variance μ + μ²/θ. θ = exp η₂, or fixed.
///
/// # References
/// Hilbe, *Negative Binomial Regression* (2011), section 8.2 (NB2).
pub(in crate::glm) struct NegativeBinomialRow {
    pub(in crate::glm) theta: Option<f64>,
}

/// Up to this response, sums replace differences of gamma functions, which lose digits for large θ.
const SUMMED: f64 = 100.0;

impl NegativeBinomialRow {
    /// Returns Σ_{j<y} ln(1 + j/θ) = ln Γ(y + θ) − ln Γ(θ) − y·ln θ with its first two derivatives in ln θ.
    pub(in crate::glm) fn rising(y: f64, theta: f64) -> [f64; 3] {
        if y <= SUMMED && y.fract() == 0.0 {
            let mut sums = [0.0; 3];
            let mut j = 1.0;
            while j < y {
                let share = j / (theta + j);
                sums[0] += (j / theta).ln_1p();
                sums[1] -= share;
                sums[2] += share * (1.0 - share);
                j += 1.0;
            }
            return sums;
        }
        let first = theta * (digamma(y + theta) - digamma(theta)) - y;
        let second = theta * theta * (trigamma(y + theta) - trigamma(theta)) + first + y;
        [ln_gamma(y + theta) - ln_gamma(theta) - y * theta.ln(), first, second]
    }
}

impl Row for NegativeBinomialRow {
    fn at(&self, y: f64, eta: &[f64], second: Second, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let theta = self.theta.unwrap_or_else(|| eta[1].exp());
        let mean = eta[0].exp();
        // μ/(θ + μ), and the logarithm of 1 + μ/θ.
        let share = sigmoid(eta[0] - theta.ln());
        let ln = softplus(eta[0] - theta.ln());
        let total = y + theta;
        gradient[0] = y - total * share;
        hessian[0] = match second {
            Second::Observed => -total * share * (1.0 - share),
            Second::Expected => -mean * (1.0 - share),
        };
        let mut value = y * eta[0] - total * ln;
        if self.theta.is_none() {
            let [rising, slope, curvature] = Self::rising(y, theta);
            value += rising;
            gradient[1] = slope - theta * ln + total * share;
            hessian[1] = if second == Second::Expected { 0.0 } else { share * (1.0 - share) * (y - mean) };
            hessian[2] = curvature - theta * ln + theta * share + theta * share - total * share * (1.0 - share);
        }
        value
    }
}

/// A count that is 0 with probability π = 1/(1 + exp(−η₂)), and Poisson with mean exp η₁ otherwise.
///
/// # References
/// Lambert (1992), *Zero-inflated Poisson regression*.
pub(in crate::glm) struct ZeroInflatedPoissonRow;

impl Row for ZeroInflatedPoissonRow {
    fn at(&self, y: f64, eta: &[f64], _: Second, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let mean = eta[0].exp();
        let (p, rest) = (sigmoid(eta[1]), sigmoid(-eta[1]));
        if y > 0.0 {
            gradient.copy_from_slice(&[y - mean, -p]);
            hessian.copy_from_slice(&[-mean, 0.0, -p * rest]);
            return y * eta[0] - mean - softplus(eta[1]);
        }
        // The probability that a zero is one of the additional zeros.
        let (q, other) = (sigmoid(eta[1] + mean), sigmoid(-eta[1] - mean));
        gradient.copy_from_slice(&[-other * mean, q * rest - other * p]);
        let both = q * other * mean;
        hessian.copy_from_slice(&[both * mean - other * mean, both, q * other - p * rest]);
        softplus(eta[1] + mean) - mean - softplus(eta[1])
    }
}
