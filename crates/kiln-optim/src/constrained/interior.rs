//! A primal-dual interior-point method with a filter.

mod dense;
mod elastic;
mod filter;
mod iterate;
mod limited_memory;
mod run;
mod scaled;
mod settings;
mod system;

use std::ops::ControlFlow;

use burn::{module::Module, tensor::Tensor};
use kiln_tensor::{derivative::Inputs, device::machine_epsilon};

pub use self::settings::InteriorPoint;
use self::{
    dense::Dense,
    run::Run,
    scaled::{Scaled, length},
};
use super::{
    ConstrainedProblem, ConstrainedSolver, ConstrainedStop, Solution, SparseProblem, end::End, feasibility::solve_from,
    sqp::LagrangianHessian,
};
use crate::solver::{Iteration, SolverError, at_least_one, within};

impl<M: Module, I: Inputs> ConstrainedSolver<M, I> for InteriorPoint {
    fn solve(
        &self,
        problem: &ConstrainedProblem<'_, M, I>,
        start: Tensor<1>,
        stop: &ConstrainedStop,
        callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
    ) -> Result<Solution, SolverError> {
        solve_from(problem, &start, stop, callback, |host, at, tol, mut progress| {
            let sizes = (at.values.equality.len(), at.values.inequality.len());
            let (dense, accuracy) = (Dense::new(host, sizes), (tol, machine_epsilon(start.dtype())));
            // A function that cannot be evaluated ends the run, and its error is returned.
            let mut watch = |iteration: &Iteration| match dense.failed() {
                true => ControlFlow::Break(()),
                false => progress.record(*iteration),
            };
            let end = solve(&dense, &at.x, self, stop, accuracy, &mut watch)?;
            dense.result()?;
            let mut solution = end.solution(&|values| host.tensor(values));
            solution.outcome.evaluations = host.counts();
            Ok(solution)
        })
    }
}

/// Solves a problem on the host. The accuracy is that of the solution, and that of the functions relative to their values.
pub(super) fn solve(
    problem: &dyn SparseProblem,
    start: &[f64],
    settings: &InteriorPoint,
    stop: &ConstrainedStop,
    accuracy: (f64, f64),
    callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
) -> Result<End, SolverError> {
    within("barrier", settings.barrier, 0.0, f64::INFINITY, "above 0")?;
    at_least_one("max_trials", settings.max_trials)?;
    let mut scaled = Scaled::new(problem, settings.hessian == LagrangianHessian::Exact)?;
    length("the start", scaled.n, start.len())?;
    if let Some(multipliers) = &settings.multipliers {
        length("the multipliers of equalities", scaled.equalities, multipliers.equality.len())?;
        length("the multipliers of inequalities", scaled.m - scaled.equalities, multipliers.inequality.len())?;
        length("the multipliers of lower bounds", scaled.n, multipliers.lower.len())?;
        length("the multipliers of upper bounds", scaled.n, multipliers.upper.len())?;
    }
    Ok(Run::new(&mut scaled, start, settings, stop, accuracy, true).run(&mut |iteration, _| callback(iteration)))
}
