//! Problems with constraints.

use kiln::{
    burn::{
        module::Param,
        tensor::{Device, Tensor},
    },
    optim::{
        constrained::{
            AugmentedLagrangian, Certificate, ConstrainedProblem, ConstrainedSolver, ConstrainedStop, InteriorPoint,
            LagrangianHessian, Solution, Sqp, WithinBounds, minimize_constrained_with,
        },
        problems::ConstrainedTestProblem,
        solver,
    },
};
use serde::Serialize;

use super::{
    flags::SolveFlags,
    shared::{Files, Named, start, until_interrupted, values_text, write_certificate, write_history},
};
use crate::{
    base::{Console, Exit, Failure, Result, require, to_vec},
    commands::verify::ProblemCertificate,
    context::{
        Compute, OwnProblem,
        certificate::{certify, text as certificate_text},
    },
    names::{HessianName, MethodName, SolverName, text_of},
    settings::{check_solver, ending},
};

/// The JSON of `kiln solve` for a problem with constraints.
#[derive(Serialize)]
struct ConstrainedResult<'a> {
    problem: &'a str,
    method: MethodName,
    #[serde(skip_serializing_if = "Option::is_none")]
    hessian: Option<HessianName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    solver: Option<SolverName>,
    x: Vec<f64>,
    /// The numbers of each variable of the user's own problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<Named>,
    /// The smallest known value.
    minimum: Option<f64>,
    #[serde(flatten)]
    solution: &'a Solution,
    equalities: Vec<String>,
    inequalities: Vec<String>,
}

type OnVector<'a> = ConstrainedProblem<'a, Param<Tensor<1>>, ()>;

/// A problem with constraints.
pub(super) struct Target<'p> {
    name: &'p str,
    start: Vec<f64>,
    minimum: Option<f64>,
    problem: OnVector<'p>,
    own: Option<&'p OwnProblem>,
}

impl<'p> Target<'p> {
    pub(super) fn of_test(problem: &'p ConstrainedTestProblem, device: &Device) -> Self {
        let ConstrainedTestProblem { name, minimum, .. } = problem;
        Self { name, start: problem.start.clone(), minimum: *minimum, problem: problem.problem(device), own: None }
    }

    pub(super) fn of_own(own: &'p OwnProblem, device: &Device) -> Self {
        let (start, problem) = (own.problem.start(), own.problem.constrained(device));
        Self { name: &own.name, start, minimum: None, problem, own: Some(own) }
    }
}

pub(super) fn solve(
    target: &Target<'_>,
    flags: &SolveFlags,
    files: &Files,
    compute: &Compute,
    console: Console,
) -> Result<Exit> {
    let Target { name, problem: on_device, .. } = target;
    let own = |flag: &str| Failure::usage(format!("--{flag} is for problems without constraints; {name} has its own"));
    for (given, flag) in
        [(flags.lower.is_some(), "lower"), (flags.upper.is_some(), "upper"), (flags.l1.is_some(), "l1")]
    {
        if given {
            return Err(own(flag));
        }
    }
    if flags.gtol.is_some() {
        return Err(Failure::usage("--gtol is for problems without constraints: use --tol"));
    }
    let method = flags.method.unwrap_or(MethodName::Sqp);
    let method_text = text_of(method);
    if method == MethodName::AugmentedLagrangian && flags.hessian.is_some() {
        return Err(Failure::usage(format!("--hessian is for --method sqp or interior-point, not {method_text}")));
    }
    if method != MethodName::AugmentedLagrangian && flags.solver.is_some() {
        return Err(Failure::usage("--solver needs --method augmented-lagrangian for a problem with constraints"));
    }
    check_solver(flags.max_iter, None)?;
    let tol = flags.tol.unwrap_or(0.0);
    require(tol >= 0.0 && tol.is_finite(), "tol", "finite and not negative", tol)?;
    let stop = ConstrainedStop {
        tol: flags.tol,
        max_iter: flags.max_iter.unwrap_or(1000),
        check_minimum: flags.check_minimum != Some(false),
        ..ConstrainedStop::default()
    };
    let start = start(name, &target.start, false, flags.x0.as_deref(), compute)?;

    let (mut hessian, mut inner) = (None, None);
    let mut solution = match method {
        MethodName::Sqp => {
            let hessian = (*hessian.insert(flags.hessian.unwrap_or(HessianName::Bfgs))).into();
            run(on_device, start, &Sqp { hessian, ..Sqp::default() }, &stop)?
        }
        MethodName::AugmentedLagrangian => {
            by_multipliers(*inner.insert(flags.solver.unwrap_or(SolverName::Tron)), on_device, start, &stop)?
        }
        MethodName::InteriorPoint => {
            let hessian = (*hessian.insert(flags.hessian.unwrap_or(HessianName::Exact))).into();
            run(on_device, start, &InteriorPoint { hessian, ..InteriorPoint::default() }, &stop)?
        }
    };
    if let Some(file) = &files.history {
        write_history(file, &solution.outcome)?;
    }
    let (status, exit) = ending(solution.outcome.status);
    let tol = stop.tolerance(solution.outcome.x.dtype());
    let certificate = match exit {
        Exit::Done => certify(on_device, &solution.outcome.x, &solution.multipliers, tol),
        _ => Err("the solver has not converged".to_owned()),
    };
    if let Some(file) = &files.certificate {
        let made = certificate.clone().map(|certificate| match target.own {
            Some(own) => ProblemCertificate::of_own(own, certificate),
            None => ProblemCertificate::new(name, certificate),
        });
        write_certificate(file, made, console)?;
    }
    if target.own.is_some_and(|own| own.problem.is_maximized()) {
        solution.outcome.value = -solution.outcome.value;
    }
    let certificate = certificate.ok();
    let x = to_vec(solution.outcome.x.clone());
    let result = ConstrainedResult {
        problem: name,
        method,
        hessian,
        solver: inner,
        x,
        variables: target.own.map(|own| Named(own.values(&to_vec(solution.outcome.x.clone())))),
        minimum: target.minimum,
        solution: &solution,
        equalities: on_device.equality_names(),
        inequalities: on_device.inequality_names(),
    };
    console.result(&result, || text(status, &result, certificate.as_ref()))?;
    match exit {
        Exit::NotConverged | Exit::Diverged => Err(Failure { message: solution.outcome.message, exit }),
        _ => Ok(exit),
    }
}

