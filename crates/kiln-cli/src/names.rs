//! Names of algorithms as flags and files spell them.

mod dtype;
mod method;
mod solver;

pub(crate) use self::{
    dtype::Dtype,
    method::{AverageName, LrSchedule, OptimizerName},
    solver::{HessianName, MethodName, SolverName, text_of},
};
