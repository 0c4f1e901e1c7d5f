//! `kiln eval` of a VAE.

use kiln::{
    data::{Binarized, Dataset},
    models::Vae,
    train::{Annealed, AnnealedConfig, Marginal, annealed_importance, evaluate, example_bounds, marginal_likelihood},
};
use serde::Serialize;

use super::{
    apply::load_both,
    conditions::seen,
    fit::bound,
    plan::{EVALUATION_BATCH, activations, evaluation_batch, objective},
    rows::load_test,
    settings::VaeSettings,
};
use crate::{
    base::{Exit, Failure, Result, metrics, require, table, to_vec},
    context::{Compute, Memory, Opened},
    flags::EvalFlags,
};

/// Samples per image of the ELBO of a class.
const SAMPLES: usize = 10;

/// The test images of one class.
#[derive(Debug, Serialize)]
struct OfClass {
    class: String,
    n: usize,
    /// In nats per image.
    elbo: f64,
}

pub(super) fn eval(mut run: Opened<VaeSettings>, flags: &EvalFlags) -> Result<Exit> {
    let (samples, images) = (flags.samples.unwrap_or(5000), flags.images.unwrap_or(1000));
    require(images >= 1, "images", "at least 1", images)?;
    let annealed = annealed_config(flags, run.settings.run.seed)?;
    let (data, model) = match &flags.data {
        Some(name) => load_test(&mut run, name)?,
        None => load_both(&mut run, flags.access.allow_changed_data)?,
    };
    if data.test.is_empty() {
        return Err(Failure::usage("there is no test data: give --data, or train with --test-fraction above 0"));
    }
    let (seed, binarize) = (run.settings.run.seed, run.settings.data.binarize);
    let memory = Memory::default().with("importance samples", &[samples.min(5000), model.latent_dim(), 4], 8);
    let batch = evaluation_batch(&run.settings, data.images().shape());
    // The settings of a run may have been edited.
    let [rows, width] = activations(&run.settings, data.images().shape());
    let memory = memory.with("evaluation", &[batch.min(data.test.len()), rows, width, 2], 8);
    let memory = memory.with("annealed chains", &[annealed.map_or(0, |(_, config)| config.chains), width, 4], 8);
    memory.with("bounds", &[images.min(data.test.len()), 64], 8).check()?;
    let test = evaluate(&model, &objective(&run.settings), &data.test, batch, seed)?;
    let squared_error = squared_error(&model, &data.test, &run.compute);
    let classes = by_class(&model, &data.test, seed)?;
    let marginal = (samples > 0)
        .then(|| marginal_likelihood(&model, &data.test, (images, samples), &[1, 5, 50], seed))
        .transpose()?;
    let annealed =
        annealed.map(|(images, config)| annealed_importance(&model, &data.test, images, &config)).transpose()?;
    let bits = run.settings.model.bits_per_dimension(data.images().dims());
    let of_bound = bound(&test).zip(bits).map(|(bound, bits)| -bound * bits);
    let of_nll = marginal.as_ref().zip(bits).map(|(marginal, bits)| marginal.nll * bits);
    let result = serde_json::json!({
        "data": data.record.name, "n": data.test.len(), "test": test, "test_bits_per_dim": of_bound,
        "squared_error": squared_error, "by_class": classes, "marginal": marginal, "marginal_bits_per_dim": of_nll,
        "annealed": annealed, "binarize": binarize, "warnings": run.record.warnings,
    });
    run.console.result(&result, || {
        let drawn = serde_json::to_value(binarize).ok().and_then(|b| b.as_str().map(str::to_owned)).unwrap_or_default();
        let mut lines = vec![
            format!("{} test images, binarize {drawn}: {}{}", data.test.len(), metrics(&test), shown(of_bound)),
            format!("squared error of the reconstructions {squared_error:.5} per pixel"),
        ];
        lines.extend(marginal.as_ref().map(|marginal| importance(marginal, of_nll)));
        lines.extend(annealed.as_ref().map(chains));
        lines.extend((!classes.is_empty()).then(|| {
            let row = |of: &OfClass| [of.class.clone(), of.n.to_string(), format!("{:.3}", of.elbo)];
            table(["class", "images", "elbo"], classes.iter().map(row).collect())
        }));
        lines.join("\n")
    })?;
    if test.loss.is_finite() {
        return Ok(Exit::Done);
    }
    Err(Failure::diverged("the test loss is not finite"))
}

