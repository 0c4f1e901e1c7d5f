//! `kiln solve`: minimises a test problem.

mod constrained;
mod flags;
mod shared;

use kiln::{
    burn::{
        module::Param,
        tensor::{Tensor, TensorData},
    },
    optim::{
        constrained::{Bounded, Certifiable, Split, split},
        problems::{self, TestProblem},
        solver::{Bounds, CheckMinimum, L1, Outcome, Stop},
    },
    tensor::derivative::Function,
};
use serde::Serialize;

pub(crate) use self::flags::SolveFlags;
use self::shared::{Files, shown, start, until_interrupted, write_certificate, write_history};
use super::verify::ProblemCertificate;
use crate::{
    base::{Console, Exit, Failure, Result, require, table, to_vec},
    context::{Compute, certificate::certify},
    names::{Dtype, SolverName},
    settings::{Begin, RunSettings, Task, check_solver, default_max_iter, default_solver, ending},
};

/// The JSON of `kiln solve`, with SciPy's names.
#[derive(Serialize)]
struct SolveResult<'a> {
    problem: &'a str,
    solver: SolverName,
    x: Vec<f64>,
    /// The smallest known value.
    minimum: Option<f64>,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

pub(crate) fn solve(flags: SolveFlags, console: Console) -> Result<Exit> {
    if flags.list {
        return list(flags.constrained, console);
    }
    let wanted = flags.problem.clone().unwrap_or_default();
    let files = Files::new(&flags)?;
    if let Some(problem) = problems::constrained().iter().find(|problem| problem.name == wanted) {
        return constrained::solve(problem, &flags, &files, &compute(&flags)?, console);
    }
    let all = problems::all();
    let problem = all.iter().find(|problem| problem.name == wanted).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|problem| problem.name).collect();
        let names = names.join(", ");
        Failure::usage(format!(
            "there is no problem '{}': choose one of {names}, or one of `kiln solve --list --constrained`",
            kiln::data::Shown(&wanted)
        ))
    })?;
    for (given, flag) in
        [(flags.method.is_some(), "method"), (flags.hessian.is_some(), "hessian"), (flags.tol.is_some(), "tol")]
    {
        if given {
            return Err(Failure::usage(format!("--{flag} is for problems with constraints, and {wanted} has none")));
        }
    }
    check_solver(flags.max_iter, flags.gtol)?;
    let l1 = flags.l1.unwrap_or(0.0);
    require(l1 >= 0.0 && l1.is_finite(), "l1", "finite and not negative", l1)?;
    let compute = compute(&flags)?;
    let start = start(problem.name, &problem.start, problem.any_length, flags.x0.as_deref(), &compute)?;
    let function = Function::of_vector(start.clone(), |x| problem.value(x));
    let gtol = flags.gtol.unwrap_or(if compute.dtype == Dtype::F64 { 1e-8 } else { 5e-4 });
    let (penalised, bounded) = (l1 > 0.0, flags.lower.is_some() || flags.upper.is_some());
    let solver = flags.solver.unwrap_or_else(|| default_solver((penalised, bounded), None));
    solver.suits(penalised, bounded)?;
    let max_iter = flags.max_iter.unwrap_or_else(|| default_max_iter(solver));
    let check_minimum = match flags.check_minimum {
        Some(false) => CheckMinimum::Never,
        _ => CheckMinimum::Always,
    };
    let stop = Stop { gtol, max_iter, check_minimum, ..Stop::default() };
    let side = |name, given: &Option<Vec<f64>>, none| each(name, given.as_deref(), none, &start);
    let (lower, upper) = (side("lower", &flags.lower, f64::NEG_INFINITY)?, side("upper", &flags.upper, f64::INFINITY)?);
    let bounds = Bounds::new(lower.clone(), upper.clone())
        .map_err(|_| Failure::usage("each number of --lower must be at most that of --upper"))?;
    let sides = (to_vec(lower.clone()), to_vec(upper.clone()));
    let task =
        Task { problem: &function, l1: L1::new(start.zeros_like() + l1)?, start: Begin::At(start), stop, bounds };
    let stopped = until_interrupted();
    let (outcome, _) = solver.minimize(task, || Ok(()), |_, _| stopped())?;
    if let Some(file) = &files.history {
        write_history(file, &outcome)?;
    }
    if let Some(file) = &files.certificate {
        let made = if outcome.success {
            certified(problem, &function, &outcome, l1, sides, gtol)
        } else {
            Err("the solver has not converged".to_owned())
        };
        write_certificate(file, made, console)?;
    }
    let x = to_vec(outcome.x.clone());
    let (status, exit) = ending(outcome.status);
    // Known for the function alone.
    let minimum = if penalised || bounded { None } else { problem.minimum };
    let result = SolveResult { problem: problem.name, solver, x, minimum, outcome: &outcome };
    console.result(&result, || text(problem.name, status, &result))?;
    match exit {
        Exit::NotConverged | Exit::Diverged => Err(Failure { message: outcome.message, exit }),
        _ => Ok(exit),
    }
}

