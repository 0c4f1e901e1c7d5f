//! Eight schools.

use std::f64::consts::PI;

use burn::tensor::Tensor;

/// Eight schools' effects of coaching (Rubin, 1981; Gelman et al., Bayesian Data Analysis, 2013, section 5.5): yⱼ ~ N(μ + τ·ηⱼ, σⱼ²), ηⱼ ~ N(0, 1),
/// μ ~ N(0, 5²), τ half-Cauchy with the scale 5. z is (μ, ln τ, η₁, …, η₈).
#[derive(Clone, Copy, Debug, Default)]
pub struct EightSchools;

impl EightSchools {
    /// The effects seen.
    pub const Y: [f64; 8] = [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0];
    /// Their standard errors.
    pub const SIGMA: [f64; 8] = [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0];

    /// 10.
    pub fn dims(&self) -> usize {
        10
    }

    /// μ, ln τ and η.
    fn parts(z: &Tensor<2>) -> [Tensor<2>; 3] {
        let [s, _] = z.dims();
        [0..1, 1..2, 2..10].map(|columns| z.clone().slice([0..s, columns]))
    }

    /// μ, τ and the schools' effects θⱼ = μ + τ·ηⱼ of each row of z `[s, 10]`, `[s, 10]`.
    pub fn quantities(&self, z: Tensor<2>) -> Tensor<2> {
        let [mu, log_tau, eta] = Self::parts(&z);
        let tau = log_tau.exp();
        Tensor::cat(vec![mu.clone(), tau.clone(), tau * eta + mu], 1)
    }

    /// ln p(y, z) of each row of z `[s, 10]`, `[s]`, in nats.
    pub fn log_joint(&self, z: Tensor<2>) -> Tensor<1> {
        Self::terms(&z).sum_dim(1).squeeze_dim(1)
    }

    /// ln p(y, z) as a sum: of each row of z `[s, 10]` the terms `[s, 18]` of μ, τ, the ηⱼ and the yⱼ; and 1 where a term has a number in
    /// it, else 0, `[18, 10]`.
    pub fn factors(&self, z: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let involved = Tensor::from_data(Self::involved(), (&z.device(), z.dtype()));
        (Self::terms(&z), involved)
    }

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
        // 2/(5π·(1 + τ²/25)), and the Jacobian τ of the logarithm.
        let of_tau = log_tau - ((tau * 0.2).square() + 1.0).log() + (2.0 / (5.0 * PI)).ln();
        Tensor::cat(vec![of_mu, of_tau, of_eta, of_data], 1)
    }

    /// μ and τ are in their own terms and in all of the data's; ηⱼ is in its own and in that of yⱼ.
    fn involved() -> [[f64; 10]; 18] {
        let term = |f: usize, i: usize| match f {
            0..10 => f == i,
            _ => i < 2 || i == f - 8,
        };
        std::array::from_fn(|f| std::array::from_fn(|i| f64::from(u8::from(term(f, i)))))
    }
}
