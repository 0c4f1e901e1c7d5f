//! A regression by a solver, which sees all training rows at each step, and what the maximum says of the coefficients.

use std::{cell::RefCell, ops::ControlFlow};

use kiln::{
    burn::tensor::Tensor,
    data::{Dataset, Examples, Shown, Supervised},
    dist::Distribution,
    models::{Dependence, Inference, InferenceTable, RegressionLoss, Separation},
    optim::solver::{Bounds, Iteration, L1, Outcome, Snapshot, Status, Stop},
    tensor::{
        derivative::{Distributed, TwiceDifferentiable},
        flat::Layout,
    },
    train::{MaximumLikelihood, Metrics, evaluate},
};

use super::{
    certificate::{FitCertificate, SeparationCertificate, certificate},
    coefficients::coefficient_table,
    fitted::{EVALUATION_BATCH, FittedRegression},
    plan::{LARGEST_HESSIAN, LogisticPlan},
    regression::Regression,
    report::{Dropped, LogisticReport, Selected, classification, text},
    solver_log::SolverLog,
};
use crate::{
    base::{
        CERTIFICATE, Exit, Failure, Result,
        ranks::{must_any_stop, share_of, world},
        to_vec,
    },
    context::{Finished, Session, Snapshots, Summary, is_interrupted, tabular::Fitted},
    settings::{Begin, SolverPlan, Task, ending},
};

const SUMMARY: &str = "summary.txt";
/// The checkpoint, in the folder of checkpoints.
const FILE: &str = "solver.safetensors";
/// The seconds of training, an entry of the checkpoint.
const WALL: &str = "wall_s";

struct Ending {
    status: &'static str,
    exit: Exit,
    message: String,
}

/// An outcome, and the seconds that it took in this process and in all.
struct Minimized {
    outcome: Outcome,
    wall_s: f64,
    total_wall_s: f64,
}

pub(super) fn fit<M>(plan: &LogisticPlan, solver: SolverPlan, session: &Session<'_>) -> Result<Finished<LogisticReport>>
where
    M: Regression,
    Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
{
    let (dir, data) = (session.dir, &plan.data);
    let from = snapshot(plan, solver, session)?;
    let loss = plan.loss()?;
    let Minimized { outcome, wall_s, total_wall_s } = minimize(plan, solver, from, &loss, session)?;
    // Written by an earlier end of the run.
    dir.remove(CERTIFICATE)?;
    dir.remove(SUMMARY)?;

    let model = M::init(data.train.features(), plan.classes(), &plan.compute);
    let layout = Layout::of(&model);
    let model =
        layout.unflatten(model, &plan.parameters(&loss, &outcome.x)).expect("the loss has its parameters").valid();
    let mut ending = how_it_ended(plan, &loss, &outcome, session)?;
    if ending.exit == Exit::Done {
        match certificate(plan, &loss, &outcome.x) {
            Ok(certificate) => dir.write_json(CERTIFICATE, &FitCertificate::new(certificate))?,
            Err(reason) => session.console.note(format_args!("no {CERTIFICATE}: {reason}")),
        }
    }
    let inference = inference(plan, &loss, &outcome, &mut ending);
    if ending.exit != Exit::Diverged {
        dir.write_model(&model)?;
        dir.write("coef.csv", &coefficient_table(&model, &data.encoder, &plan.dropped, inference.as_ref())?)?;
    }
    if let Some(inference) = &inference {
        let table = InferenceTable {
            inference,
            target: data.encoder.target().map_or("y", |target| target.name.as_str()),
            features: &plan.kept_names(),
            classes: data.encoder.class_names(),
            converged: ending.exit == Exit::Done,
        };
        dir.write(SUMMARY, format!("{table}{}", plan.dropped_lines()).as_bytes())?;
    }
    let exit = ending.exit;
    let mut report = report(plan, solver, &outcome, &model, (ending, wall_s), inference)?;
    if exit != Exit::Diverged {
        report.classification = classification(plan, &FittedRegression::<M>::new(&model), dir)?;
    }
    let exit = report.end_with_test::<M>(exit);
    let message = report.summary.message.clone();
    Ok(Finished { text: text::<M>(&report), report, exit, message, total_wall_s })
}

/// The checkpoint of the run, if there is one, and if there is something left to do.
fn snapshot(plan: &LogisticPlan, solver: SolverPlan, session: &Session<'_>) -> Result<Option<Snapshot>> {
    let Some(bytes) = session.checkpoint(FILE)? else { return Ok(None) };
    let path = session.dir.checkpoint_file(FILE);
    let snapshot = Snapshot::from_bytes(&bytes).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))?;
    let dtype = plan.compute.dtype;
    if snapshot.dtype().is_some_and(|had| had != dtype.float().into()) {
        let name = dtype.name();
        return Err(Failure::usage(format!("the run did not compute in {name}: start a new run with --dtype {name}")));
    }
    let done = snapshot.history()?.last().map_or(0, |last| last.iteration);
    session.check_left(done as u64, solver.max_iter as u64, "steps", "--max-iter")?;
    Ok(Some(snapshot))
}