fn compute(flags: &SolveFlags) -> Result<Compute> {
    let run = RunSettings { device: flags.device.clone(), dtype: flags.dtype, ..RunSettings::default() };
    let compute = Compute::start(&run, Dtype::F64)?;
    if flags.certificate.is_some() && compute.dtype != Dtype::F64 {
        return Err(Failure::usage("--certificate needs float type f64: omit --dtype, or give --device cpu"));
    }
    Ok(compute)
}

/// Returns the certificate of a minimum, possibly within bounds or with a penalty.
fn certified(
    problem: &TestProblem,
    function: &Function<'_, Param<Tensor<1>>, (), 1>,
    outcome: &Outcome,
    l1: f64,
    (lower, upper): (Vec<f64>, Vec<f64>),
    gtol: f64,
) -> std::result::Result<ProblemCertificate, String> {
    let within_bounds = |problem: &dyn Certifiable, x: &Tensor<1>| {
        let multipliers = problem.bound_multipliers(x, &[], &[], gtol).map_err(|error| error.to_string())?;
        certify(problem, x, &multipliers, gtol)
    };
    if l1 > 0.0 {
        let smooth = Split::new(function, outcome.x.zeros_like() + l1).map_err(|error| error.to_string())?;
        let (x, n) = (split(outcome.x.clone()), outcome.x.dims()[0]);
        let bounded = Bounded::new(&smooth, vec![0.0; 2 * n], vec![f64::INFINITY; 2 * n]);
        let certificate = within_bounds(&bounded.map_err(|error| error.to_string())?, &x)?;
        return Ok(ProblemCertificate { l1: Some(l1), ..ProblemCertificate::new(problem.name, certificate) });
    }
    let finite = |bounds: &[f64]| {
        let some = bounds.iter().any(|bound| bound.is_finite());
        some.then(|| bounds.iter().map(|bound| bound.is_finite().then_some(*bound)).collect())
    };
    let sides = (finite(&lower), finite(&upper));
    let bounded = Bounded::new(function, lower, upper).map_err(|error| error.to_string())?;
    let certificate = within_bounds(&bounded, &outcome.x)?;
    Ok(ProblemCertificate { lower: sides.0, upper: sides.1, ..ProblemCertificate::new(problem.name, certificate) })
}

/// `kiln solve --list`.
fn list(constrained: bool, console: Console) -> Result<Exit> {
    let free = problems::all().into_iter().filter(|_| !constrained);
    let free = free.map(|problem| (problem.name, problem.start.len(), String::new(), problem.minimum, problem.about));
    let with = problems::constrained().into_iter();
    let with =
        with.map(|problem| (problem.name, problem.start.len(), problem.constraints(), problem.minimum, problem.about));
    let all: Vec<_> = free.chain(with).collect();
    let json: Vec<_> = all
        .iter()
        .map(|(name, unknowns, constraints, minimum, about)| {
            serde_json::json!({
                "name": name, "unknowns": unknowns, "constraints": constraints, "minimum": minimum, "about": about,
            })
        })
        .collect();
    let rows = all.into_iter().map(|(name, unknowns, constraints, minimum, about)| {
        let minimum = minimum.map_or_else(String::new, |minimum| minimum.to_string());
        [name.to_owned(), unknowns.to_string(), constraints, minimum, about.to_owned()]
    });
    let rows: Vec<[String; 5]> = rows.collect();
    console.result(&json, || table(["PROBLEM", "UNKNOWNS", "CONSTRAINTS", "MINIMUM", "DESCRIPTION"], rows))?;
    Ok(Exit::Done)
}

/// Returns a bound per unknown.
fn each(name: &str, given: Option<&[f64]>, none: f64, like: &Tensor<1>) -> Result<Tensor<1>> {
    let n = like.dims()[0];
    let bounds = match given {
        None => vec![none; n],
        Some([all]) => vec![*all; n],
        Some(each) => each.to_vec(),
    };
    require(bounds.len() == n, name, &format!("1 number or {n}, separated by commas"), bounds.len())?;
    require(bounds.iter().all(|bound| !bound.is_nan()), name, "numbers", f64::NAN)?;
    Ok(Tensor::from_data(TensorData::new(bounds, [n]), (&like.device(), like.dtype())))
}

fn text(name: &str, status: &str, result: &SolveResult<'_>) -> String {
    let SolveResult { outcome, x, .. } = result;
    let minimum = result.minimum.map_or_else(String::new, |minimum| format!("  (the minimum is {minimum})"));
    format!(
        "{} by {}: {status}\n{}\nvalue          {:.12e}{minimum}\ngradient       {:.3e} (largest absolute entry)\niterations     {}\n\
         evaluations    {} values, {} gradients, {} Hessians or products\nx              {}",
        name,
        result.solver.text(),
        outcome.message,
        outcome.value,
        outcome.grad_norm,
        outcome.iterations,
        outcome.evaluations.values,
        outcome.evaluations.gradients,
        outcome.evaluations.hessians,
        shown(x)
    )
}
