//! What is done with a VAE that was trained: evaluation, draws, reconstructions.

use std::path::PathBuf;

use kiln::{
    data::Dataset,
    train::{Marginal, evaluate, marginal_likelihood},
};

use super::Job;
use crate::{
    config::{VaeSettings, require},
    console::{self, Console},
    failure::{Exit, Failure, Result},
    flags::{EvalFlags, ReconstructFlags, SampleFlags},
    rundir::{RunDir, write_whole},
};

/// `kiln eval` of a VAE.
pub(crate) fn eval(dir: &RunDir, mut settings: VaeSettings, flags: EvalFlags, console: Console) -> Result<Exit> {
    let (samples, images) = (flags.samples.unwrap_or(5000), flags.images.unwrap_or(1000));
    require(images >= 1, "images", "at least 1", images)?;
    settings.data.name = flags.data.unwrap_or(settings.data.name);
    let (job, model) = Job::opened(dir, settings, &flags.machine, console)?;
    let (seed, device, binarize) = (job.settings.run.seed, &job.machine.device, job.settings.data.binarize);
    let test = evaluate(&model, &job.objective(), &job.test, job.evaluation_batch(), seed, device)
        .map_err(|_| Failure::usage("there is no test data: give --data, or train with --test-fraction above 0"))?;
    let marginal = (samples > 0)
        .then(|| marginal_likelihood(&model, &job.test, (images, samples), &[1, 5, 50], seed, device))
        .transpose()?;
    let result = serde_json::json!({
        "data": job.data, "n": job.test.len(), "test": test, "marginal": marginal, "binarize": binarize
    });
    console.result(&result, || {
        let drawn = serde_json::to_value(binarize).ok().and_then(|b| b.as_str().map(str::to_owned)).unwrap_or_default();
        let head = format!("{} test images, binarize {drawn}: {}", job.test.len(), console::metrics(&test));
        marginal.as_ref().map_or_else(|| head.clone(), |marginal| format!("{head}\n{}", closely(marginal)))
    });
    Ok(Exit::Done)
}

fn closely(marginal: &Marginal) -> String {
    let Marginal { examples, samples, nll, standard_error, bounds, active_units, latent_dim } = marginal;
    let bounds: Vec<String> = bounds.iter().map(|b| format!("k={} {:.3}", b.k, b.bound)).collect();
    format!(
        "{examples} of them  NLL {nll:.3} ± {standard_error:.3} nats ({samples} samples)\nbounds  {}\nactive  {active_units} of {latent_dim} units",
        bounds.join("  ")
    )
}

/// `kiln sample`.
pub(crate) fn sample(dir: &RunDir, settings: VaeSettings, flags: SampleFlags, console: Console) -> Result<Exit> {
    require((1..=10_000).contains(&flags.count), "-n", "from 1 to 10000", flags.count)?;
    let (job, model) = Job::opened(dir, settings, &flags.machine, console)?;
    let png = job.samples(&model, flags.count, flags.seed);
    write_picture(flags.output.unwrap_or_else(|| dir.file("samples.png")), &png, flags.count, console)
}

/// `kiln reconstruct`.
pub(crate) fn reconstruct(
    dir: &RunDir,
    settings: VaeSettings,
    flags: ReconstructFlags,
    console: Console,
) -> Result<Exit> {
    let job = Job::reopen(settings, &flags.machine, console)?;
    require((1..=1000).contains(&flags.count), "-n", "from 1 to 1000", flags.count)?;
    let model = dir.load_model(job.model()?)?;
    let count = flags.count.min(job.shown().len());
    let png = job.reconstructions(&model, count);
    write_picture(flags.output.unwrap_or_else(|| dir.file("reconstructions.png")), &png, count, console)
}

fn write_picture(path: PathBuf, png: &[u8], count: usize, console: Console) -> Result<Exit> {
    write_whole(&path, png)?;
    console.result(&serde_json::json!({ "images": count, "output": path }), || {
        format!("{count} images in {}", path.display())
    });
    Ok(Exit::Done)
}