fn minimize(
    plan: &LogisticPlan,
    solver: SolverPlan,
    from: Option<Snapshot>,
    loss: &RegressionLoss,
    session: &Session<'_>,
) -> Result<Minimized> {
    let (model, train) = (&plan.settings.model, &plan.settings.train);
    let (lower, upper) = loss.bounds(model.lower.unwrap_or(f64::NEG_INFINITY), model.upper.unwrap_or(f64::INFINITY));
    let (bounds, l1) = match (Bounds::new(lower, upper), L1::new(loss.l1_weights(model.l1))) {
        (Ok(bounds), Ok(l1)) => (bounds, l1),
        // Scaling a column, a bound or a penalty went beyond the largest number.
        _ => {
            return Err(Failure::usage(
                "the columns, bounds or penalties are too large to compute with: rescale the data, or omit --l1, --lower and \
                 --upper",
            ));
        }
    };
    let stop = Stop { gtol: solver.gtol, max_iter: solver.max_iter, ..Stop::default() };
    let before = from.as_ref().and_then(|snapshot| snapshot.number(WALL).ok()).unwrap_or(0.0);
    let history = from.as_ref().map(Snapshot::history).transpose()?.unwrap_or_default();
    // Opened once the solver has accepted the checkpoint.
    let files: RefCell<Option<(Snapshots, SolverLog)>> = RefCell::new(None);
    let begin = || {
        session.begin()?;
        let snapshots = Snapshots::start(session.dir, FILE, before)?;
        files.replace(Some((snapshots, SolverLog::start(session.dir, &history)?)));
        Ok(())
    };
    let start = match from {
        Some(snapshot) => Begin::Again(snapshot, plan.compute.device.clone()),
        None => Begin::At(loss.start()),
    };
    let progress = session.console.steps(train.log_every);
    let may_run_away = !model.is_penalised() && !model.is_bounded();
    let mut written = Ok(());
    // Of several ranks each sums the terms of its rows.
    let world = world();
    let shared = match world.is_alone() {
        true => None,
        false => Some(Distributed::new(loss.part(share_of(plan.data.train.len())?), &world)?),
    };
    let problem: &dyn TwiceDifferentiable = match &shared {
        Some(shared) => shared,
        None => loss,
    };
    let task = Task { problem, start, stop, bounds, l1 };
    let (mut outcome, last) = solver.name.minimize(task, begin, |iteration, snapshot| {
        let mut files = files.borrow_mut();
        let (snapshots, log) = files.as_mut().expect("the fit has begun");
        let Iteration { iteration: step, value, grad_norm, values, .. } = *iteration;
        written = log.write(iteration).and_then(|()| match snapshots.is_due() {
            true => log.flush().and_then(|()| save(snapshots, snapshot())),
            false => Ok(()),
        });
        progress.set(step as u64, || format!("pass {values:>6}  loss {value:.9}  |g| {grad_norm:.3e}"));
        let stops = must_any_stop(written.is_err() || is_interrupted());
        if stops || (may_run_away && loss.is_separated(value)) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    drop(progress);
    if model.l1 == 0.0 && !model.is_bounded() {
        outcome.x = loss.centred(&outcome.x);
    }
    let (mut snapshots, mut log) = files.into_inner().expect("the fit has begun");
    written.and_then(|()| log.flush()).and_then(|()| save(&mut snapshots, last))?;
    Ok(Minimized { outcome, wall_s: snapshots.own_wall_s(), total_wall_s: snapshots.wall_s() })
}

fn save(snapshots: &mut Snapshots, mut snapshot: Snapshot) -> Result<()> {
    snapshot.put_number(WALL, snapshots.wall_s());
    snapshots.write(&snapshot.to_bytes())
}

/// How the fit ended: as the solver says, or because the classes are separable. The proof of that is written.
fn how_it_ended(
    plan: &LogisticPlan,
    loss: &RegressionLoss,
    outcome: &Outcome,
    session: &Session<'_>,
) -> Result<Ending> {
    let (status, exit) = ending(outcome.status);
    let (run, steps, interrupted) = (session.dir.path().display(), outcome.iterations, is_interrupted());
    let message = match outcome.status {
        Status::Budget => format!(
            "not converged after {steps} steps: the gradient is {:.1e}, above --gtol; continue with `kiln resume {run} \
             --max-iter {}`",
            outcome.grad_norm,
            steps.max(1).saturating_mul(10)
        ),
        Status::Stopped if interrupted => {
            format!("interrupted after {steps} steps: continue with `kiln resume {run}`")
        }
        _ => outcome.message.clone(),
    };
    let by_solver = Ending { status, exit, message };
    let model = &plan.settings.model;
    let is_smooth = model.l1 == 0.0 && !model.is_bounded();
    let by_solver = match outcome.status {
        Status::NoProgress | Status::AtRounding | Status::Stalled
            if is_smooth && plan.is_small() && loss.is_converged_to_rounding(&outcome.x) =>
        {
            let message = format!("converged to rounding error: the gradient is {:.1e}", outcome.grad_norm);
            Ending { status: "converged", exit: Exit::Done, message }
        }
        _ => by_solver,
    };
    if model.is_penalised() || outcome.status == Status::NotFinite || interrupted {
        return Ok(by_solver);
    }
    let (train, encoder) = (&plan.data.train, &plan.data.encoder);
    // A fit that is provably near a maximum needs no search.
    let has_maximum = by_solver.exit == Exit::Done && plan.is_small() && loss.has_maximum_near(&outcome.x);
    if has_maximum {
        return Ok(by_solver);
    }
    let separation = if plan.is_small() { loss.separation(&outcome.x) } else { None };
    let separation = separation.map(|found| Separation { weights: plan.with_dropped(&found.weights), ..found });
    // Bounds may forbid the direction. And it must separate the data as they are, which f32 may not represent.
    let separation = separation.filter(|found| {
        let sides = found.sides(train.inputs(), train.targets()).expect("it is of these data");
        let same = sides.on_the_plane == found.on_the_plane && sides.complete == found.complete;
        model.is_open_to(&found.weights) && sides.separates && same
    });
    if separation.is_none() && (model.is_bounded() || !loss.is_separated(outcome.value)) {
        return Ok(by_solver);
    }
    let message = separated(separation.as_ref(), train);
    if let Some(separation) = separation {
        let certificate = SeparationCertificate {
            kind: SeparationCertificate::KIND.to_owned(),
            features: encoder.feature_names(),
            classes: encoder.class_names().to_vec(),
            separation,
        };
        session.dir.write_json(CERTIFICATE, &certificate)?;
    }
    Ok(Ending { status: "separated", exit: Exit::NotConverged, message })
}

fn separated(separation: Option<&Separation>, train: &Examples) -> String {
    let how = match separation {
        Some(Separation { complete: false, on_the_plane, .. }) if train.classes() == 2 => {
            let rows = train.len();
            format!(
                "the classes are separable by a hyperplane, except for {on_the_plane} of {rows} rows that lie on it"
            )
        }
        Some(found @ Separation { complete: false, .. }) => {
            let pairs = found.separated_pairs(train.inputs(), train.targets()).unwrap_or_default();
            format!("some of the classes are separable by hyperplanes ({})", pairs_text(&pairs, train.class_names()))
        }
        _ => "the classes are perfectly separable".to_owned(),
    };
    let proof = if separation.is_some() { " (proof in certificate.json, for `kiln verify`)" } else { "" };
    format!("{how}, so the maximum likelihood estimate does not exist{proof}: add a penalty, for example --l2 0.01")
}

/// Names pairs of classes, such as `a from b, c; d from e`.
fn pairs_text(pairs: &[(usize, usize)], names: &[String]) -> String {
    const SHOWN: usize = 4;
    let name = |class: usize| format!("'{}'", Shown(&names[class]));
    let mut firsts: Vec<usize> = pairs.iter().map(|(a, _)| *a).collect();
    firsts.dedup();
    let of = |first: &usize| {
        let others: Vec<usize> = pairs.iter().filter(|(a, _)| a == first).map(|(_, b)| *b).collect();
        let more = if others.len() > SHOWN { ", …" } else { "" };
        let others: Vec<String> = others.into_iter().take(SHOWN).map(name).collect();
        format!("{} from {}{more}", name(*first), others.join(", "))
    };
    let more = if firsts.len() > SHOWN { "; …" } else { "" };
    firsts.iter().take(SHOWN).map(of).collect::<Vec<_>>().join("; ") + more
}

/// Standard errors, if the fit is a maximum of the likelihood.
fn inference(plan: &LogisticPlan, loss: &RegressionLoss, outcome: &Outcome, ending: &mut Ending) -> Option<Inference> {
    let model = plan.settings.model;
    if model.is_biased() || ending.exit != Exit::Done {
        return None;
    }
    if !plan.is_small() {
        ending.message = format!("{}; no standard errors: more than {LARGEST_HESSIAN} parameters", ending.message);
        return None;
    }
    match loss.inference(&outcome.x, model.cov_type) {
        Ok(inference) => Some(inference),
        Err(error) => {
            ending.message = format!("{}; no standard errors: {error}", ending.message);
            None
        }
    }
}

fn report<M>(
    plan: &LogisticPlan,
    solver: SolverPlan,
    outcome: &Outcome,
    model: &M,
    (Ending { status, message, .. }, wall_s): (Ending, f64),
    inference: Option<Inference>,
) -> Result<LogisticReport>
where
    M: Regression,
    Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
{
    let (data, compute, passes) = (&plan.data, &plan.compute, outcome.evaluations.values);
    let mut train: Metrics = evaluate(model, &MaximumLikelihood::new(), &data.train, EVALUATION_BATCH, 0)?;
    if let Some(nll) = plan.weighted_nll(model)? {
        // Each row counts as often as its weight says.
        train.loss = nll;
        train.terms.insert("nll".into(), nll);
    }
    #[allow(clippy::cast_precision_loss, reason = "a number of rows seen")]
    let seen = data.train.len().saturating_mul(passes) as f64;
    let fitted = FittedRegression::<M>::new(model);
    Ok(LogisticReport {
        summary: Summary {
            status,
            message,
            epochs: passes as u64,
            steps: outcome.iterations as u64,
            wall_s,
            examples_per_s: seen / wall_s.max(f64::MIN_POSITIVE),
            skipped: 0,
            train,
        },
        solver: Some(solver.name),
        fun: outcome.value,
        grad_norm: outcome.grad_norm,
        nit: outcome.iterations as u64,
        nfev: passes as u64,
        njev: Some(outcome.evaluations.gradients as u64),
        nhev: Some(outcome.evaluations.hessians as u64),
        test: (!data.test.is_empty())
            .then(|| fitted.score(&data.test, data.test_weights.as_deref(), compute))
            .transpose()?,
        classification: None,
        inference,
        selected: selected(plan, outcome),
        dropped: dropped(plan),
    })
}

/// The features that the fit left out, by name.
fn dropped(plan: &LogisticPlan) -> Vec<Dropped> {
    let names = plan.data.encoder.feature_names();
    let of = |dropped: &Dependence| Dropped {
        name: names[dropped.column].clone(),
        equation: dropped.named(&names).to_string(),
    };
    plan.dropped.iter().map(of).collect()
}

/// The weights that an l1 penalty did not set to zero.
fn selected(plan: &LogisticPlan, outcome: &Outcome) -> Option<Selected> {
    if plan.settings.model.l1 <= 0.0 {
        return None;
    }
    let mut weights = to_vec(outcome.x.clone());
    weights.truncate(plan.data.train.features() * plan.columns());
    Some(Selected { nonzero: weights.iter().filter(|w| w.abs() > 0.0).count(), of: weights.len() })
}