/// Returns how many images to anneal, and how.
fn annealed_config(flags: &EvalFlags, seed: u64) -> Result<Option<(usize, AnnealedConfig)>> {
    let default = AnnealedConfig::default();
    let temperatures = flags.temperatures.unwrap_or(default.temperatures);
    let chains = flags.chains.unwrap_or(default.chains);
    let Some(images) = flags.ais else {
        return match (flags.temperatures, flags.chains) {
            (None, None) => Ok(None),
            _ => Err(Failure::usage("--temperatures and --chains are for --ais")),
        };
    };
    require(images >= 1, "ais", "at least 1", images)?;
    require(temperatures >= 1, "temperatures", "at least 1", temperatures)?;
    require((2..=1000).contains(&chains), "chains", "from 2 to 1000", chains)?;
    Ok(Some((images, AnnealedConfig { chains, temperatures, seed, ..default })))
}

/// Returns the mean squared difference of a pixel and its reconstruction.
fn squared_error(model: &Vae, images: &Binarized, compute: &Compute) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for rows in (0..images.len()).collect::<Vec<_>>().chunks(EVALUATION_BATCH) {
        let (model, x) = seen(model, images, rows, &compute.device);
        count += x.shape().num_elements() as f64;
        sum += to_vec((model.reconstruct(x.clone()) - x).square().sum()).iter().sum::<f64>();
    }
    sum / count
}

/// Returns the mean ELBO of each class, if the images have classes.
fn by_class(model: &Vae, test: &Binarized, seed: u64) -> Result<Vec<OfClass>> {
    let images = test.images();
    if !images.has_labels() || images.classes() < 2 {
        return Ok(Vec::new());
    }
    let bounds = example_bounds(model, test, (test.len(), SAMPLES), seed)?;
    let of_class = |(class, name): (usize, String)| {
        let own = images.labels().iter().zip(&bounds).filter(|(label, _)| **label as usize == class);
        let elbos: Vec<f64> = own.map(|(_, of)| of.elbo).collect();
        let n = elbos.len();
        OfClass { class: name, n, elbo: elbos.iter().sum::<f64>() / n as f64 }
    };
    Ok(images.class_names().into_iter().enumerate().map(of_class).filter(|class| class.n > 0).collect())
}

/// Bits per dimension, after other measures.
fn shown(bits_per_dim: Option<f64>) -> String {
    bits_per_dim.map_or_else(String::new, |bits| format!("  bits/dim {bits:.4}"))
}

fn importance(marginal: &Marginal, bits_per_dim: Option<f64>) -> String {
    let Marginal { examples, samples, nll, standard_error, bounds, active_units, latent_dim } = marginal;
    let bounds: Vec<String> = bounds.iter().map(|b| format!("k={} {:.3}", b.k, b.bound)).collect();
    format!(
        "NLL    {nll:.3} ± {standard_error:.3} nats{} ({examples} images, {samples} samples each)\nbounds {}\n\
         active {active_units} of {latent_dim} units",
        shown(bits_per_dim),
        bounds.join("  ")
    )
}

fn chains(annealed: &Annealed) -> String {
    let Annealed { examples, nll, standard_error, sampling_error, acceptance, chains, temperatures, .. } = annealed;
    format!(
        "AIS    {nll:.3} ± {standard_error:.3} nats, sampling error {sampling_error:.3} ({examples} images, {chains} chains each, \
         {temperatures} temperatures, {:.0}% accepted)",
        100.0 * acceptance
    )
}
