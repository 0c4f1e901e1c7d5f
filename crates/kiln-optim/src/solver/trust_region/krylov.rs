//! The minimum of the model over a Krylov space.

use burn::tensor::Tensor;
use kiln_tensor::linalg::Symmetric;

use super::{
    more_sorensen::{Minimum, minimum},
    steihaug::ByProducts,
    subproblem::{Quadratic, RegionStep, Subproblem, masked, tolerance},
};
use crate::solver::{
    EvaluationError, HessianProduct, SolverError,
    error::at_least_one,
    problem::{Counted, Point, dots, epsilon},
};

/// The minimum of the model within the region over the Krylov space of g, H·g, H²·g, … (the generalised Lanczos method).
///
/// At the boundary it goes on where [`Steihaug`](super::Steihaug) stops, so that the decrease is nearly the best one over that
/// space, also along directions of negative curvature. It needs products H·v only, and the memory of as many vectors as it takes products.
///
/// # Example
/// ```
/// use kiln_optim::solver::{Krylov, TrustRegion, trust_krylov};
///
/// assert_eq!(trust_krylov().subproblem.max_products, 100);
/// let frugal = TrustRegion::new(Krylov { max_products: 20 });
/// # let _ = frugal;
/// ```
///
/// # References
/// Gould, Lucidi, Roma and Toint, *Solving the trust-region subproblem using the Lanczos method* (1999).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Krylov {
    /// Maximum number of products per step, at least 1, each with a vector to keep. Default 100.
    pub max_products: usize,
}

impl Default for Krylov {
    fn default() -> Self {
        Self { max_products: 100 }
    }
}

impl<P: HessianProduct> Subproblem<P> for Krylov {
    type Known = ();
    type Model<'m>
        = Lanczos<'m, P>
    where
        P: 'm;

    fn validate(&self) -> Result<(), SolverError> {
        at_least_one("max_products", self.max_products)
    }

    fn model<'m>(
        &'m self,
        problem: &'m Counted<'m, P>,
        at: &'m Point,
        (): &'m mut (),
    ) -> Result<Lanczos<'m, P>, EvaluationError> {
        Ok(Lanczos { products: ByProducts { problem, x: &at.x }, max_products: self.max_products })
    }
}

/// The model by products with the Hessian at x.
pub struct Lanczos<'m, P> {
    products: ByProducts<'m, P>,
    max_products: usize,
}

impl<P: HessianProduct> Quadratic for Lanczos<'_, P> {
    fn product(&self, v: &Tensor<1>) -> Result<Tensor<1>, EvaluationError> {
        self.products.product(v)
    }

    fn minimise(
        &self,
        gradient: &Tensor<1>,
        free: Option<&Tensor<1>>,
        radius: f64,
    ) -> Result<RegionStep, EvaluationError> {
        let gradient = masked(gradient.clone(), free);
        let [square] = dots([[&gradient, &gradient]]);
        let norm = square.sqrt();
        let [n] = gradient.dims();
        // An orthonormal basis, the products of H with it, and the matrix of H in it, which has three diagonals.
        let (mut basis, mut images) = (vec![gradient.clone() * (1.0 / norm)], Vec::new());
        let (mut diagonal, mut beside): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
        loop {
            let last = basis.last().expect("it begins with the gradient");
            let image = self.product(last)?;
            let mut next = masked(image.clone(), free);
            let [alpha] = dots([[last, &next]]);
            if !alpha.is_finite() {
                // Without a product, what is known, or the gradient's direction.
                return self.products.minimise(&gradient, free, radius);
            }
            // Twice is enough (Parlett, 1980).
            for _ in 0..2 {
                for vector in &basis {
                    next = next.clone() - vector.clone() * (vector.clone() * next).sum();
                }
            }
            images.push(image);
            diagonal.push(alpha);
            let [left] = dots([[&next, &next]]).map(f64::sqrt);
            let k = diagonal.len();
            let matrix = Symmetric::from_fn(k, |i, j| match i - j {
                0 => diagonal[i],
                1 => beside[j],
                _ => 0.0,
            });
            let slopes: Vec<f64> = (0..k).map(|i| if i == 0 { norm } else { 0.0 }).collect();
            let Some(Minimum { p: h, at_rim }) = minimum(&matrix, &slopes, radius) else {
                return self.products.minimise(&gradient, free, radius);
            };
            let residual = left * h[k - 1].abs();
            let is_spanned = left <= epsilon(&gradient) * matrix.largest();
            if residual <= tolerance(norm) || is_spanned || k >= self.max_products.min(n) {
                let sum = |vectors: &[Tensor<1>]| {
                    h.iter().zip(vectors).map(|(h, v)| v.clone() * *h).reduce(|a, b| a + b).expect("at least one")
                };
                return Ok(RegionStep::new(&gradient, sum(&basis), sum(&images), at_rim));
            }
            basis.push(next * (1.0 / left));
            beside.push(left);
        }
    }
}
