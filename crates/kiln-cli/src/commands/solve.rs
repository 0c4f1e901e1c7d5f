//! `kiln solve`: minimises a test problem.

mod constrained;
mod flags;
mod shared;

use std::path::Path;

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
use self::shared::{Files, Named, start, until_interrupted, values_text, write_certificate, write_history};
use super::verify::ProblemCertificate;
use crate::{
    base::{Console, Exit, Failure, Result, require, table, to_vec},
    context::{Compute, OwnProblem, certificate::certify},
    names::{Dtype, SolverName},
    settings::{Begin, RunSettings, Task, check_solver, default_max_iter, default_solver, ending},
};

/// The JSON of `kiln solve`, with SciPy's names.
#[derive(Serialize)]
struct SolveResult<'a> {
    problem: &'a str,
    solver: SolverName,
    x: Vec<f64>,
    /// The numbers of each variable of the user's own problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<Named>,
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
    if is_file(&wanted) {
        let own = OwnProblem::read(Path::new(&wanted))?;
        let compute = compute(&flags)?;
        own.check(&compute.device)?;
        if own.problem.has_constraints() {
            return constrained::solve(
                &constrained::Target::of_own(&own, &compute.device),
                &flags,
                &files,
                &compute,
                console,
            );
        }
        return unconstrained(&Target::of_own(&own), &flags, &files, &compute, console);
    }
    if let Some(problem) = problems::constrained().iter().find(|problem| problem.name == wanted) {
        let compute = compute(&flags)?;
        let target = constrained::Target::of_test(problem, &compute.device);
        return constrained::solve(&target, &flags, &files, &compute, console);
    }
    let all = problems::all();
    let problem = all.iter().find(|problem| problem.name == wanted).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|problem| problem.name).collect();
        let names = names.join(", ");
        Failure::usage(format!(
            "there is no problem '{}': choose one of {names}, one of `kiln solve --list --constrained`, or a file with a problem of \
             your own, whose name ends in .toml",
            kiln::data::Shown(&wanted)
        ))
    })?;
    unconstrained(&Target::of_test(problem), &flags, &files, &compute(&flags)?, console)
}

/// Returns whether a text names a file and not a test problem.
fn is_file(wanted: &str) -> bool {
    let path = Path::new(wanted);
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) || wanted.contains(['/', '\\'])
}

/// A problem without constraints other than bounds.
struct Target<'p> {
    name: &'p str,
    start: Vec<f64>,
    /// Whether the function has any number of unknowns.
    any_length: bool,
    minimum: Option<f64>,
    value: Box<dyn Fn(Tensor<1>) -> Tensor<1> + Send + Sync + 'p>,
    own: Option<&'p OwnProblem>,
}

impl<'p> Target<'p> {
    fn of_test(problem: &'p TestProblem) -> Self {
        let TestProblem { name, any_length, minimum, .. } = problem;
        Self {
            name,
            start: problem.start.clone(),
            any_length: *any_length,
            minimum: *minimum,
            value: Box::new(|x| problem.value(x)),
            own: None,
        }
    }

    fn of_own(own: &'p OwnProblem) -> Self {
        Self {
            name: &own.name,
            start: own.problem.start(),
            any_length: false,
            minimum: None,
            value: Box::new(|x| own.problem.value(&x)),
            own: Some(own),
        }
    }
}

