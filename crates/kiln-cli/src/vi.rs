//! `kiln vi`: variational inference on built-in models, and the estimator laboratory.

mod laboratory;
mod model;

use std::{path::Path, time::Instant};

use kiln::{
    burn::tensor::{Tensor, TensorData},
    optim::solver::Stop,
    tensor::Stream,
    train::vi::{
        FullRank, GradientMoments, Guide, LogJoint, MeanField, Svi, SviFit, SviStatus, ViError, gradient_moments,
        laplace, psis,
    },
};
use serde::Serialize;

use self::model::Model;
use crate::{
    config::{Dtype, RunSettings, require},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{GuideName, ViFlags},
    list::table,
    machine::Machine,
    rundir::write_whole,
};

/// `posterior.json`, and what `--json` prints.
#[derive(Serialize)]
struct Posterior {
    model: &'static str,
    guide: GuideName,
    status: &'static str,
    message: String,
    /// The evidence lower bound, in nats, and its standard error.
    elbo: f64,
    elbo_standard_error: f64,
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
    sd: f64,
    /// Quantiles of the draws.
    q2_5: f64,
    median: f64,
    q97_5: f64,
}

/// `diagnostics.json`.
#[derive(Serialize)]
struct Diagnostics {
    /// The bound as each step saw it.
    elbo_trace: Vec<f64>,
    psis_khat: Option<f64>,
    /// Of the draws, weighted to be the posterior's.
    effective_sample_size: f64,
    draws: usize,
    /// Of the estimator's gradient where the fit ended; none for Laplace's approximation.
    gradient: Option<GradientMoments>,
}

/// What a fit leaves.
struct Fitted {
    elbo: (f64, f64),
    /// Each `[s]`: draws `[s, d]`, and ln p − ln q of each.
    z: Tensor<2>,
    log_ratios: Vec<f64>,
    trace: Vec<f64>,
    status: SviStatus,
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
    let draws = flags.draws.unwrap_or(4000);
    require(draws >= 100, "draws", "at least 100", draws)?;
    require(
        flags.prior_scale > 0.0 && flags.prior_scale.is_finite(),
        "prior-scale",
        "positive and finite",
        flags.prior_scale,
    )?;
    let model = Model::load(name, &flags, &machine, console)?;
    let svi = Svi {
        estimator: flags.estimator.estimator(),
        particles: flags.particles,
        steps: flags.steps,
        lr: flags.lr,
        tol_rel: flags.tol_rel,
        evaluation: draws,
        seed: flags.seed,
    };
    let started = Instant::now();
    let (fitted, evidence) = fit(&model, flags.guide, &svi, &machine, console)?;
    let wall_s = started.elapsed().as_secs_f64();
    if fitted.status == SviStatus::Diverged {
        let message = format!("the bound is not finite after {} steps: give a smaller --lr", fitted.trace.len());
        return Err(Failure { message, exit: Exit::Diverged });
    }
    let smoothed = psis(&fitted.log_ratios);
    let psis_khat = smoothed.khat.is_finite().then_some(smoothed.khat);
    let quantities = crate::to_vec(model.quantities(fitted.z));
    let names = model.names();
    let (status, message) = ending(fitted.status, psis_khat);
    let posterior = Posterior {
        model: model.title(),
        guide: flags.guide,
        status,
        message,
        elbo: fitted.elbo.0,
        elbo_standard_error: fitted.elbo.1,
        laplace_log_evidence: evidence,
        psis_khat,
        nit: fitted.trace.len(),
        wall_s,
        parameters: parameters(&names, &quantities),
    };
    if let Some(out) = &flags.out {
        make(out)?;
        let diagnostics = Diagnostics {
            elbo_trace: fitted.trace,
            psis_khat,
            effective_sample_size: smoothed.effective_sample_size(),
            draws,
            gradient: fitted.gradient,
        };
        write_json(&out.join("posterior.json"), &posterior)?;
        write_json(&out.join("diagnostics.json"), &diagnostics)?;
        write_draws(&out.join("draws.csv"), &names, &quantities)?;
    }
    console.result(&posterior, || text(&posterior));
    Ok(Exit::Done)
}

