//! The fit of a support vector machine, and what a run writes at its end.

use std::ops::ControlFlow;

use kiln::{
    data::{Dataset, Encoder},
    models::{Kernel, SvmFit, SvmProgress},
    optim::constrained::Certificate,
};
use serde::Serialize;

use super::{
    certificate::{self, SvmCertificate},
    checkpoint::{FILE, encode, read},
    fitted::{FittedSvm, Score},
    plan::SvmPlan,
};
use crate::{
    base::{CERTIFICATE, Exit, Failure, METRICS, Result, digits, to_vec},
    context::{
        Finished, MetricsLine, Session, Snapshots,
        certificate::text as certificate_text,
        is_interrupted,
        tabular::{Fitted, with_test},
    },
};

/// `result.json`.
#[derive(Debug, Serialize)]
pub(crate) struct SvmReport {
    status: &'static str,
    message: String,
    kernel: Kernel,
    c: f64,
    /// ½·‖w‖² + C·Σ ξ, and the dual objective, which is never above it.
    primal: f64,
    dual: f64,
    gap: f64,
    kkt_residual: f64,
    support_vectors: usize,
    at_bound: usize,
    intercept: f64,
    /// Updates of pairs.
    nit: usize,
    wall_s: f64,
    train: Score,
    test: Option<Score>,
}

