//! Names of algorithms as flags and files spell them.

mod dtype;
mod method;
mod penalty;
mod solver;

pub(crate) use self::{
    dtype::Dtype,
    method::{AverageName, LrSchedule, OptimizerName},
    penalty::PenaltyName,
    solver::{HessianName, MethodName, SolverName, text_of},
};
