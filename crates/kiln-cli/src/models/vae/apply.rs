//! What is done with a trained VAE: it is read, and draws samples and reconstructions.

use kiln::{
    data::{Dataset, ImageShape},
    models::Vae,
};

use super::{
    conditions::class_number,
    data::ImageSet,
    pictures::{reconstructions, samples},
    plan::{evaluation_batch, with_weights},
    sample_flags::{ReconstructFlags, SampleFlags},
    settings::VaeSettings,
};
use crate::{
    base::{CONFIG, Console, Exit, Failure, MODEL, Output, Result, require},
    context::{Memory, Opened, check_data},
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

/// Returns the classes that a run's model is given, if it is a conditional one.
pub(super) fn known_classes(run: &Opened<VaeSettings>) -> Option<&[String]> {
    let classes = &run.record.data.classes[..];
    (!classes.is_empty()).then_some(classes)
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
    let template = run
        .settings
        .model
        .config(shape, run.record.data.classes.len())
        .init(seed, &run.compute.device.clone().autodiff())?;
    run.load_module(template, |checkpoint, template| {
        // The method of a run is complete, and the number of steps does not change what an average is.
        let optimizer = run.settings.method.optimizer(1)?;
        Ok(checkpoint.model(template, optimizer)?)
    })
}

/// The images of a run, checked, and its model.
pub(super) fn load_both(run: &mut Opened<VaeSettings>, allow_changed_data: bool) -> Result<(ImageSet, Vae)> {
    let data = ImageSet::load_for(&run.settings, known_classes(run), run.console)?;
    check_data(&mut run.record, &data.record, allow_changed_data, run.console)?;
    let model = load_model(run, data.images().shape())?;
    Ok((data, model))
}

/// `kiln sample`. It needs no data.
pub(crate) fn sample(run: &Opened<VaeSettings>, flags: &SampleFlags) -> Result<Exit> {
    require((1..=10_000).contains(&flags.count), "-n", "from 1 to 10000", flags.count)?;
    let output = Output::or_in(flags.write.output.as_deref(), flags.write.force, run.dir.path(), "samples.png")?;
    let shape = image_shape(run)?;
    let model = load_model(run, shape)?;
    let class = flags.class.as_deref().map(|name| class_number(name, &run.record.data.classes)).transpose()?;
    let batch = evaluation_batch(&run.settings, shape);
    let png = samples(&model, shape, (flags.count, batch), (flags.seed, class), &run.compute)?;
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
