//! Minimisation of problems with sparse derivatives.

use std::ops::ControlFlow;

use burn::tensor::{DType, Tensor, TensorData};
use kiln_tensor::device::DeviceChoice;

use super::{ConstrainedStop, InteriorPoint, Solution, SparseProblem, interior};
use crate::solver::{Iteration, SolverError};

/// Minimises a problem with sparse derivatives from `start` `[n]`, which need not be feasible.
///
/// The solution is a vector in f64 on the CPU. It is not tested for being a minimum.
///
/// # Errors
/// Returns [`SolverError`] if an option is out of its range, or the problem is inconsistent: the start or the bounds have another length, a
/// lower bound is above its upper bound, or a place lies outside of its matrix.
pub fn minimize_sparse(
    problem: &impl SparseProblem,
    start: &[f64],
    solver: &InteriorPoint,
    stop: &ConstrainedStop,
) -> Result<Solution, SolverError> {
    minimize_sparse_with(problem, start, solver, stop, &mut |_| ControlFlow::Continue(()))
}

/// As [`minimize_sparse`], with a callback after each iteration; it stops the run by returning `Break`.
///
/// # Errors
/// Those of [`minimize_sparse`].
pub fn minimize_sparse_with(
    problem: &impl SparseProblem,
    start: &[f64],
    solver: &InteriorPoint,
    stop: &ConstrainedStop,
    callback: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
) -> Result<Solution, SolverError> {
    stop.validate()?;
    let device = DeviceChoice::Cpu.resolve()?.device();
    let tensor =
        |values: &[f64]| Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), (&device, DType::F64));
    let end = interior::solve(problem, start, solver, stop, (stop.tolerance(DType::F64), f64::EPSILON), callback)?;
    Ok(end.solution(&tensor))
}
