//! Settings: what `config.toml` holds. Absent values are chosen automatically, and the plan of a run states them.
//!
//! Defaults, then the file of `--config`, then flags: each layer overrides the one before, key by key.

mod layers;
mod method;
mod run;
mod solver;
mod table;
mod tabular;

pub(crate) use self::{
    layers::{bad_settings, layered, parse, read_table},
    method::{MethodDefaults, MethodPlan, MethodSettings},
    run::RunSettings,
    solver::{Begin, SolverPlan, SolverSettings, Task, check_solver, default_max_iter, default_solver, ending},
    table::{CodingName, MissingValues, TableSettings},
    tabular::{RowsData, TEST_FRACTION, TabularData, is_builtin, located},
};
