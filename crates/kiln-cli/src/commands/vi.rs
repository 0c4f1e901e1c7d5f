//! `kiln vi`: variational inference on built-in models, and a comparison of gradient estimators.

mod fit;
mod flags;
mod laboratory;
mod model;
mod rescaled;

use std::time::Instant;

use kiln::train::vi::{GradientMoments, Psis, Svi};
use serde::Serialize;

pub(crate) use self::flags::ViFlags;
use self::{fit::fit, flags::GuideName, model::Model};
use crate::{
    base::{Console, Exit, Failure, OutputFolder, Result, require, table, to_vec},
    context::{Compute, Memory, command},
    names::Dtype,
    settings::RunSettings,
};

pub(super) const POSTERIOR: &str = "posterior.json";
pub(super) const DIAGNOSTICS: &str = "diagnostics.json";
pub(super) const DRAWS: &str = "draws.csv";

/// `posterior.json`, and what `--json` prints.
#[derive(Serialize)]
struct Posterior {
    model: &'static str,
    guide: GuideName,
    status: &'static str,
    message: String,
    /// The evidence lower bound in nats, and its standard error. Absent for a single point.
    elbo: Option<f64>,
    elbo_standard_error: Option<f64>,
    /// ln p(data, z) at a single point, in nats.
    log_joint: Option<f64>,
    /// Laplace's approximation of ln p(data), if the mode was computed.
    laplace_log_evidence: Option<f64>,
    /// Absent if the importance weights are too similar, or too few, to have a tail.
    psis_khat: Option<f64>,
    nit: usize,
    wall_s: f64,
    parameters: Vec<Parameter>,
}

#[derive(Serialize)]
struct Parameter {
    name: String,
    mean: f64,
    #[serde(flatten)]
    spread: Option<Spread>,
}

/// The spread of the draws.
#[derive(Serialize)]
struct Spread {
    sd: f64,
    /// Quantiles of the draws.
    q2_5: f64,
    median: f64,
    q97_5: f64,
}

/// `diagnostics.json`.
#[derive(Serialize)]
struct Diagnostics {
    /// The command that wrote the folder.
    command: String,
    /// The bound at each step of Adam or L-BFGS.
    elbo_trace: Vec<f64>,
    /// Adam's initial learning rate, given or chosen.
    lr: Option<f64>,
    psis_khat: Option<f64>,
    /// The effective sample size of the importance-weighted draws.
    effective_sample_size: Option<f64>,
    draws: usize,
    /// Moments of the gradient estimate at the end of the fit. Absent without Adam.
    gradient: Option<GradientMoments>,
}

pub(crate) fn vi(flags: ViFlags, console: Console) -> Result<Exit> {
    let run = RunSettings { device: flags.device.clone(), threads: flags.threads, ..RunSettings::default() };
    let compute = Compute::start(&run, Dtype::F64)?;
    let Some(name) = flags.model else {
        return laboratory::compare(&flags, &compute, console);
    };
    flags.inference.refuse_unused()?;
    let draws = flags.draws.unwrap_or(Svi::DEFAULT.evaluation_draws);
    require(draws >= 100, "draws", "at least 100", draws)?;
    let names = [POSTERIOR, DIAGNOSTICS, DRAWS];
    let out = flags.out.as_ref().map(|out| OutputFolder::new(out, &names, flags.force)).transpose()?;
    let model = Model::load(name, &flags, &compute, console)?;
    memory(&model, &flags, draws, &compute).check()?;
    let started = Instant::now();
    let (fitted, laplace_log_evidence) = fit(&model, &flags, draws, &compute, console)?;
    let wall_s = started.elapsed().as_secs_f64();
    let smoothed = fitted.has_density.then(|| fitted.importance.psis());
    let psis_khat = smoothed.as_ref().map(|psis| psis.khat).filter(|khat| khat.is_finite());
    let quantities = to_vec(model.quantities(fitted.importance.draws.clone()));
    let names = model.names();
    let bound = fitted.importance.elbo();
    let posterior = Posterior {
        model: model.title(),
        guide: flags.inference.guide(),
        status: fitted.status,
        message: fitted.trouble.clone().unwrap_or_else(|| nearness(smoothed.as_ref())),
        elbo: fitted.has_density.then_some(bound),
        elbo_standard_error: fitted.has_density.then(|| fitted.importance.standard_error()),
        log_joint: (!fitted.has_density).then_some(bound),
        laplace_log_evidence,
        psis_khat,
        nit: fitted.trace.len(),
        wall_s,
        parameters: parameters(&names, &quantities, fitted.has_density),
    };
    if let Some(out) = &out {
        let diagnostics = Diagnostics {
            command: command(),
            elbo_trace: fitted.trace,
            lr: fitted.lr,
            psis_khat,
            effective_sample_size: smoothed.as_ref().map(Psis::effective_sample_size),
            draws,
            gradient: fitted.gradient,
        };
        out.write_json(POSTERIOR, &posterior)?;
        out.write_json(DIAGNOSTICS, &diagnostics)?;
        if fitted.has_density {
            out.write(DRAWS, &draws_table(&names, &quantities)?)?;
        }
    }
    console.result(&posterior, || text(&posterior, &nearness(smoothed.as_ref())))?;
    match fitted.trouble {
        Some(message) => Err(Failure { message, exit: fitted.exit }),
        None => Ok(fitted.exit),
    }
}