fn fit(
    model: &Model,
    guide: GuideName,
    svi: &Svi,
    machine: &Machine,
    console: Console,
) -> Result<(Fitted, Option<f64>)> {
    let d = model.dims();
    if guide == GuideName::MeanField {
        let fit = svi.fit(model, MeanField::new(d, &machine.device))?;
        return Ok((fitted(model, fit, svi, true), None));
    }
    let start = Tensor::from_data(TensorData::new(vec![0.0; d], [d]), &machine.device);
    let gtol = if machine.dtype == Dtype::F64 { 1e-8 } else { 1e-3 };
    let mode = laplace(model, start, &Stop { gtol, ..Stop::default() });
    let (from, evidence) = match mode {
        Ok(mode) => {
            let (loc, factor) = (mode.posterior.loc().squeeze_dim(0), mode.posterior.scale_tril().squeeze_dim(0));
            (FullRank::from_parts(loc, factor), Some(mode.log_evidence))
        }
        Err(error) if guide == GuideName::Laplace => {
            return Err(Failure { message: error.to_string(), exit: Exit::NotConverged });
        }
        Err(error) => {
            console.note(format_args!("from N(0, 0.1²) on: {error}"));
            (FullRank::new(d, &machine.device), None)
        }
    };
    if guide == GuideName::Laplace {
        let fit = SviFit { guide: from, elbo: 0.0, standard_error: 0.0, trace: vec![], status: SviStatus::Completed };
        return Ok((fitted(model, fit, svi, false), evidence));
    }
    let fit = svi.fit(model, from)?;
    Ok((fitted(model, fit, svi, true), evidence))
}

fn fitted<G: Guide>(model: &Model, fit: SviFit<G>, svi: &Svi, trained: bool) -> Fitted {
    let guide = fit.guide.valid();
    let z = guide.rsample(svi.evaluation, &mut Stream::new(svi.seed, "draws", 0, 0));
    let log_ratios = crate::to_vec(model.log_joint(z.clone()) - guide.log_prob(z.clone()));
    let n = log_ratios.len() as f64;
    let mean = log_ratios.iter().sum::<f64>() / n;
    let variance = log_ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let gradient = trained.then(|| gradient_moments(model, &fit.guide, svi.estimator, svi.particles, 200, svi.seed));
    Fitted { elbo: (mean, (variance / n).sqrt()), z, log_ratios, trace: fit.trace, status: fit.status, gradient }
}

fn ending(status: SviStatus, khat: Option<f64>) -> (&'static str, String) {
    let status = match status {
        SviStatus::Converged => "converged",
        _ => "completed",
    };
    let message = match khat {
        Some(khat) if khat > 0.7 => format!(
            "k̂ is {khat:.2}, above 0.7: the posterior has mass where this guide seldom draws; its means may do, its tails do not"
        ),
        Some(khat) => {
            format!("k̂ is {khat:.2}, at most 0.7: near enough for its draws to be weighted into the posterior's")
        }
        None => "the weights of the draws have no tail: the guide is all but the posterior".to_owned(),
    };
    (status, message)
}

/// Of draws `[s, q]`, row by row.
fn parameters(names: &[String], draws: &[f64]) -> Vec<Parameter> {
    let (columns, rows) = (names.len(), draws.len() / names.len());
    let n = rows as f64;
    let column = |(j, name): (usize, &String)| {
        let mut values: Vec<f64> = (0..rows).map(|i| draws[i * columns + j]).collect();
        values.sort_by(f64::total_cmp);
        let mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let quantile = |p: f64| values[((p * (n - 1.0)).round() as usize).min(rows - 1)];
        let [q2_5, median, q97_5] = [0.025, 0.5, 0.975].map(quantile);
        Parameter { name: name.clone(), mean, sd, q2_5, median, q97_5 }
    };
    names.iter().enumerate().map(column).collect()
}

/// Makes the folder of --out, once there is something to write.
fn make(out: &Path) -> Result<()> {
    std::fs::create_dir_all(out).map_err(|e| Failure::usage(format!("cannot use {} as --out: {e}", out.display())))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value).expect("reports have string keys only");
    text.push(b'\n');
    write_whole(path, &text)
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
    let Posterior { model, status, message, elbo, elbo_standard_error, nit, wall_s, .. } = posterior;
    let rows = posterior.parameters.iter().map(|p| {
        let number = |x: f64| format!("{x:.4}");
        [p.name.clone(), number(p.mean), number(p.sd), number(p.q2_5), number(p.median), number(p.q97_5)]
    });
    let parameters = table(["PARAMETER", "MEAN", "SD", "2.5%", "MEDIAN", "97.5%"], rows.collect());
    let evidence =
        posterior.laplace_log_evidence.map_or_else(String::new, |e| format!("  (ln p(data) by Laplace {e:.4})"));
    format!(
        "{model}: {status}, {nit} steps in {wall_s:.1} s\nelbo   {elbo:.4} ± {elbo_standard_error:.4} nats{evidence}\n{message}\n\n{parameters}"
    )
}
