//! The fit of a generalised linear model, and what a run writes at its end.

use std::{ops::ControlFlow, time::Instant};

use kiln::{
    models::{GlmError, GlmFit, glm::GlmDataError},
    optim::solver::{Iteration, Outcome, Status},
};

use super::{
    fitted::{FittedGlm, Score},
    plan::GlmPlan,
    ranks,
    report::{GlmReport, Inference, Selected, coefficient_table, dropped, plain_coefficient_table},
    rows::GlmRows,
    terms,
};
use crate::{
    base::{Exit, Failure, METRICS, Result, digits, ranks::world},
    context::{Finished, MetricsLine, Scored, Session, is_interrupted},
};

const SUMMARY: &str = "summary.txt";
/// What R's `summary.lm` calls an essentially perfect fit.
const EXACT: &str = "the fit is exact: its residuals are rounding errors, so the log-likelihood, standard errors and tests mean nothing";
/// The same with as many parameters as rows.
const SATURATED: &str =
    "the fit is exact: without residuals there is no log-likelihood (nll), and standard errors and tests mean nothing";

pub(super) fn fit(plan: &GlmPlan, session: &Session<'_>) -> Result<Finished<GlmReport>> {
    let GlmPlan { settings, data, config } = plan;
    let dir = session.dir;
    session.check_changed("--gtol or --max-iter")?;
    session.begin()?;
    let started = Instant::now();
    let progress = session.console.steps(1);
    let part = ranks::own_part(&data.train);
    let own = part.as_ref().unwrap_or(&data.train);
    let of_part = part.as_ref().map(|part| plan.config_of(part)).transpose()?;
    let on_ranks = of_part.as_ref().unwrap_or(config);
    let fitted = on_ranks.fit_with(own.inputs.clone(), own.response.clone(), |step| {
        progress.set(step.iteration as u64, || format!("loss {:.9}  |g| {:.3e}", step.value, step.grad_norm));
        if is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    drop(progress);
    let (mut fit, ending) = match fitted {
        Ok(fit) => (fit, None),
        Err(GlmError::NotConverged { fit, .. }) => {
            let ending = not_converged(&fit, session);
            (*fit, Some(ending))
        }
        Err(error) => return Err(ranks::of_first(error, |error| failure(error, plan, own))),
    };
    ranks::gather(&mut fit)?;
    // Those of all ranks.
    let (responses, rows) = match data.train.is_share {
        true => (Some(ranks::responses(&data.train)?), data.record.n_train),
        false => (None, data.train.len()),
    };
    let train_rows = responses.as_ref().unwrap_or(&data.train);
    let wall_s = started.elapsed().as_secs_f64();
    let (status, exit, message) = ending.unwrap_or(("converged", Exit::Done, fit.outcome.message.clone()));
    let names = data.encoder.feature_names();
    let dropped = dropped(&fit, &names);
    let model = FittedGlm { model: fit.model.clone(), encoder: data.encoder.clone() };
    if exit != Exit::Diverged {
        model.write(dir)?;
        let table = fit.table(|table| coefficient_table(table, &dropped));
        dir.write("coef.csv", &table.unwrap_or_else(|| plain_coefficient_table(&fit, &dropped))?)?;
    }
    let mut message = message;
    if exit == Exit::Done
        && let Err(reason) = fit.inference()
    {
        message = format!("{message}; {reason}");
    }
    let tests = match fit.inference() {
        Ok(inference) => terms::tests(plan, &fit, inference)?,
        Err(_) => Vec::new(),
    };
    if !tests.is_empty() {
        dir.write("terms.csv", &terms::table(&tests)?)?;
    }
    if settings.inference.margins
        && let Some(margins) = terms::margins(&fit, &data.train, &names)?
    {
        dir.write("margins.csv", &margins)?;
    }
    if settings.inference.profile && exit == Exit::Done {
        dir.write("profile.csv", &terms::profiles(config, &fit, &data.train)?)?;
    }
    if settings.inference.influence && !fit.influence.is_empty() {
        dir.write("influence.csv", &influence_table(&fit, &data.train.lines)?)?;
    }
    let train = model.training_score(&fit.training, rows, fit.mean_negative_log_likelihood());
    let is_exact = exit == Exit::Done && fit.model.family.has_dispersion() && is_exact(&train, train_rows);
    let exact = is_exact.then_some(if train.nll.is_finite() { EXACT } else { SATURATED });
    if let Some(exact) = exact {
        message = format!("{message}; {exact}");
    }
    let (test, means) = data.test.as_ref().map(|rows| model.score(rows)).unzip();
    let classification = match (&data.test, &means) {
        // Rank 0 writes and prints them.
        _ if exit == Exit::Diverged || !world().is_root() => None,
        (Some(rows), Some(means)) => model.classification(rows, means, Scored::Test, dir)?,
        _ => model.classification(train_rows, &fit.fitted, Scored::Train, dir)?,
    };
    let (status, exit, message) = match &test {
        Some(score) if exit == Exit::Done && !score.is_finite() => {
            let message =
                "the score on the test rows is not finite: their values are beyond what the model can compute with";
            ("diverged", Exit::Diverged, message.to_owned())
        }
        _ => (status, exit, message),
    };
    let summary = format!("{}{}", fit.summary(), terms::text(&tests));
    if exit != Exit::Diverged {
        dir.write(SUMMARY, summary.as_bytes())?;
    }
    let outcome = &fit.outcome;
    dir.write(METRICS, metrics(outcome).as_bytes())?;
    let report = GlmReport {
        status,
        message: message.clone(),
        family: settings.model.family.clone(),
        link: settings.link()?.to_string(),
        formula: settings.model.formula.clone(),
        fun: outcome.value,
        grad_norm: outcome.grad_norm,
        nit: outcome.iterations,
        nfev: outcome.evaluations.values,
        njev: outcome.evaluations.gradients,
        nhev: outcome.evaluations.hessians,
        wall_s,
        inference: fit.table(Inference::of),
        train,
        test,
        classification,
        selected: (settings.model.l1 > 0.0).then(|| {
            let coefficients = fit.coefficients();
            Selected { nonzero: coefficients.iter().filter(|b| **b != 0.0).count(), of: coefficients.len() }
        }),
        dropped,
        terms: tests,
    };
    let mut text = text(&report, &summary);
    if let Some(exact) = exact {
        text += &format!("\nwarning: {exact}");
    }
    Ok(Finished { text, report, exit, message, total_wall_s: wall_s })
}

/// Whether a fit has no residuals but rounding errors, by the rule of R's `summary.lm`.
fn is_exact(train: &Score, rows: &GlmRows) -> bool {
    if rows.response.is_in_file() {
        return false;
    }
    let response = rows.response.to_cow();
    let squares = response.iter().map(|y| y * y).sum::<f64>() / response.len().max(1) as f64;
    train.rmse.is_some_and(|rmse| rmse.powi(2) <= 1e-30 * squares)
}

/// Returns `metrics.jsonl`: a line per iteration.
fn metrics(outcome: &Outcome) -> String {
    let line = |step: &Iteration| {
        let line = MetricsLine {
            step: step.iteration,
            epoch: step.values,
            split: "train",
            loss: step.value,
            grad_norm: Some(step.grad_norm),
        };
        serde_json::to_string(&line).expect("numbers") + "\n"
    };
    outcome.history.iter().map(line).collect()
}

fn text(report: &GlmReport, summary: &str) -> String {
    let test = report.test.as_ref().map_or_else(String::new, |score| format!("\n{}", score.line()));
    let classes = report.classification.as_ref().map_or_else(String::new, |measures| format!("\n{}", measures.line()));
    format!("{summary}{}: {} iterations in {:.1} s{test}{classes}", report.status, report.nit, report.wall_s)
}

fn not_converged(fit: &GlmFit, session: &Session<'_>) -> (&'static str, Exit, String) {
    let (outcome, run) = (&fit.outcome, session.dir.path().display());
    match outcome.status {
        Status::NotFinite => ("diverged", Exit::Diverged, outcome.message.clone()),
        Status::Stopped => {
            let message =
                format!("interrupted after {} iterations: start again with `kiln resume {run}`", outcome.iterations);
            ("interrupted", Exit::Interrupted, message)
        }
        Status::Unbounded => {
            let message = format!("{}: see the largest parameters in {SUMMARY}", outcome.message);
            ("unbounded", Exit::NotConverged, message)
        }
        _ => {
            let message = format!(
                "not converged after {} iterations: the gradient is {:.1e}, above --gtol; the family or \
                 the link may not suit the data",
                outcome.iterations, outcome.grad_norm
            );
            ("not-converged", Exit::NotConverged, message)
        }
    }
}

/// What the user can do about an error.
fn failure(error: GlmError, plan: &GlmPlan, rows: &GlmRows) -> Failure {
    let data = &plan.data;
    let name = data.encoder.response_name();
    match error {
        GlmError::Data(GlmDataError::Response { family, row, value, expected }) => Failure::usage(format!(
            "{}, line {}: the response '{name}' is {value}; for --family {family} it must be {expected}",
            data.file,
            rows.lines.get(row).map_or_else(|| format!("{} of those used", row + 1), u64::to_string)
        )),
        GlmError::Data(GlmDataError::EmptyClass { class }) => {
            let class = data.encoder.class_names().get(class).cloned().unwrap_or_default();
            Failure::usage(format!(
                "the class '{class}' of '{name}' has no training row: lower --test-fraction, or leave it out of --levels"
            ))
        }
        error @ GlmError::Separable { .. } => Failure {
            message: format!("{error}: add --firth, or a penalty such as --l2 0.01"),
            exit: Exit::NotConverged,
        },
        other => Failure::usage(other),
    }
}

/// Returns `influence.csv`: a row per training row.
fn influence_table(fit: &GlmFit, lines: &[u64]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "line",
        "fitted",
        "linear_predictor",
        "residual",
        "pearson",
        "deviance",
        "standardized",
        "leverage",
        "cooks_distance",
    ];
    writer.write_record(header).map_err(Failure::internal)?;
    for (influence, line) in fit.influence.iter().zip(lines) {
        let numbers = [
            influence.fitted,
            influence.linear_predictor,
            influence.residual,
            influence.pearson,
            influence.deviance,
            influence.standardized,
            influence.leverage,
            influence.cooks_distance,
        ];
        let record = std::iter::once(line.to_string()).chain(numbers.map(digits));
        writer.write_record(record).map_err(Failure::internal)?;
    }
    writer.into_inner().map_err(Failure::internal)
}