pub(super) fn fit(plan: &SvmPlan, session: &Session<'_>) -> Result<Finished<SvmReport>> {
    let SvmPlan { settings, data, compute, kernel, config, inputs, weights } = plan;
    let dir = session.dir;
    let from = read(session)?;
    if let Some((state, _)) = &from {
        let (done, allowed) = (state.iterations(), settings.model.max_iter);
        session.check_left(done as u64, allowed as u64, "updates", "--max-iter")?;
    }
    let (from, before) = from.map_or((None, 0.0), |(state, wall_s)| (Some(state), wall_s));
    session.begin()?;
    let mut snapshots = Snapshots::start(dir, FILE, before)?;
    let progress = session.console.steps(100_000);
    let mut written = Ok(());
    let fit = config.fit_with(inputs, data.train.targets(), weights, from, |now: &SvmProgress<'_>| {
        progress.set(now.iterations() as u64, || format!("largest violation {:.1e}", now.violation()));
        if snapshots.is_due() {
            written = encode(&now.state(), snapshots.wall_s()).and_then(|bytes| snapshots.write(&bytes));
        }
        if written.is_err() || is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    drop(progress);
    written?;
    let wall_s = snapshots.own_wall_s();
    snapshots.write(&encode(&fit.state, snapshots.wall_s())?)?;

    let certificate = match fit.converged {
        true => certificate::of(&fit, *kernel, (inputs, &data.train), settings.model.tol),
        false => Err("the fit has not converged".to_owned()),
    };
    match &certificate {
        Ok(certificate) => {
            let file = SvmCertificate { kind: "svm".to_owned(), certificate: certificate.clone() };
            dir.write_json(CERTIFICATE, &file)?;
        }
        Err(reason) => {
            dir.remove(CERTIFICATE)?;
            session.console.note(format_args!("no {CERTIFICATE}: {reason}"));
        }
    }
    let fitted = FittedSvm(fit.svm.clone());
    fitted.write(dir)?;
    dir.write("support.csv", &support_table(&fit, plan)?)?;
    if let Some(weights) = fit.svm.weights() {
        dir.write("coef.csv", &coefficient_table(&data.encoder, &to_vec(weights), fit.svm.intercept())?)?;
    }
    let line = MetricsLine {
        step: fit.iterations,
        epoch: fit.iterations,
        split: "train",
        loss: fit.primal,
        grad_norm: Some(fit.kkt_residual),
    };
    dir.write(METRICS, format!("{}\n", serde_json::to_string(&line).expect("numbers")).as_bytes())?;

    let test =
        (!data.test.is_empty()).then(|| fitted.score(&data.test, data.test_weights.as_deref(), compute)).transpose()?;
    let (status, exit, message) = with_test::<FittedSvm>(test.as_ref(), ending(&fit));
    let report = SvmReport {
        status,
        message: message.clone(),
        kernel: *kernel,
        c: settings.model.c,
        primal: fit.primal,
        dual: fit.dual,
        gap: fit.primal - fit.dual,
        kkt_residual: fit.kkt_residual,
        support_vectors: fit.support.len(),
        at_bound: fit.at_bound,
        intercept: fit.svm.intercept(),
        nit: fit.iterations,
        wall_s,
        train: fitted.score(&data.train, data.weights.as_deref(), compute)?,
        test,
    };
    let text = text(&report, certificate.as_ref().ok());
    Ok(Finished { report, text, exit, message, total_wall_s: snapshots.wall_s() })
}

fn ending(fit: &SvmFit) -> (&'static str, Exit, String) {
    if fit.converged {
        let message = "converged: no pair of rows violates the optimality conditions by more than --tol";
        ("converged", Exit::Done, message.to_owned())
    } else if fit.stopped {
        ("interrupted", Exit::Interrupted, "interrupted; saved".to_owned())
    } else {
        let message = format!(
            "not converged: the iteration limit is reached with a violation of {:.1e}; increase --max-iter",
            fit.kkt_residual
        );
        ("not-converged", Exit::NotConverged, message)
    }
}

fn text(report: &SvmReport, certificate: Option<&Certificate>) -> String {
    let kernel = match report.kernel {
        Kernel::Linear => "linear".to_owned(),
        Kernel::Rbf { gamma } => format!("rbf, gamma {gamma:.6}"),
    };
    let mut lines = vec![
        format!("{}: {kernel}, C {}, {} updates in {:.3} s", report.status, report.c, report.nit, report.wall_s),
        format!(
            "primal {:.9}  dual {:.9}  gap {:.1e}  largest violation {:.1e}",
            report.primal, report.dual, report.gap, report.kkt_residual
        ),
        format!("{} support vectors, {} of them at C", report.support_vectors, report.at_bound),
        FittedSvm::score_line(&report.train).replacen("test ", "train", 1),
    ];
    lines.extend(report.test.as_ref().map(FittedSvm::score_line));
    lines.extend(certificate.map(certificate_text));
    lines.join("\n")
}

/// `row, class, alpha, decision`: training rows, counted from 0.
fn support_table(fit: &SvmFit, plan: &SvmPlan) -> Result<Vec<u8>> {
    let train = &plan.data.train;
    let decision = to_vec(fit.svm.decision(&plan.inputs)?);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["row", "class", "alpha", "decision"]).map_err(Failure::internal)?;
    for &row in &fit.support {
        let class = train.class_names()[train.targets()[row]].clone();
        let record = [row.to_string(), class, digits(fit.alpha[row]), digits(decision[row])];
        writer.write_record(record).map_err(Failure::internal)?;
    }
    writer.into_inner().map_err(Failure::internal)
}

/// `name, coef, coef_raw`: in the units of the encoder's output, and in those of the data.
fn coefficient_table(encoder: &Encoder, weights: &[f64], intercept: f64) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["name", "coef", "coef_raw"]).map_err(Failure::internal)?;
    let mut raw_intercept = intercept;
    for ((name, weight), (mean, scale)) in encoder.feature_names().into_iter().zip(weights).zip(encoder.scaling()) {
        raw_intercept -= weight * mean / scale;
        let record = [name, digits(*weight), digits(weight / scale)];
        writer.write_record(record).map_err(Failure::internal)?;
    }
    let record = ["(intercept)".to_owned(), digits(intercept), digits(raw_intercept)];
    writer.write_record(record).map_err(Failure::internal)?;
    writer.into_inner().map_err(Failure::internal)
}
