//! Newton's method with products alone.

use super::{Descent, First, Heading};
use crate::solver::{
    EvaluationError, HessianProduct, SolverError,
    line::Trial,
    linear_cg::{LinearCg, conjugate_gradient},
    problem::{Counted, Point, dot, read},
    search::at_least_one,
};

/// d ≈ −H⁻¹·∇f by conjugate gradients, no further than min(0.5, √‖∇f‖)·‖∇f‖ away, which is enough for convergence faster
/// than linear; and no further than the first direction along which the function curves down (Dembo and
/// Steihaug, 1983; Nocedal and Wright, Numerical Optimization, 2nd ed., Algorithm 7.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewtonCg {
    /// Products for one direction; none is 2·n, at least 20. Default none.
    pub max_products: Option<usize>,
}

impl<P: HessianProduct> Descent<P> for NewtonCg {
    type State = ();

    fn validate(&self) -> Result<(), SolverError> {
        at_least_one("max_products", self.max_products.unwrap_or(1))
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
            // It curves down along the gradient already.
            return Ok(Heading::steepest(at));
        }
        let direction = solution.x;
        let [slope] = read([dot(&direction, &at.gradient)]);
        Ok(Heading { direction, slope, first: First::LikeTheLast })
    }

    fn moved(&self, (): &mut (), _: &Heading, _: &Point, _: &Trial) {}
}