fn unconstrained(
    target: &Target<'_>,
    flags: &SolveFlags,
    files: &Files,
    compute: &Compute,
    console: Console,
) -> Result<Exit> {
    let name = target.name;
    for (given, flag) in
        [(flags.method.is_some(), "method"), (flags.hessian.is_some(), "hessian"), (flags.tol.is_some(), "tol")]
    {
        if given {
            return Err(Failure::usage(format!("--{flag} is for problems with constraints, and {name} has none")));
        }
    }
    check_solver(flags.max_iter, flags.gtol)?;
    let l1 = flags.l1.unwrap_or(0.0);
    require(l1 >= 0.0 && l1.is_finite(), "l1", "finite and not negative", l1)?;
    let start = start(name, &target.start, target.any_length, flags.x0.as_deref(), compute)?;
    let function = Function::of_vector(start.clone(), |x| (target.value)(x));
    let gtol = flags.gtol.unwrap_or(if compute.dtype == Dtype::F64 { 1e-8 } else { 5e-4 });
    let own = target.own.filter(|own| own.has_bounds()).map(|own| (own.problem.lower(), own.problem.upper()));
    let has_own = own.is_some();
    if has_own && (flags.lower.is_some() || flags.upper.is_some()) {
        return Err(Failure::usage(format!("--lower and --upper: {name} has its own bounds; change them there")));
    }
    let (penalised, bounded) = (l1 > 0.0, has_own || flags.lower.is_some() || flags.upper.is_some());
    let solver = flags.solver.unwrap_or_else(|| default_solver((penalised, bounded), None));
    solver.suits(penalised, bounded)?;
    let max_iter = flags.max_iter.unwrap_or_else(|| default_max_iter(solver));
    let check_minimum = match flags.check_minimum {
        Some(false) => CheckMinimum::Never,
        _ => CheckMinimum::Always,
    };
    let stop = Stop { gtol, max_iter, check_minimum, ..Stop::default() };
    let side = |name, given: &Option<Vec<f64>>, none, own: Option<&Vec<f64>>| {
        each(name, own.map(Vec::as_slice).or(given.as_deref()), none, &start)
    };
    let lower = side("lower", &flags.lower, f64::NEG_INFINITY, own.as_ref().map(|(lower, _)| lower))?;
    let upper = side("upper", &flags.upper, f64::INFINITY, own.as_ref().map(|(_, upper)| upper))?;
    let bounds = Bounds::new(lower.clone(), upper.clone())
        .map_err(|_| Failure::usage("each number of --lower must be at most that of --upper"))?;
    let sides = (to_vec(lower.clone()), to_vec(upper.clone()));
    let task =
        Task { problem: &function, l1: L1::new(start.zeros_like() + l1)?, start: Begin::At(start), stop, bounds };
    let stopped = until_interrupted();
    let (mut outcome, _) = solver.minimize(task, || Ok(()), |_, _| stopped())?;
    if let Some(file) = &files.history {
        write_history(file, &outcome)?;
    }
    if let Some(file) = &files.certificate {
        let made = if outcome.success {
            certified(target, &function, &outcome, l1, sides, gtol)
        } else {
            Err("the solver has not converged".to_owned())
        };
        write_certificate(file, made, console)?;
    }
    let x = to_vec(outcome.x.clone());
    let (status, exit) = ending(outcome.status);
    // Known for the function alone.
    let minimum = if penalised || bounded { None } else { target.minimum };
    let variables = target.own.map(|own| own.values(&x));
    if target.own.is_some_and(|own| own.problem.is_maximized()) {
        outcome.value = -outcome.value;
    }
    let result = SolveResult { problem: name, solver, x, variables: variables.map(Named), minimum, outcome: &outcome };
    console.result(&result, || text(name, status, &result))?;
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
    target: &Target<'_>,
    function: &Function<'_, Param<Tensor<1>>, (), 1>,
    outcome: &Outcome,
    l1: f64,
    (lower, upper): (Vec<f64>, Vec<f64>),
    gtol: f64,
) -> std::result::Result<ProblemCertificate, String> {
    let new = |certificate| match target.own {
        Some(own) => ProblemCertificate::of_own(own, certificate),
        None => ProblemCertificate::new(target.name, certificate),
    };
    let within_bounds = |problem: &dyn Certifiable, x: &Tensor<1>| {
        let multipliers = problem.bound_multipliers(x, &[], &[], gtol).map_err(|error| error.to_string())?;
        certify(problem, x, &multipliers, gtol)
    };
    if l1 > 0.0 {
        let smooth = Split::new(function, outcome.x.zeros_like() + l1).map_err(|error| error.to_string())?;
        let (x, n) = (split(outcome.x.clone()), outcome.x.dims()[0]);
        let bounded = Bounded::new(&smooth, vec![0.0; 2 * n], vec![f64::INFINITY; 2 * n]);
        let certificate = within_bounds(&bounded.map_err(|error| error.to_string())?, &x)?;
        return Ok(ProblemCertificate { l1: Some(l1), ..new(certificate) });
    }
    let finite = |bounds: &[f64]| {
        let some = bounds.iter().any(|bound| bound.is_finite());
        some.then(|| bounds.iter().map(|bound| bound.is_finite().then_some(*bound)).collect())
    };
    let sides = (finite(&lower), finite(&upper));
    let bounded = Bounded::new(function, lower, upper).map_err(|error| error.to_string())?;
    let certificate = within_bounds(&bounded, &outcome.x)?;
    match target.own {
        // Its bounds are in its text.
        Some(own) if own.has_bounds() => Ok(new(certificate)),
        _ => Ok(ProblemCertificate { lower: sides.0, upper: sides.1, ..new(certificate) }),
    }
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
         evaluations    {} values, {} gradients, {} Hessians or products\n{}",
        name,
        result.solver.text(),
        outcome.message,
        outcome.value,
        outcome.grad_norm,
        outcome.iterations,
        outcome.evaluations.values,
        outcome.evaluations.gradients,
        outcome.evaluations.hessians,
        values_text(result.variables.as_ref(), x)
    )
}
