//! Training, and what a run writes at its end.

use kiln::train::{Metrics, TrainStatus};
use serde::Serialize;

use super::{
    pictures::{loss_panel, reconstructions, samples},
    plan::VaePlan,
};
use crate::{
    base::{METRICS, Result, metrics, plot},
    context::{Finished, Session, Summary, continue_or_finish, exit_of, trainer},
};

/// `result.json`.
#[derive(Debug, Serialize)]
pub(crate) struct VaeReport {
    #[serde(flatten)]
    summary: Summary,
    /// In nats per example. Absent without test data.
    test: Option<Metrics>,
    /// The negative bound of the test images in bits per dimension, for a likelihood over levels.
    #[serde(skip_serializing_if = "Option::is_none")]
    test_bits_per_dim: Option<f64>,
    binarize: kiln::data::Binarize,
}

pub(super) fn fit(plan: &VaePlan, session: &Session<'_>) -> Result<Finished<VaeReport>> {
    let VaePlan { settings, data, compute, .. } = plan;
    let seed = settings.run.seed;
    let trainer = trainer(
        plan.config.clone(),
        plan.method.optimizer()?,
        session,
        (settings.train.keep, settings.train.tensorboard),
    );
    let model = plan.model.init(seed, &compute.device.clone().autodiff())?;
    let objective = (&plan.objective, settings.train.epochs);
    let (outcome, total_wall_s) =
        continue_or_finish(session, trainer, model, objective, (&data.train, Some(&data.test)))?;

    if !matches!(outcome.status, TrainStatus::Diverged { .. }) {
        let dir = session.dir;
        dir.write_model(&outcome.model)?;
        let (batch, shape) = (plan.config.evaluation_batch, data.images().shape());
        dir.write("samples.png", &samples(&outcome.model, shape, (64, batch), seed, compute)?)?;
        dir.write("reconstructions.png", &reconstructions(&outcome.model, data, 16, compute)?)?;
        if let Some(svg) = loss_panel(&dir.file(METRICS)).and_then(|panel| plot::svg(&[panel])) {
            dir.write("loss.svg", svg.as_bytes())?;
        }
    }
    let exit = exit_of(&outcome.status);
    let test = outcome.test.clone();
    let bits = settings.model.bits_per_dimension(data.images().dims());
    let report = VaeReport {
        summary: Summary::of(&outcome),
        test_bits_per_dim: test.as_ref().and_then(|test| Some(-bound(test)? * bits?)),
        test,
        binarize: settings.data.binarize,
    };
    let message = report.summary.message.clone();
    Ok(Finished { text: text(&report), report, exit, message, total_wall_s })
}

/// Returns the bound on the log-likelihood among the metrics, in nats per image.
pub(super) fn bound(metrics: &Metrics) -> Option<f64> {
    metrics.term("iwae").or_else(|| metrics.term("elbo"))
}

fn text(report: &VaeReport) -> String {
    let Summary { status, epochs, steps, wall_s, examples_per_s, train, .. } = &report.summary;
    let bits = report.test_bits_per_dim.map_or_else(String::new, |bits| format!("  bits/dim {bits:.4}"));
    let test = report.test.as_ref().map_or_else(String::new, |test| format!("\ntest   {}{bits}", metrics(test)));
    format!(
        "{status}: {epochs} epochs, {steps} steps in {wall_s:.1} s ({examples_per_s:.0} examples/s)\ntrain  {}{test}",
        metrics(train)
    )
}
