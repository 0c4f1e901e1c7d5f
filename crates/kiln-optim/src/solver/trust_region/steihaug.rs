//! Steihaug's truncated conjugate gradients.

use burn::tensor::Tensor;

use super::subproblem::{Quadratic, RegionStep, Subproblem, masked, tolerance};
use crate::solver::{
    EvaluationError, HessianProduct,
    problem::{Counted, Point, dots},
};

/// Conjugate gradients that stop at the boundary, or go to it along a direction of negative curvature.
///
/// It needs products H·v only, and the memory of a few vectors. At the boundary the decrease is at least half of the best one if H is
/// positive definite.
///
/// # Example
/// ```
/// use kiln_optim::solver::{Steihaug, TrustRegion, trust_ncg};
///
/// assert_eq!(trust_ncg(), TrustRegion::new(Steihaug));
/// ```
///
/// # References
/// Steihaug (1983). Nocedal and Wright, *Numerical Optimization* (2006), algorithm 7.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steihaug;

impl<P: HessianProduct> Subproblem<P> for Steihaug {
    type Known = ();
    type Model<'m>
        = ByProducts<'m, P>
    where
        P: 'm;

    fn model<'m>(
        &'m self,
        problem: &'m Counted<'m, P>,
        at: &'m Point,
        (): &'m mut (),
    ) -> Result<ByProducts<'m, P>, EvaluationError> {
        Ok(ByProducts { problem, x: &at.x })
    }
}

/// The model by products with the Hessian at x.
pub struct ByProducts<'m, P> {
    pub(super) problem: &'m Counted<'m, P>,
    pub(super) x: &'m Tensor<1>,
}

impl<P: HessianProduct> Quadratic for ByProducts<'_, P> {
    fn product(&self, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        self.problem.hvp(self.x, v)
    }

    fn minimise(
        &self,
        gradient: &Tensor<1>,
        free: Option<&Tensor<1>>,
        radius: f64,
    ) -> Result<RegionStep, EvaluationError> {
        let gradient = masked(gradient.clone(), free);
        let [first] = dots([[&gradient, &gradient]]);
        let tolerance = tolerance(first.sqrt());
        let (mut z, mut hz) = (gradient.zeros_like(), gradient.zeros_like());
        let mut r = gradient.clone();
        let mut d = r.clone().neg();
        let mut square = first;
        let [n] = gradient.dims();
        for _ in 0..2 * n.max(10) {
            // The whole product is kept for the gradient of the model.
            let whole = self.product(&d)?;
            let hd = masked(whole.clone(), free);
            let [curvature, zz, zd, dd] = dots([[&d, &hd], [&z, &z], [&z, &d], [&d, &d]]);
            if !curvature.is_finite() {
                // Without a product, the gradient's direction within the region, or what is known.
                if zz <= 0.0 {
                    let (p, hp) = (d * (radius / dd.sqrt()), hz);
                    return Ok(RegionStep { promise: radius * first.sqrt(), p, hp, at_rim: true });
                }
                return Ok(RegionStep::new(&gradient, z, hz, false));
            }
            let alpha = square / curvature;
            let next = zz + 2.0 * alpha * zd + alpha * alpha * dd;
            if curvature <= 0.0 || next.sqrt() >= radius {
                // Go to the boundary: ‖z + τ·d‖ = Δ.
                let discriminant = (zd * zd + dd * (radius * radius - zz)).max(0.0).sqrt();
                let tau =
                    if zd > 0.0 { (radius * radius - zz) / (zd + discriminant) } else { (discriminant - zd) / dd };
                return Ok(RegionStep::new(&gradient, z + d * tau, hz + whole * tau, true));
            }
            z = z + d.clone() * alpha;
            hz = hz + whole * alpha;
            r = r + hd * alpha;
            let [next_square] = dots([[&r, &r]]);
            if next_square.sqrt() < tolerance {
                break;
            }
            d = d * (next_square / square) - r.clone();
            square = next_square;
        }
        Ok(RegionStep::new(&gradient, z, hz, false))
    }
}
