//! Training, and what a run writes at its end.

use kiln::{
    data::Dataset,
    models::Vae,
    train::{Metrics, TrainOutcome, TrainStatus, evaluate},
};
use serde::Serialize;

use super::{
    pictures::{loss_panel, reconstructions, samples},
    plan::VaePlan,
    second_stage,
    settings::FinalModel,
};
use crate::{
    base::{METRICS, Result, metrics, plot, ranks::world},
    context::{Finished, Session, Summary, continue_or_finish, exit_of, trainer},
};

/// `result.json`.
#[derive(Debug, Serialize)]
pub(crate) struct VaeReport {
    #[serde(flatten)]
    summary: Summary,
    /// The epoch of the model in the run's folder: with `--final best` that of the lowest validation or test loss.
    model_epoch: u64,
    /// The validation metrics of that model, in nats per example. Absent without validation data.
    #[serde(skip_serializing_if = "Option::is_none")]
    validation: Option<Metrics>,
    /// The test metrics of that model, in nats per example. Absent without test data.
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
    let model = match &settings.train.fit_prior {
        None => model,
        Some(run) if session.starts_anew() => {
            second_stage::start(plan, &model, run, session.console)?.fixed_but_prior()
        }
        Some(_) => model.fixed_but_prior(),
    };
    let objective = (&plan.objective, settings.train.epochs);
    let trainer = if data.validation.is_some() { trainer.name_held_out("validation") } else { trainer };
    let (outcome, total_wall_s) =
        continue_or_finish(session, trainer, model, objective, (&data.train, Some(data.held_out())))?;

    let Final { model, held_out, epoch } = final_model(plan, session, &outcome)?;
    let diverged = matches!(outcome.status, TrainStatus::Diverged { .. });
    let (validation, test) = match &data.validation {
        None => (None, held_out),
        // Other images have chosen the model. Of several processes, only the first has checkpoints, and writes.
        Some(_) if diverged || data.test.is_empty() || !world().is_root() => (held_out, None),
        Some(_) => {
            let batch = plan.config.evaluation_batch;
            (held_out, Some(evaluate(&model, &plan.objective, &data.test, batch, seed)?))
        }
    };
    if !diverged {
        let dir = session.dir;
        dir.write_model(&model)?;
        let (batch, shape) = (plan.config.evaluation_batch, data.images().shape());
        let count = 64usize.next_multiple_of(model.condition_dim().max(1));
        dir.write("samples.png", &samples(&model, shape, (count, batch), (seed, None), compute)?)?;
        dir.write("reconstructions.png", &reconstructions(&model, data, 16, compute)?)?;
        if let Some(svg) = loss_panel(&dir.file(METRICS)).and_then(|panel| plot::svg(&[panel])) {
            dir.write("loss.svg", svg.as_bytes())?;
        }
    }
    let exit = exit_of(&outcome.status);
    let bits = settings.model.bits_per_dimension(data.images().dims());
    let report = VaeReport {
        summary: Summary::of(&outcome),
        model_epoch: epoch,
        validation,
        test_bits_per_dim: test.as_ref().and_then(|test| Some(-bound(test)? * bits?)),
        test,
        binarize: settings.data.binarize,
    };
    let message = report.summary.message.clone();
    Ok(Finished { text: text(&report), report, exit, message, total_wall_s })
}

/// The model of a run that has ended.
struct Final {
    model: Vae,
    /// Its metrics on the data that choose the epoch.
    held_out: Option<Metrics>,
    epoch: u64,
}

/// Returns the last model, or that of the checkpoint with the lowest loss on held-out data.
fn final_model(plan: &VaePlan, session: &Session<'_>, outcome: &TrainOutcome<Vae>) -> Result<Final> {
    let VaePlan { settings, compute, .. } = plan;
    let last = Final { model: outcome.model.clone(), held_out: outcome.test.clone(), epoch: outcome.epochs };
    // Of several processes, only the first has checkpoints, and writes.
    let best = (settings.train.final_model == FinalModel::Best && outcome.test.is_some())
        .then(|| session.dir.checkpoints(settings.train.keep).best().ok())
        .flatten();
    match best {
        Some(best) if best.step() != outcome.steps => {
            let position = best.position()?;
            let template = plan.model.init(settings.run.seed, &compute.device.clone().autodiff())?;
            let model = best.model(template, plan.method.optimizer()?)?;
            Ok(Final { model, held_out: position.test, epoch: position.epoch })
        }
        _ => Ok(last),
    }
}

/// Returns the bound on the log-likelihood among the metrics, in nats per image.
pub(super) fn bound(metrics: &Metrics) -> Option<f64> {
    metrics.term("iwae").or_else(|| metrics.term("elbo"))
}

fn text(report: &VaeReport) -> String {
    let Summary { status, epochs, steps, wall_s, examples_per_s, train, .. } = &report.summary;
    let bits = report.test_bits_per_dim.map_or_else(String::new, |bits| format!("  bits/dim {bits:.4}"));
    let by = if report.validation.is_some() { "validation" } else { "test" };
    let best = match report.model_epoch {
        epoch if epoch < *epochs => format!("\nmodel  of epoch {epoch}, which has the lowest {by} loss"),
        _ => String::new(),
    };
    let validation = report.validation.as_ref().map_or_else(String::new, |of| format!("\nvalid  {}", metrics(of)));
    let test = report.test.as_ref().map_or_else(String::new, |test| format!("\ntest   {}{bits}", metrics(test)));
    format!(
        "{status}: {epochs} epochs, {steps} steps in {wall_s:.1} s ({examples_per_s:.0} examples/s)\ntrain  {}{validation}{test}{best}",
        metrics(train)
    )
}