/// The draws of a gradient and of the result, and a full covariance.
fn memory(model: &Model, flags: &ViFlags, draws: usize, compute: &Compute) -> Memory {
    let (d, number) = (model.size(), compute.dtype.size());
    let rows = model.rows();
    let particles = flags.inference.particles.unwrap_or(Svi::DEFAULT.particles);
    let particles = particles.max(flags.inference.fixed_draws.unwrap_or(0));
    Memory::default()
        .with("draws", &[draws, d, 8], number)
        .with("log-densities of the draws", &[draws, rows, 2], number)
        .with("draws per gradient", &[particles, d.saturating_add(rows), 6], number)
        .with("covariance", &[d, d, 6], number)
}

/// How close the guide is to the posterior, judged by the importance weights of its draws.
fn nearness(psis: Option<&Psis>) -> String {
    let Some(psis) = psis else {
        return "the mode only, without a spread".to_owned();
    };
    let share = psis.effective_sample_size() / psis.log_weights.len() as f64;
    match psis.khat {
        khat if !khat.is_finite() && share > 0.99 => {
            "the importance weights are almost equal: the approximation is very close to the posterior".to_owned()
        }
        khat if !khat.is_finite() => {
            "a few draws have almost all the importance weight: the approximation is far from the posterior".to_owned()
        }
        khat if khat > 0.7 => format!(
            "k̂ = {khat:.2} is above 0.7: the approximation misses part of the posterior; means may be usable, tails are not reliable"
        ),
        khat => format!("k̂ = {khat:.2} is at most 0.7: importance weighting of the draws is reliable"),
    }
}

/// Summarises draws `[s, q]`, row by row.
fn parameters(names: &[String], draws: &[f64], spread: bool) -> Vec<Parameter> {
    let (columns, rows) = (names.len(), draws.len() / names.len());
    let n = rows as f64;
    let column = |(j, name): (usize, &String)| {
        let mut values: Vec<f64> = (0..rows).map(|i| draws[i * columns + j]).collect();
        values.sort_by(f64::total_cmp);
        let mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let quantile = |p: f64| values[((p * (n - 1.0)).round() as usize).min(rows - 1)];
        let [q2_5, median, q97_5] = [0.025, 0.5, 0.975].map(quantile);
        Parameter { name: name.clone(), mean, spread: spread.then_some(Spread { sd, q2_5, median, q97_5 }) }
    };
    names.iter().enumerate().map(column).collect()
}

fn draws_table(names: &[String], draws: &[f64]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(names).and_then(|()| {
        draws.chunks_exact(names.len()).try_for_each(|row| writer.write_record(row.iter().map(f64::to_string)))
    });
    written.map_err(Failure::internal)?;
    writer.into_inner().map_err(Failure::internal)
}

fn text(posterior: &Posterior, nearness: &str) -> String {
    let Posterior { model, status, nit, wall_s, .. } = posterior;
    let number = |x: f64| format!("{x:.4}");
    let rows = posterior.parameters.iter().map(|p| {
        let spread = p.spread.as_ref().map_or_else(Vec::new, |s| vec![s.sd, s.q2_5, s.median, s.q97_5]);
        let cell = |i: usize| spread.get(i).copied().map_or_else(String::new, number);
        [p.name.clone(), number(p.mean), cell(0), cell(1), cell(2), cell(3)]
    });
    let parameters = table(["PARAMETER", "MEAN", "SD", "2.5%", "MEDIAN", "97.5%"], rows.collect());
    let evidence =
        posterior.laplace_log_evidence.map_or_else(String::new, |e| format!("  (ln p(data) by Laplace {e:.4})"));
    let bound = match (posterior.elbo, posterior.elbo_standard_error, posterior.log_joint) {
        (Some(elbo), Some(error), _) => format!("elbo   {elbo:.4} ± {error:.4} nats{evidence}"),
        (_, _, Some(log_joint)) => format!("ln p(data, z)   {log_joint:.4} nats"),
        _ => unreachable!("a density has a bound, a point has none"),
    };
    format!("{model}: {status}, {nit} steps in {wall_s:.1} s\n{bound}\n{nearness}\n\n{parameters}")
}
