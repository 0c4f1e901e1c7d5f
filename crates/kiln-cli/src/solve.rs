//! `kiln solve`: a classic problem by a solver.

use std::ops::ControlFlow;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    optim::{
        problems::{self, Problem},
        solver::{Bounds, L1, Outcome, Stop},
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
    solver::{SolverName, Start, Task, check, default_max_iter, default_solver, ending},
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
    let l1 = flags.l1.unwrap_or(0.0);
    require(l1 >= 0.0 && l1.is_finite(), "l1", "finite and not negative", l1)?;
    let dtype = flags.dtype.as_deref().map(|name| if name == "f32" { Dtype::F32 } else { Dtype::F64 });
    let run = RunSettings { device: flags.device.clone(), dtype, ..RunSettings::default() };
    let machine = Machine::start(&run, Dtype::F64)?;
    let start = starting_point(problem, flags.x0.as_deref(), &machine)?;
    let function = Function::of_vector(start.clone(), |x| problem.value(x));
    let gtol = flags.gtol.unwrap_or(if machine.dtype == Dtype::F64 { 1e-8 } else { 5e-4 });
    let (penalised, bounded) = (l1 > 0.0, flags.lower.is_some() || flags.upper.is_some());
    let solver = flags.solver.unwrap_or_else(|| default_solver(penalised, bounded));
    solver.suits(penalised, bounded)?;
    let max_iter = flags.max_iter.unwrap_or_else(|| default_max_iter(solver));
    let stop = Stop { gtol, max_iter, ..Stop::default() };
    let side = |name, given: &Option<Vec<f64>>, none| each(name, given.as_deref(), none, &start);
    let (lower, upper) = (side("lower", &flags.lower, f64::NEG_INFINITY)?, side("upper", &flags.upper, f64::INFINITY)?);
    let bounds =
        Bounds::new(lower, upper).map_err(|_| Failure::usage("--lower must be at most --upper, number by number"))?;
    let task =
        Task { problem: &function, l1: L1::new(start.zeros_like() + l1)?, start: Start::At(start), stop, bounds };
    let interrupted = interrupt::flag();
    let (outcome, _) = solver.minimize(task, |_, _| {
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
    // Of the function alone.
    let minimum = if penalised || bounded { None } else { problem.minimum };
    let result = SolveResult { problem: problem.name, solver, x, minimum, outcome: &outcome };
    console.result(&result, || text(problem.name, status, &result));
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

/// A bound for each unknown.
fn each(name: &str, given: Option<&[f64]>, none: f64, like: &Tensor<1>) -> Result<Tensor<1>> {
    let n = like.dims()[0];
    let bounds = match given {
        None => vec![none; n],
        Some([all]) => vec![*all; n],
        Some(each) => each.to_vec(),
    };
    require(bounds.len() == n, name, &format!("1 number or {n}, divided by commas"), bounds.len())?;
    require(bounds.iter().all(|bound| !bound.is_nan()), name, "numbers", f64::NAN)?;
    Ok(Tensor::from_data(TensorData::new(bounds, [n]), (&like.device(), like.dtype())))
}

fn text(name: &str, status: &str, result: &SolveResult<'_>) -> String {
    let SolveResult { outcome, x, .. } = result;
    let shown: Vec<String> = x.iter().take(8).map(|x| format!("{x:.9}")).collect();
    let rest = if x.len() > shown.len() { format!(", … {} in all", x.len()) } else { String::new() };
    let minimum = result.minimum.map_or_else(String::new, |minimum| format!("  (the minimum is {minimum})"));
    format!(
        "{} by {}: {status}\n{}\nvalue          {:.12e}{minimum}\ngradient       {:.3e}, its largest entry\niterations     {}\n\
         evaluations    {} values, {} gradients, {} Hessians or products\nx              {}{rest}",
        name,
        result.solver.text(),
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
