//! `kiln solve`: a classic problem by a solver.

use std::ops::ControlFlow;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    optim::{
        problems::{self, Problem},
        solver::{Outcome, Stop},
    },
    tensor::derivative::Function,
};
use serde::Serialize;

use crate::{
    config::{Dtype, RunSettings, require},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::SolveFlags,
    interrupt,
    machine::Machine,
    rundir::write_whole,
    solver::{SolverName, check, default_max_iter, ending},
};

/// The JSON of `kiln solve`, with SciPy's names.
#[derive(Serialize)]
struct SolveResult<'a> {
    problem: &'a str,
    solver: SolverName,
    x: Vec<f64>,
    /// The smallest value that is known.
    minimum: Option<f64>,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

pub(crate) fn solve(flags: SolveFlags, console: Console) -> Result<Exit> {
    let all = problems::all();
    let problem = all.iter().find(|problem| problem.name == flags.problem).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|problem| problem.name).collect();
        Failure::usage(format!("no problem is called '{}'; there are {}", flags.problem, names.join(", ")))
    })?;
    check(flags.max_iter, flags.gtol)?;
    let dtype = flags.dtype.as_deref().map(|name| if name == "f32" { Dtype::F32 } else { Dtype::F64 });
    let run = RunSettings { device: flags.device.clone(), dtype, ..RunSettings::default() };
    let machine = Machine::start(&run, Dtype::F64)?;
    let start = starting_point(problem, flags.x0.as_deref(), &machine)?;
    let function = Function::of_vector(start.clone(), |x| problem.value(x));
    let gtol = flags.gtol.unwrap_or(if machine.dtype == Dtype::F64 { 1e-8 } else { 5e-4 });
    let max_iter = flags.max_iter.unwrap_or_else(|| default_max_iter(flags.solver));
    let stop = Stop { gtol, max_iter, ..Stop::default() };
    let interrupted = interrupt::flag();
    let outcome = flags.solver.minimize(&function, start, stop, |_, _| {
        if interrupted.load(std::sync::atomic::Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    if let Some(path) = &flags.history {
        let lines = outcome.history.iter().map(|iteration| serde_json::to_string(iteration).expect("numbers"));
        let text: String = lines.map(|line| line + "\n").collect();
        write_whole(path, text.as_bytes())?;
    }
    let x = crate::to_vec(outcome.x.clone());
    let (status, exit) = ending(outcome.status);
    let result =
        SolveResult { problem: problem.name, solver: flags.solver, x, minimum: problem.minimum, outcome: &outcome };
    console.result(&result, || text(problem, &flags.solver, status, &result));
    match exit {
        Exit::NotConverged | Exit::Diverged => Err(Failure { message: outcome.message, exit }),
        _ => Ok(exit),
    }
}

fn starting_point(problem: &Problem, x0: Option<&[f64]>, machine: &Machine) -> Result<Tensor<1>> {
    let Some(x0) = x0 else { return Ok(problem.start(&machine.device)) };
    let n = problem.start.len();
    // A chain of any length; the other functions are of as many unknowns as they are.
    let any = problem.name.starts_with("rosenbrock");
    let fits = if any { x0.len() >= 2 } else { x0.len() == n };
    let expected =
        if any { "2 numbers or more, divided by commas".to_owned() } else { format!("{n} numbers, divided by commas") };
    require(fits, "x0", &expected, x0.len())?;
    Ok(Tensor::from_data(TensorData::new(x0.to_vec(), [x0.len()]), &machine.device))
}

fn text(problem: &Problem, solver: &SolverName, status: &str, result: &SolveResult<'_>) -> String {
    let SolveResult { outcome, x, .. } = result;
    let shown: Vec<String> = x.iter().take(8).map(|x| format!("{x:.9}")).collect();
    let rest = if x.len() > shown.len() { format!(", … {} in all", x.len()) } else { String::new() };
    let minimum = problem.minimum.map_or_else(String::new, |minimum| format!("  (the minimum is {minimum})"));
    format!(
        "{} by {}: {status}\n{}\nvalue          {:.12e}{minimum}\ngradient       {:.3e}, its largest entry\niterations     {}\n\
         evaluations    {} values, {} gradients, {} Hessians or products\nx              {}{rest}",
        problem.name,
        solver.text(),
        outcome.message,
        outcome.value,
        outcome.grad_norm,
        outcome.iterations,
        outcome.evaluations.values,
        outcome.evaluations.gradients,
        outcome.evaluations.hessians,
        shown.join(", ")
    )
}
