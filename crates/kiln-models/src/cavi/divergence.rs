//! Divergences between conjugate families, on the host.

use kiln_tensor::{
    linalg::{Cholesky, Symmetric},
    special::host::{digamma, ln_gamma},
};

/// Returns KL(Gamma(a, b) ‖ Gamma(a₀, b₀)) for rates b and b₀.
pub(super) fn gamma([a, b]: [f64; 2], [a0, b0]: [f64; 2]) -> f64 {
    (a - a0) * digamma(a) - ln_gamma(a) + ln_gamma(a0) + a0 * (b.ln() - b0.ln()) + a * (b0 - b) / b
}

/// Returns KL(Dirichlet(α) ‖ Dirichlet(α₀)) for a second distribution with the same concentration in all categories.
pub(super) fn dirichlet(alpha: &[f64], alpha0: f64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a number of categories")]
    let k = alpha.len() as f64;
    let total: f64 = alpha.iter().sum();
    let of_total = digamma(total);
    let each: f64 = alpha.iter().map(|a| (a - alpha0) * (digamma(*a) - of_total) - ln_gamma(*a)).sum();
    each + ln_gamma(total) - ln_gamma(k * alpha0) + k * ln_gamma(alpha0)
}

/// A Wishart distribution with inverse scale W⁻¹ and degrees of freedom ν > d − 1 (Bishop, 2006, (B.78)).
#[derive(Clone, Debug)]
pub(super) struct Wishart {
    pub(super) inverse_scale: Symmetric,
    pub(super) factor: Cholesky,
    pub(super) dof: f64,
}

impl Wishart {
    /// Returns `None` if W⁻¹ is not positive definite.
    pub(super) fn new(inverse_scale: Symmetric, dof: f64) -> Option<Self> {
        let factor = inverse_scale.cholesky()?;
        Some(Self { inverse_scale, factor, dof })
    }

    pub(super) fn rows(&self) -> usize {
        self.inverse_scale.rows()
    }

    /// Returns Σᵢ f(½(ν + 1 − i)) over i from 1 to d.
    fn over_axes(&self, f: impl Fn(f64) -> f64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
        (0..self.rows()).map(|i| f(0.5 * (self.dof - i as f64))).sum()
    }

    /// Returns E ln |Λ| − ln |W| − d·ln 2, a sum of digammas.
    pub(super) fn digammas(&self) -> f64 {
        self.over_axes(digamma)
    }

    /// Returns KL(self ‖ prior).
    pub(super) fn divergence(&self, prior: &Self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a number of columns")]
        let d = self.rows() as f64;
        let ln_scale = |w: &Self| -w.factor.log_determinant();
        let inverse = self.factor.inverse();
        let trace: f64 = (0..self.rows())
            .map(|i| (0..self.rows()).map(|j| prior.inverse_scale.at(i, j) * inverse.at(i, j)).sum::<f64>())
            .sum();
        0.5 * prior.dof * (ln_scale(prior) - ln_scale(self)) + 0.5 * self.dof * (trace - d) + prior.over_axes(ln_gamma)
            - self.over_axes(ln_gamma)
            + 0.5 * (self.dof - prior.dof) * self.digammas()
    }
}
