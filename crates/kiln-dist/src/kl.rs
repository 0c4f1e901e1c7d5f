//! Divergences between distributions of different families.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI, PI};

use burn::tensor::Tensor;
use kiln_tensor::special::erf;

use crate::{
    Beta, Entropy, Exponential, Gamma, Gumbel, HalfNormal, InverseGamma, KlDivergence, Laplace, LogNormal, Moments,
    Normal, StudentT, Uniform, Weibull, continuous::LN_SQRT_2PI,
};

/// Returns −H(p) + ln σ + ln √(2π) + ((E x − μ)² + var x)/(2σ²) for any p with an entropy and two moments.
fn from_normal<const D: usize, P: Entropy<D> + Moments<D>>(p: &P, q: &Normal<D>) -> Tensor<D> {
    let scale = q.scale();
    let apart = (p.mean() - q.loc()) / scale.clone();
    let spread = p.variance() / scale.square();
    (apart.square() + spread) * 0.5 + q.log_scale() + LN_SQRT_2PI - p.entropy()
}

macro_rules! to_normal {
    ($($family:ident),+) => { $(
        impl<const D: usize> KlDivergence<D, Normal<D>> for $family<D> {
            fn kl_divergence(&self, q: &Normal<D>) -> Tensor<D> {
                from_normal(self, q)
            }
        }
    )+ };
}

to_normal!(Beta, Exponential, Gamma, Gumbel, HalfNormal, InverseGamma, Laplace, LogNormal, StudentT, Uniform, Weibull);

impl<const D: usize> KlDivergence<D, Laplace<D>> for Normal<D> {
    /// Returns −H(p) + ln(2b) + E|x − m|/b, with E|x − m| = σ·√(2/π)·e^{−d²/2} + (μ − m)·erf(d/√2) and d = (μ − m)/σ.
    fn kl_divergence(&self, q: &Laplace<D>) -> Tensor<D> {
        let apart = self.loc() - q.loc();
        let d = apart.clone() / self.scale();
        let near = self.scale() * (d.clone().square() * -0.5).exp() * FRAC_2_PI.sqrt();
        let distance = near + apart * erf(d * FRAC_1_SQRT_2);
        let entropy_less = -self.log_scale() + q.scale().log() - 0.5 * (1.0 + (PI / 2.0).ln());
        distance / q.scale() + entropy_less
    }
}
