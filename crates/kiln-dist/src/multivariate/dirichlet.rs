//! The Dirichlet distribution.

use burn::tensor::Tensor;
use kiln_tensor::{
    Stream,
    special::{digamma, ln_gamma, ln_gamma_entropy, log_sum_exp},
};

use crate::{
    DistError, Distribution, Entropy, KlDivergence, Moments, Reparameterized,
    continuous::gamma::ln_standard_gamma,
    error::check_values,
    family::{POSITIVE, on_support, x_ln_y},
};

/// A Dirichlet distribution over the simplex along the last axis, with density Π xᵢ^{αᵢ − 1}/B(α).
///
/// Values are vectors of k positive numbers with sum 1, `[.., k]`. Their log-densities have shape `[.., 1]`.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_dist::{Dirichlet, Distribution};
///
/// let device = Device::default();
/// let d = Dirichlet::new(Tensor::<2>::ones([1, 3], &device))?;
/// // Uniform on the triangle, with density Γ(3) = 2.
/// let log_prob = d.log_prob(Tensor::from_data([[0.2, 0.3, 0.5]], &device));
/// assert!((log_prob.into_scalar::<f32>() - 2f32.ln()).abs() < 1e-5);
/// # Ok::<(), kiln_dist::DistError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dirichlet<const D: usize> {
    concentration: Tensor<D>,
}

impl<const D: usize> Dirichlet<D> {
    /// Builds the distribution from the concentration α `[.., k]`, k ≥ 1, each positive.
    ///
    /// The values are not checked, because that would wait for the device; [`validated`](Self::validated) checks them.
    ///
    /// # Errors
    /// Returns [`DistError::Length`] if the last axis is empty.
    pub fn new(concentration: Tensor<D>) -> Result<Self, DistError> {
        match concentration.dims()[D - 1] {
            0 => Err(DistError::Length { expected: "at least 1 entry", got: 0 }),
            _ => Ok(Self { concentration }),
        }
    }

    /// Checks the values and returns the distribution. Waits for the device.
    ///
    /// # Errors
    /// Returns [`DistError::Value`] if a concentration is not positive and finite.
    pub fn validated(self) -> Result<Self, DistError> {
        check_values("concentration", POSITIVE.words, &self.concentration, |x| POSITIVE.holds(x))?;
        Ok(self)
    }

    /// Returns the concentration α, `[.., k]`.
    pub fn concentration(&self) -> Tensor<D> {
        self.concentration.clone()
    }

    /// Returns Σ αᵢ, `[.., 1]`.
    fn total(&self) -> Tensor<D> {
        self.concentration.clone().sum_dim(D - 1)
    }

    /// Returns ln B(α) = Σ ln Γ(αᵢ) − ln Γ(Σ αᵢ), `[.., 1]`.
    fn ln_beta(&self) -> Tensor<D> {
        ln_gamma(self.concentration.clone()).sum_dim(D - 1) - ln_gamma(self.total())
    }

    /// Returns E ln xᵢ = ψ(αᵢ) − ψ(Σ αᵢ), `[.., k]`.
    pub fn mean_log(&self) -> Tensor<D> {
        digamma(self.concentration.clone()) - digamma(self.total())
    }

    #[allow(clippy::cast_precision_loss, reason = "a number of classes")]
    fn classes(&self) -> f64 {
        self.concentration.dims()[D - 1] as f64
    }
}

impl<const D: usize> Distribution<D> for Dirichlet<D> {
    type Value = Tensor<D>;

    /// Returns the log-density on the simplex, and −∞ if an entry is negative or if the sum differs from 1 by more than 1e-3.
    ///
    /// A sum that differs by rounding is accepted.
    fn log_prob(&self, value: Tensor<D>) -> Tensor<D> {
        let off = (value.clone().sum_dim(D - 1) - 1.0).abs();
        let inside = off.lower_scalar(1e-3).bool_and(value.clone().min_dim(D - 1).greater_equal_scalar(0.0));
        let shape = value.shape();
        let per_entry = inside.clone().expand(shape);
        let log_prob = on_support(value, per_entry, 0.5, 0.0, |x| x_ln_y(self.concentration.clone() - 1.0, x));
        let log_prob = log_prob.sum_dim(D - 1) - self.ln_beta();
        log_prob.mask_fill(inside.bool_not(), f64::NEG_INFINITY)
    }

    fn sample(&self, stream: &mut Stream) -> Tensor<D> {
        Self { concentration: self.concentration.clone().without_autodiff() }.rsample(stream)
    }
}

impl<const D: usize> Moments<D> for Dirichlet<D> {
    /// Returns αᵢ/Σ α, `[.., k]`.
    fn mean(&self) -> Tensor<D> {
        self.concentration.clone() / self.total()
    }

    /// Returns m·(1 − m)/(Σ α + 1) with the mean m, `[.., k]`.
    fn variance(&self) -> Tensor<D> {
        let mean = self.mean();
        mean.clone() * (-mean + 1.0) / (self.total() + 1.0)
    }
}

impl<const D: usize> Entropy<D> for Dirichlet<D> {
    /// Returns ln B(α) + (Σ α − k)·ψ(Σ α) − Σ (αᵢ − 1)·ψ(αᵢ), `[.., 1]`.
    fn entropy(&self) -> Tensor<D> {
        // The terms in α itself cancel analytically.
        let (own, total) = (self.concentration.clone(), self.total());
        let each = ln_gamma_entropy(own.clone()) + digamma(own);
        each.sum_dim(D - 1) - ln_gamma_entropy(total.clone()) - digamma(total) * self.classes()
    }
}

impl<const D: usize> Reparameterized<D> for Dirichlet<D> {
    /// Draws gamma variables and normalises them, in logarithms, with implicit derivatives.
    fn rsample(&self, stream: &mut Stream) -> Tensor<D> {
        let ln_gammas = ln_standard_gamma(&self.concentration, stream);
        (ln_gammas.clone() - log_sum_exp(ln_gammas, D - 1)).exp()
    }
}

impl<const D: usize> KlDivergence<D, Self> for Dirichlet<D> {
    /// Returns ln B(q) − ln B(p) + Σ (α_p − α_q)·(ψ(α_p) − ψ(Σ α_p)), `[.., 1]`.
    fn kl_divergence(&self, q: &Self) -> Tensor<D> {
        let apart = (self.concentration.clone() - q.concentration.clone()) * self.mean_log();
        q.ln_beta() - self.ln_beta() + apart.sum_dim(D - 1)
    }
}
