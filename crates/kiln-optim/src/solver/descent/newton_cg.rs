//! Newton's method with products H·v only.

use super::{Descent, First, Heading};
use crate::solver::{
    EvaluationError, HessianProduct, SolverError,
    error::at_least_one,
    line::Trial,
    linear_cg::{LinearCg, conjugate_gradient},
    problem::{Counted, Point, dots},
};

/// Truncated Newton: d ≈ −H⁻¹·∇f by conjugate gradients.
///
/// The inner iteration stops at a residual of min(0.5, √‖∇f‖)·‖∇f‖, which gives superlinear convergence, and at the first direction
/// of negative curvature.
///
/// # Example
/// ```
/// use burn::tensor::{Device, Tensor};
/// use kiln_optim::solver::{LineSearch, NewtonCg, Stop, StrongWolfe, minimize};
/// use kiln_tensor::derivative::Function;
///
/// let start = Tensor::<1>::from_data([3.0], &Device::default());
/// let f = Function::of_vector(start.clone(), |x: Tensor<1>| (x - 1.0).square());
/// let solver = LineSearch::new(NewtonCg { max_products: Some(5) }, StrongWolfe::default());
/// assert!(minimize(&f, start, &solver, &Stop::default())?.success);
/// # Ok::<(), kiln_optim::solver::SolverError>(())
/// ```
///
/// # References
/// Dembo and Steihaug (1983). Nocedal and Wright, *Numerical Optimization* (2006), algorithm 7.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewtonCg {
    /// Maximum number of products per direction; none means 2·n, at least 20. Default: none.
    pub max_products: Option<usize>,
}

impl<P: HessianProduct> Descent<P> for NewtonCg {
    type State = ();

    fn validate(&self) -> Result<(), SolverError> {
        at_least_one("max_products", self.max_products.unwrap_or(1))
    }

    fn has_curvature(&self) -> bool {
        true
    }

    fn start(&self) {}

    fn heading(&self, problem: &Counted<'_, P>, at: &Point, (): &mut ()) -> Result<Heading, EvaluationError> {
        let relative = at.gradient_norm.sqrt().min(0.5);
        let max_iter = self.max_products.unwrap_or((2 * at.x.dims()[0]).max(20));
        let solution = conjugate_gradient(
            |v| problem.hvp(&at.x, v),
            &at.gradient.clone().neg(),
            &LinearCg { rtol: relative, max_iter, ..LinearCg::default() },
        )?;
        if solution.iterations == 0 {
            // The curvature is negative along the gradient already.
            return Ok(Heading::steepest(at));
        }
        let direction = solution.x;
        let [slope] = dots([[&direction, &at.gradient]]);
        Ok(Heading { direction, slope, first: First::LikeTheLast })
    }

    fn moved(&self, (): &mut (), _: &Heading, _: &Point, _: &Trial) {}
}
