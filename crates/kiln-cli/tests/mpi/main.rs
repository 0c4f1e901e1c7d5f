//! The binary on several processes, started by `mpirun`. The feature `mpi` turns these tests on.

#[path = "../cli/common.rs"]
#[allow(dead_code, reason = "the tests of one process use all of it")]
mod common;

mod faults;
mod glm;
mod ranks;
mod train;
