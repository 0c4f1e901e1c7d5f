//! `kiln vi`: variational inference on built-in models, and the estimator laboratory.

mod fit;
mod laboratory;
mod model;

use std::{path::Path, time::Instant};

use kiln::train::vi::{GradientMoments, Psis, ViError};
use serde::Serialize;

use self::{fit::fit, model::Model};
use crate::{
    config::{Dtype, RunSettings, require},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{GuideName, ViFlags},
    list::table,
    machine::Machine,
    rundir::{write_json, write_whole},
};

/// `posterior.json`, and what `--json` prints.
#[derive(Serialize)]
struct Posterior {
    model: &'static str,
    guide: GuideName,
    status: &'static str,
    message: String,
    /// The evidence lower bound, in nats, and its standard error; none of a single point.
    elbo: Option<f64>,
    elbo_standard_error: Option<f64>,
    /// ln p(data, z) at a single point, in nats.
    log_joint: Option<f64>,
    /// Laplace's approximation of ln p(data), where the mode was looked for.
    laplace_log_evidence: Option<f64>,
    /// None where the weights are too alike, or too few, to have a tail.
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

/// What draws tell beside their mean.
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
    /// The bound as each step of Adam, or of L-BFGS, saw it.
    elbo_trace: Vec<f64>,
    /// Adam's step size at the start, given or chosen.
    lr: Option<f64>,
    psis_khat: Option<f64>,
    /// Of the draws, weighted to be the posterior's.
    effective_sample_size: Option<f64>,
    draws: usize,
    /// Of the estimator's gradient where the fit ended; none without Adam.
    gradient: Option<GradientMoments>,
}

impl From<ViError> for Failure {
    fn from(error: ViError) -> Self {
        Self::usage(error)
    }
}

pub(crate) fn vi(flags: ViFlags, console: Console) -> Result<Exit> {
    let run = RunSettings { device: flags.device.clone(), threads: flags.threads, ..RunSettings::default() };
    let machine = Machine::start(&run, Dtype::F64)?;
    let Some(name) = flags.model else {
        return laboratory::compare(&flags, &machine, console);
    };
    flags.inference.refuse_unused()?;
    let draws = flags.draws.unwrap_or(4000);
    require(draws >= 100, "draws", "at least 100", draws)?;
    let model = Model::load(name, &flags, &machine, console)?;
    let started = Instant::now();
    let (fitted, laplace_log_evidence) = fit(&model, &flags, draws, &machine, console)?;
    let wall_s = started.elapsed().as_secs_f64();
    let smoothed = fitted.has_density.then(|| fitted.importance.psis());
    let psis_khat = smoothed.as_ref().map(|psis| psis.khat).filter(|khat| khat.is_finite());
    let quantities = crate::to_vec(model.quantities(fitted.importance.draws.clone()));
    let names = model.names();
    let bound = fitted.importance.elbo();
    let posterior = Posterior {
        model: model.title(),
        guide: flags.inference.guide(),
        status: fitted.status,
        message: fitted.trouble.unwrap_or_else(|| nearness(smoothed.as_ref())),
        elbo: fitted.has_density.then_some(bound),
        elbo_standard_error: fitted.has_density.then(|| fitted.importance.standard_error()),
        log_joint: (!fitted.has_density).then_some(bound),
        laplace_log_evidence,
        psis_khat,
        nit: fitted.trace.len(),
        wall_s,
        parameters: parameters(&names, &quantities, fitted.has_density),
    };
    if let Some(out) = &flags.out {
        make(out)?;
        let diagnostics = Diagnostics {
            elbo_trace: fitted.trace,
            lr: fitted.lr,
            psis_khat,
            effective_sample_size: smoothed.as_ref().map(Psis::effective_sample_size),
            draws,
            gradient: fitted.gradient,
        };
        write_json(&out.join("posterior.json"), &posterior)?;
        write_json(&out.join("diagnostics.json"), &diagnostics)?;
        if fitted.has_density {
            write_draws(&out.join("draws.csv"), &names, &quantities)?;
        }
    }
    console.result(&posterior, || text(&posterior));
    Ok(fitted.exit)
}

/// How near the guide is to its posterior, as its draws' weights tell.
fn nearness(psis: Option<&Psis>) -> String {
    let Some(psis) = psis else {
        return "a mode, without a spread".to_owned();
    };
    let share = psis.effective_sample_size() / psis.log_weights.len() as f64;
    match psis.khat {
        khat if !khat.is_finite() && share > 0.99 => {
            "the weights of the draws are alike: the guide is all but the posterior".to_owned()
        }
        khat if !khat.is_finite() => {
            "few of the draws weigh anything beside the others: the guide is far from the posterior".to_owned()
        }
        khat if khat > 0.7 => format!(
            "k̂ is {khat:.2}, above 0.7: the posterior has mass where this guide seldom draws; its means may do, its tails do not"
        ),
        khat => format!("k̂ is {khat:.2}, at most 0.7: near enough for its draws to be weighted into the posterior's"),
    }
}

/// Of draws `[s, q]`, row by row.
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

/// Makes the folder of --out, once there is something to write.
fn make(out: &Path) -> Result<()> {
    std::fs::create_dir_all(out).map_err(|e| Failure::usage(format!("cannot use {} as --out: {e}", out.display())))
}

fn write_draws(path: &Path, names: &[String], draws: &[f64]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer.write_record(names).and_then(|()| {
        draws.chunks_exact(names.len()).try_for_each(|row| writer.write_record(row.iter().map(f64::to_string)))
    });
    written.map_err(|e| Failure::write(path, e))?;
    write_whole(path, &writer.into_inner().map_err(Failure::internal)?)
}

fn text(posterior: &Posterior) -> String {
    let Posterior { model, status, message, nit, wall_s, .. } = posterior;
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
    format!("{model}: {status}, {nit} steps in {wall_s:.1} s\n{bound}\n{message}\n\n{parameters}")
}
