//! What is done with a trained VAE: evaluation, samples, reconstructions.

use kiln::{
    data::{Dataset, ImageShape},
    models::Vae,
    train::{Marginal, evaluate, marginal_likelihood},
};

use super::{
    data::ImageSet,
    pictures::{reconstructions, samples},
    plan::{activations, evaluation_batch, objective, with_weights},
    sample_flags::{ReconstructFlags, SampleFlags},
    settings::VaeSettings,
};
use crate::{
    base::{CONFIG, Console, Exit, Failure, MODEL, Output, Result, metrics, require},
    context::{Memory, Opened, check_data},
    settings::located,
};

/// Returns the shape of a run's images. A run of an older Kiln did not store it: then its data tell.
pub(super) fn image_shape(run: &Opened<VaeSettings>) -> Result<ImageShape> {
    let data = &run.record.data;
    match data.image_size {
        Some([height, width]) => Ok(ImageShape { height, width, channels: data.image_channels.unwrap_or(1) }),
        None => {
            let data = ImageSet::load(&run.settings, run.console)?;
            Ok(data.images().shape())
        }
    }
}

/// Returns the model of a run.
pub(super) fn load_model(run: &Opened<VaeSettings>, shape: ImageShape) -> Result<Vae> {
    let seed = run.settings.run.seed;
    // The model is made before its weights are read: settings that were edited must not fill the memory. A layer of n units has at
    // least n numbers in the file, of at least two bytes each.
    let widest = run.settings.model.widest_layer();
    if let Ok(file) = std::fs::metadata(run.dir.file(MODEL))
        && widest as u64 > file.len() / 2
    {
        return Err(Failure::usage(format!(
            "{} names a layer of {widest} units, and {MODEL} has fewer numbers: it was edited",
            run.dir.file(CONFIG).display()
        )));
    }
    // They may have been edited, too.
    let pixels = shape.height.saturating_mul(shape.width).saturating_mul(shape.channels);
    with_weights(Memory::default(), &run.settings.model, pixels, 1, run.compute.dtype.size()).check()?;
    let template = run.settings.model.config(shape).init(seed, &run.compute.device.clone().autodiff())?;
    run.load_module(template, |checkpoint, template| {
        // The method of a run is complete, and the number of steps does not change what an average is.
        let optimizer = run.settings.method.optimizer(1)?;
        Ok(checkpoint.model(template, optimizer)?)
    })
}

/// The images of a run, checked, and its model.
pub(super) fn load_both(run: &mut Opened<VaeSettings>, allow_changed_data: bool) -> Result<(ImageSet, Vae)> {
    let data = ImageSet::load(&run.settings, run.console)?;
    check_data(&mut run.record, &data.record, allow_changed_data, run.console)?;
    let model = load_model(run, data.images().shape())?;
    Ok((data, model))
}

/// `kiln eval` of a VAE.
pub(super) fn eval(mut run: Opened<VaeSettings>, flags: &crate::flags::EvalFlags) -> Result<Exit> {
    let (samples, images) = (flags.samples.unwrap_or(5000), flags.images.unwrap_or(1000));
    require(images >= 1, "images", "at least 1", images)?;
    let (data, model) = match &flags.data {
        Some(name) => {
            let own = image_shape(&run)?;
            run.settings.data.name.clone_from(name);
            located(&mut run.settings.data.name, &mut run.settings.data.data_dir)?;
            let data = ImageSet::load(&run.settings, run.console)?;
            let shape = data.images().shape();
            if shape != own {
                return Err(Failure::usage(format!("{name} has images of {shape}, and the run was trained on {own}")));
            }
            (data, load_model(&run, own)?)
        }
        None => load_both(&mut run, flags.access.allow_changed_data)?,
    };
    if data.test.is_empty() {
        return Err(Failure::usage("there is no test data: give --data, or train with --test-fraction above 0"));
    }
    let (seed, binarize) = (run.settings.run.seed, run.settings.data.binarize);
    let memory = Memory::default().with("importance samples", &[samples.min(5000), model.latent_dim(), 4], 8);
    let batch = evaluation_batch(&run.settings);
    // The settings of a run may have been edited.
    let [rows, width] = activations(&run.settings, data.images().dims());
    let memory = memory.with("evaluation", &[batch.min(data.test.len()), rows, width, 2], 8);
    memory.with("bounds", &[images.min(data.test.len()), 64], 8).check()?;
    let test = evaluate(&model, &objective(&run.settings), &data.test, batch, seed)?;
    let marginal = (samples > 0)
        .then(|| marginal_likelihood(&model, &data.test, (images, samples), &[1, 5, 50], seed))
        .transpose()?;
    let result = serde_json::json!({
        "data": data.record.name, "n": data.test.len(), "test": test, "marginal": marginal, "binarize": binarize,
        "warnings": run.record.warnings,
    });
    run.console.result(&result, || {
        let drawn = serde_json::to_value(binarize).ok().and_then(|b| b.as_str().map(str::to_owned)).unwrap_or_default();
        let head = format!("{} test images, binarize {drawn}: {}", data.test.len(), metrics(&test));
        marginal.as_ref().map_or_else(|| head.clone(), |marginal| format!("{head}\n{}", importance(marginal)))
    })?;
    if test.loss.is_finite() {
        return Ok(Exit::Done);
    }
    Err(Failure::diverged("the test loss is not finite"))
}

fn importance(marginal: &Marginal) -> String {
    let Marginal { examples, samples, nll, standard_error, bounds, active_units, latent_dim } = marginal;
    let bounds: Vec<String> = bounds.iter().map(|b| format!("k={} {:.3}", b.k, b.bound)).collect();
    format!(
        "NLL    {nll:.3} ± {standard_error:.3} nats ({examples} images, {samples} samples each)\nbounds {}\n\
         active {active_units} of {latent_dim} units",
        bounds.join("  ")
    )
}

/// `kiln sample`. It needs no data.
pub(crate) fn sample(run: &Opened<VaeSettings>, flags: &SampleFlags) -> Result<Exit> {
    require((1..=10_000).contains(&flags.count), "-n", "from 1 to 10000", flags.count)?;
    let output = Output::or_in(flags.write.output.as_deref(), flags.write.force, run.dir.path(), "samples.png")?;
    let shape = image_shape(run)?;
    let model = load_model(run, shape)?;
    let batch = evaluation_batch(&run.settings);
    let png = samples(&model, shape, (flags.count, batch), flags.seed, &run.compute)?;
    write_picture(&output, &png, flags.count, run.console)
}

/// `kiln reconstruct`.
pub(crate) fn reconstruct(mut run: Opened<VaeSettings>, flags: &ReconstructFlags) -> Result<Exit> {
    require((1..=1000).contains(&flags.count), "-n", "from 1 to 1000", flags.count)?;
    let write = &flags.write;
    let output = Output::or_in(write.output.as_deref(), write.force, run.dir.path(), "reconstructions.png")?;
    let (data, model) = load_both(&mut run, flags.access.allow_changed_data)?;
    let count = flags.count.min(data.shown().len());
    let png = reconstructions(&model, &data, count, &run.compute)?;
    write_picture(&output, &png, count, run.console)
}

fn write_picture(output: &Output, png: &[u8], count: usize, console: Console) -> Result<Exit> {
    output.write(png)?;
    console.result(&serde_json::json!({ "images": count, "output": output.shown() }), || {
        format!("{count} images in {}", output.shown())
    })?;
    Ok(Exit::Done)
}
