//! The fit of a mixture, and what a run writes at its end.

use std::ops::ControlFlow;

use kiln::{
    burn::tensor::s,
    data::{Dataset, Encoder},
    models::{Degenerate, GaussianMixture, GmmFit, GmmState},
};
use serde::Serialize;

use super::{
    checkpoint::{FILE, encode, read, tensors},
    fitted::{FittedMixture, Score},
    plan::GmmPlan,
};
use crate::{
    base::{
        Exit, Failure, METRICS, Result, RunDir, digits,
        ranks::{share_of, world},
        to_vec,
    },
    context::{
        Finished, MetricsLine, ModelFile, Session, Snapshots, is_interrupted,
        tabular::{Fitted, rows, with_test},
    },
};

/// `result.json`.
#[derive(Debug, Serialize)]
pub(crate) struct GmmReport {
    status: &'static str,
    message: String,
    /// The mean log-likelihood per training row, in nats.
    log_likelihood: f64,
    bic: f64,
    aic: f64,
    /// Sweeps.
    nit: usize,
    wall_s: f64,
    weights: Vec<f64>,
    /// Degenerate components.
    degenerate: Vec<Degenerate>,
    test: Option<Score>,
}

pub(super) fn fit(plan: &GmmPlan, session: &Session<'_>) -> Result<Finished<GmmReport>> {
    let GmmPlan { settings, data, compute, config } = plan;
    let dir = session.dir;
    let from = read(session, compute)?;
    if let Some((state, _)) = &from {
        let (done, allowed) = (state.history.len() - 1, settings.model.max_iter);
        session.check_left(done as u64, allowed as u64, "iterations", "--max-iter")?;
    }
    let (from, before) = from.map_or((None, 0.0), |(state, wall_s)| (Some(state), wall_s));
    session.begin()?;
    let mut snapshots = Snapshots::start(dir, FILE, before)?;
    let progress = session.console.steps(100);
    let mut last = None;
    let mut written = Ok(());
    let (world, all) = (world(), rows(&data.train, compute));
    let own = if world.is_alone() { all } else { all.slice(s![share_of(data.train.len())?]) };
    let fit = config.clone().distributed(world).fit_with(own, from, |state: &GmmState| {
        let iteration = state.history.len() - 1;
        progress.set(iteration as u64, || format!("log-likelihood {:.9} nats per row", state.history[iteration]));
        if snapshots.is_due() {
            written = encode(state, snapshots.wall_s()).and_then(|bytes| snapshots.write(&bytes));
        }
        last = Some(state.clone());
        if written.is_err() || is_interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    drop(progress);
    written?;
    let wall_s = snapshots.own_wall_s();
    if let Some(last) = &last {
        snapshots.write(&encode(last, snapshots.wall_s())?)?;
    }

    write_metrics(dir, &fit.history)?;
    ModelFile::write(dir, tensors(&fit.mixture))?;
    dir.write("components.csv", &component_table(&fit.mixture, &data.encoder)?)?;
    let fitted = FittedMixture(fit.mixture.clone());
    let test =
        (!data.test.is_empty()).then(|| fitted.score(&data.test, data.test_weights.as_deref(), compute)).transpose()?;
    let (status, exit, message) = with_test::<FittedMixture>(test.as_ref(), ending(&fit));
    let report = GmmReport {
        status,
        message: message.clone(),
        log_likelihood: fit.log_likelihood,
        bic: fit.bic,
        aic: fit.aic,
        nit: fit.iterations,
        wall_s,
        weights: fit.mixture.weights().to_vec(),
        degenerate: fit.degenerate.clone(),
        test,
    };
    Ok(Finished { text: text(&report), report, exit, message, total_wall_s: snapshots.wall_s() })
}

fn ending(fit: &GmmFit) -> (&'static str, Exit, String) {
    if fit.converged {
        ("converged", Exit::Done, "converged: the last iteration gained less than --tol".to_owned())
    } else if fit.stopped {
        ("interrupted", Exit::Interrupted, "interrupted; saved".to_owned())
    } else {
        let message = format!("not converged after {} iterations: increase --max-iter", fit.iterations);
        ("not-converged", Exit::NotConverged, message)
    }
}

/// One line per iteration.
fn write_metrics(dir: &RunDir, history: &[f64]) -> Result<()> {
    let mut log = Vec::new();
    for (step, mean) in history.iter().enumerate() {
        let line = MetricsLine { step, epoch: step, split: "train", loss: -mean, grad_norm: None };
        serde_json::to_writer(&mut log, &line).expect("numbers");
        log.push(b'\n');
    }
    dir.write(METRICS, &log)
}

fn text(report: &GmmReport) -> String {
    let GmmReport { status, nit, wall_s, log_likelihood, bic, aic, weights, degenerate, test, .. } = report;
    let weights: Vec<String> = weights.iter().map(|w| format!("{w:.4}")).collect();
    let test = test.map_or_else(String::new, |score| FittedMixture::score_line(&score) + "\n");
    let degenerate: String =
        degenerate.iter().map(|d| format!("component {} is degenerate: {}\n", d.component, d.reason)).collect();
    format!(
        "{status}: {nit} EM iterations in {wall_s:.1} s\n\
         train  log-likelihood {log_likelihood:.6} nats per row  BIC {bic:.3}  AIC {aic:.3}\n\
         {test}{degenerate}weights {}",
        weights.join(" ")
    )
}

/// `component, weight`, then each feature's mean and standard deviation, in the units of the data.
fn component_table(mixture: &GaussianMixture, encoder: &Encoder) -> Result<Vec<u8>> {
    let (names, scaling) = (encoder.feature_names(), encoder.scaling());
    let d = names.len();
    let (means, covariances) = (to_vec(mixture.means()), to_vec(mixture.covariances()));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = names.iter().flat_map(|name| [format!("mean_{name}"), format!("sd_{name}")]);
    let write =
        |writer: &mut csv::Writer<Vec<u8>>, row: Vec<String>| writer.write_record(row).map_err(Failure::internal);
    write(&mut writer, ["component".to_owned(), "weight".to_owned()].into_iter().chain(head).collect())?;
    for (component, weight) in mixture.weights().iter().enumerate() {
        let of_feature = |f: usize| {
            let (mean, scale) = scaling[f];
            let variance = covariances[component * d * d + f * d + f];
            [means[component * d + f] * scale + mean, variance.sqrt() * scale].map(digits)
        };
        let row = [component.to_string(), digits(*weight)].into_iter().chain((0..d).flat_map(of_feature));
        write(&mut writer, row.collect())?;
    }
    writer.into_inner().map_err(Failure::internal)
}