impl From<HessianName> for LagrangianHessian {
    fn from(name: HessianName) -> Self {
        match name {
            HessianName::Bfgs => Self::Bfgs,
            HessianName::Exact => Self::Exact,
        }
    }
}

fn run(
    problem: &OnVector<'_>,
    start: Tensor<1>,
    solver: &dyn ConstrainedSolver<Param<Tensor<1>>, ()>,
    stop: &ConstrainedStop,
) -> Result<Solution> {
    let stopped = until_interrupted();
    Ok(minimize_constrained_with(problem, start, solver, stop, &mut |_| stopped())?)
}

fn by_multipliers(
    inner: SolverName,
    problem: &OnVector<'_>,
    start: Tensor<1>,
    stop: &ConstrainedStop,
) -> Result<Solution> {
    match inner {
        SolverName::Gd => run(problem, start, &AugmentedLagrangian::new(solver::gradient_descent()), stop),
        SolverName::NonlinearCg => run(problem, start, &AugmentedLagrangian::new(solver::nonlinear_cg()), stop),
        SolverName::Bfgs => run(problem, start, &AugmentedLagrangian::new(solver::bfgs()), stop),
        SolverName::LBfgs => run(problem, start, &AugmentedLagrangian::new(solver::lbfgs()), stop),
        SolverName::LBfgsB => run(problem, start, &AugmentedLagrangian::with(WithinBounds), stop),
        SolverName::Tron => run(problem, start, &AugmentedLagrangian::default(), stop),
        SolverName::Newton => run(problem, start, &AugmentedLagrangian::new(solver::newton()), stop),
        SolverName::NewtonCg => run(problem, start, &AugmentedLagrangian::new(solver::newton_cg()), stop),
        SolverName::TrustNcg => run(problem, start, &AugmentedLagrangian::new(solver::trust_ncg()), stop),
        SolverName::TrustKrylov => run(problem, start, &AugmentedLagrangian::new(solver::trust_krylov()), stop),
        SolverName::TrustExact => run(problem, start, &AugmentedLagrangian::new(solver::trust_exact()), stop),
        SolverName::OwlQn => {
            Err(Failure::usage("--solver owl-qn is for an l1 penalty, which problems with constraints do not have"))
        }
    }
}

fn text(status: &str, result: &ConstrainedResult<'_>, certificate: Option<&Certificate>) -> String {
    let ConstrainedResult { problem, method, hessian, solver, x, minimum, solution, .. } = result;
    let how = match (hessian, solver) {
        (Some(hessian), _) => format!("{}, {}", text_of(*method), text_of(*hessian)),
        (_, Some(inner)) => format!("{}, {}", text_of(*method), inner.text()),
        _ => text_of(*method),
    };
    let outcome = &solution.outcome;
    let minimum = minimum.map_or_else(String::new, |minimum| format!("  (the minimum is {minimum})"));
    let evaluations = &outcome.evaluations;
    let mut lines = vec![
        format!("{problem} by {how}: {status}"),
        outcome.message.clone(),
        format!("value          {:.12e}{minimum}", outcome.value),
        values_text(result.variables.as_ref(), x),
    ];
    let multipliers = &solution.multipliers;
    let named = (result.equalities.iter().zip(&multipliers.equality))
        .chain(result.inequalities.iter().zip(&multipliers.inequality))
        .map(|(name, value)| (name.clone(), *value));
    let at_bounds = [("≥", &multipliers.lower), ("≤", &multipliers.upper)].into_iter().flat_map(|(sign, values)| {
        values
            .iter()
            .enumerate()
            .filter(|(_, value)| **value > 0.0)
            .map(move |(j, value)| (format!("x[{j}] {sign} its bound"), *value))
    });
    let all: Vec<String> = named.chain(at_bounds).map(|(name, value)| format!("{name} {value:.9}")).collect();
    if !all.is_empty() {
        lines.push(format!("multipliers    {}", all.join(", ")));
    }
    match certificate {
        Some(certificate) => lines.push(certificate_text(certificate)),
        None => {
            let residuals = &solution.residuals;
            lines.push(format!(
                "residuals      stationarity {:.1e}, primal {:.1e}, dual {:.1e}, complementarity {:.1e}",
                residuals.stationarity, residuals.primal, residuals.dual, residuals.complementarity
            ));
        }
    }
    lines.push(format!("iterations     {}", outcome.iterations));
    lines.push(format!(
        "evaluations    {} values, {} gradients, {} Hessians or products",
        evaluations.values, evaluations.gradients, evaluations.hessians
    ));
    lines.join("\n")
}
