//! Robust losses of squared residuals.

use kiln_tensor::linalg::Matrix;
use serde::{Deserialize, Serialize};

use crate::norms::norm;

/// The loss ρ(z) of a squared residual z = (r/s)², with the scale s. The objective is ½·s²·Σ ρ(z).
///
/// All but `Linear` grow more slowly than the square for residuals beyond s, so outliers have less influence.
///
/// # References
/// Triggs et al., *Bundle Adjustment: A Modern Synthesis* (2000). The names and formulas are those of SciPy's `least_squares`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// z: ordinary least squares. The default.
    #[default]
    Linear,
    /// 2·(√(1 + z) − 1), a smooth approximation of the absolute value.
    SoftL1,
    /// z if z ≤ 1, else 2·√z − 1 (Huber, 1964).
    Huber,
    /// ln(1 + z): the likelihood of Cauchy's distribution.
    Cauchy,
    /// arctan(z), which is bounded.
    Arctan,
}

impl Loss {
    /// Returns ρ, ρ′ and ρ″ at z ≥ 0.
    pub fn at(self, z: f64) -> [f64; 3] {
        match self {
            Self::Linear => [z, 1.0, 0.0],
            Self::SoftL1 => {
                let t = 1.0 + z;
                // 2·(√t − 1) without cancellation.
                [2.0 * z / (t.sqrt() + 1.0), t.powf(-0.5), -0.5 * t.powf(-1.5)]
            }
            Self::Huber if z <= 1.0 => [z, 1.0, 0.0],
            Self::Huber => [2.0 * z.sqrt() - 1.0, z.powf(-0.5), -0.5 * z.powf(-1.5)],
            Self::Cauchy => [z.ln_1p(), 1.0 / (1.0 + z), -1.0 / (1.0 + z).powi(2)],
            Self::Arctan => {
                let t = 1.0 + z * z;
                [z.atan(), 1.0 / t, -2.0 * z / (t * t)]
            }
        }
    }

    /// Returns the objective ½·s²·Σ ρ((r/s)²).
    pub(super) fn cost(self, residuals: &[f64], scale: f64) -> f64 {
        if self == Self::Linear {
            return 0.5 * norm(residuals).powi(2);
        }
        0.5 * scale * scale * residuals.iter().map(|r| self.at((r / scale).powi(2))[0]).sum::<f64>()
    }

    /// Scales residuals and Jacobian so that JᵀJ approximates the Hessian of the objective, and Jᵀr is its gradient.
    pub(super) fn scaled(self, residuals: Vec<f64>, jacobian: Matrix, scale: f64) -> (Vec<f64>, Matrix) {
        if self == Self::Linear {
            return (residuals, jacobian);
        }
        let weigh = |r: &f64| {
            let z = (r / scale).powi(2);
            let [_, first, second] = self.at(z);
            let weight = (first + 2.0 * second * z).max(f64::EPSILON).sqrt();
            (r * first / weight, weight)
        };
        let (scaled, weights): (Vec<f64>, Vec<f64>) = residuals.iter().map(weigh).unzip();
        let jacobian = Matrix::from_fn(jacobian.rows(), jacobian.columns(), |i, j| jacobian.at(i, j) * weights[i]);
        (scaled, jacobian)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kiln_testkit::assert_close;

    #[test]
    fn derivatives_are_those_of_the_loss() {
        for loss in [Loss::Linear, Loss::SoftL1, Loss::Huber, Loss::Cauchy, Loss::Arctan] {
            for z in [0.1, 0.9, 1.5, 30.0] {
                let h = 1e-5 * z;
                let [low, at, high] = [z - h, z, z + h].map(|z| loss.at(z));
                let slopes = [(high[0] - low[0]) / (2.0 * h), (high[1] - low[1]) / (2.0 * h)];
                // The error of central differences is of the order of h².
                assert_close(&at[1..], &slopes, 1e-7, 1e-9, &format!("{loss:?} at {z}"));
            }
        }
    }

    #[test]
    fn a_norm_does_not_overflow() {
        assert_close(&[norm(&[3e200, 4e200])], &[5e200], 1e-15, 0.0, "large");
        assert_close(&[norm(&[3e-200, 4e-200])], &[5e-200], 1e-15, 0.0, "small");
        assert!(norm(&[f64::NAN, 1.0]).is_nan() && norm(&[f64::INFINITY, 1.0]).is_infinite());
    }
}
