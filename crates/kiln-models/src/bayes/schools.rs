//! Eight schools.

use std::f64::consts::PI;

use burn::tensor::Tensor;
use kiln_dist::{Factors, LogJoint};

/// The hierarchical model of coaching effects in eight schools.
///
/// yⱼ ~ N(μ + τ·ηⱼ, σⱼ²), ηⱼ ~ N(0, 1), μ ~ N(0, 5²), and τ is half-Cauchy with scale 5. The latent vector z has ten entries:
/// μ, ln τ, η₁, …, η₈. The Jacobian of the logarithm is included.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::LogJoint;
/// use kiln_models::bayes::EightSchools;
///
/// let z = Tensor::zeros([1, 10], &Device::default());
/// assert_eq!(EightSchools.log_joint(z).dims(), [1]);
/// ```
///
/// # References
/// Rubin (1981); Gelman et al., *Bayesian Data Analysis* (2013), section 5.5.
#[derive(Clone, Copy, Debug, Default)]
pub struct EightSchools;

impl EightSchools {
    /// The observed effects.
    pub const Y: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
    /// The standard errors of the observed effects.
    pub const SIGMA: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

    /// Splits z into μ `[s, 1]`, ln τ `[s, 1]` and η `[s, 8]`.
    fn parts(z: &Tensor<2>) -> [Tensor<2>; 3] {
        let [s, _] = z.dims();
        [0..1, 1..2, 2..10].map(|columns| z.clone().slice([0..s, columns]))
    }

    /// Returns μ, τ and the schools' effects θⱼ = μ + τ·ηⱼ of each row of z `[s, 10]`, as `[s, 10]`.
    pub fn quantities(&self, z: Tensor<2>) -> Tensor<2> {
        let [mu, log_tau, eta] = Self::parts(&z);
        let tau = log_tau.exp();
        Tensor::cat(vec![mu.clone(), tau.clone(), tau * eta + mu], 1)
    }

    /// Returns the terms `[s, 18]` of μ, τ, the ηⱼ and the yⱼ.
    fn terms(z: &Tensor<2>) -> Tensor<2> {
        let [mu, log_tau, eta] = Self::parts(z);
        let tau = log_tau.clone().exp();
        let like = (&z.device(), z.dtype());
        let y = Tensor::<2>::from_data([Self::Y], like);
        let weights = Tensor::<2>::from_data([Self::SIGMA.map(f64::recip)], like);
        let effects = mu.clone() + tau.clone() * eta.clone();
        let half_ln_2pi = 0.5 * (2.0 * PI).ln();
        let of_data = ((effects - y) * weights.clone()).square() * -0.5 + weights.log() - half_ln_2pi;
        let of_eta = eta.square() * -0.5 - half_ln_2pi;
        let of_mu = mu.square() * -0.02 - (5f64.ln() + 0.5 * (2.0 * PI).ln());
        // The half-Cauchy density 2/(5π·(1 + τ²/25)), times τ, the Jacobian of the exponential.
        let of_tau = log_tau - ((tau * 0.2).square() + 1.0).log() + (2.0 / (5.0 * PI)).ln();
        Tensor::cat(vec![of_mu, of_tau, of_eta, of_data], 1)
    }

    /// μ and τ are in their own terms and in all of the data's terms; ηⱼ is in its own term and in the term of yⱼ.
    fn involved() -> [[f64; 10]; 18] {
        let term = |f: usize, i: usize| match f {
            0..10 => f == i,
            _ => i < 2 || i == f - 8,
        };
        std::array::from_fn(|f| std::array::from_fn(|i| f64::from(u8::from(term(f, i)))))
    }
}

impl LogJoint for EightSchools {
    /// Returns 10.
    fn dims(&self) -> usize {
        10
    }

    fn log_joint(&self, z: Tensor<2>) -> Tensor<1> {
        Self::terms(&z).sum_dim(1).squeeze_dim(1)
    }

    /// Returns 18 terms: those of μ, τ, the ηⱼ and the yⱼ.
    fn factors(&self, z: Tensor<2>) -> Factors {
        let involved = Tensor::from_data(Self::involved(), (&z.device(), z.dtype()));
        Factors { terms: Self::terms(&z), involved }
    }
}
