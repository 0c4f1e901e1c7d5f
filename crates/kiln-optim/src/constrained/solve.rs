//! The usual choice of a solver.

use burn::module::Module;
use kiln_tensor::derivative::Inputs;

use super::{ConstrainedProblem, ConstrainedStop, Solution, Sqp, minimize_constrained};
use crate::solver::SolverError;

impl<M: Module, I: Inputs> ConstrainedProblem<'_, M, I> {
    /// Minimises by [`Sqp`] with the default settings, from the [parameters](Self::parameters) that the problem was made with.
    ///
    /// [`minimize_constrained`](super::minimize_constrained) takes another solver, start or stopping rule.
    ///
    /// # Errors
    /// As [`minimize_constrained`](super::minimize_constrained).
    ///
    /// # Example
    /// The point of the plane x + y = 1 with the smallest norm:
    ///
    /// ```
    /// use burn::tensor::Tensor;
    /// use kiln_optim::constrained::ConstrainedProblem;
    ///
    /// let start = Tensor::<1>::from_data([3.0, 0.0], &kiln_tensor::device::named_f64("cpu")?);
    /// let problem = ConstrainedProblem::of_vector(start, |x| x.square().sum()).equality("sum", |x| x.sum() - 1.0);
    /// let solution = problem.solve()?;
    /// assert!(solution.outcome.to_vec().iter().all(|x| (x - 0.5).abs() < 1e-8));
    /// // f falls by 1 per unit by which the right-hand side falls.
    /// assert!((solution.multipliers.equality[0] + 1.0).abs() < 1e-8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn solve(&self) -> Result<Solution, SolverError> {
        minimize_constrained(self, self.parameters(), &Sqp::default(), &ConstrainedStop::default())
    }
}
