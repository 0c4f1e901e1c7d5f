//! `kiln embed` and `kiln score`: a table with a row per image.

use kiln::{data::Dataset, dist::LatentVariableModel, train::example_bounds};

use super::{
    conditions::seen,
    pictures::grid,
    plan::{EVALUATION_BATCH, activations},
    rows::Rows,
    settings::VaeSettings,
    table_flags::{EmbedFlags, ScoreFlags},
};
use crate::{
    base::{Column, Exit, Output, Result, TableFormat, require, to_vec},
    context::{Memory, Opened},
    names::Dtype,
};

fn is_single(run: &Opened<VaeSettings>) -> bool {
    run.compute.dtype != Dtype::F64
}

/// `kiln embed`.
pub(crate) fn embed(mut run: Opened<VaeSettings>, flags: &EmbedFlags) -> Result<Exit> {
    let output = Output::or_in(flags.write.output.as_deref(), flags.write.force, run.dir.path(), "embedding.csv")?;
    let format = flags.write.output.as_deref().map_or(Ok(TableFormat::Csv), TableFormat::of)?;
    let rows = Rows::open(&mut run, flags.data.as_deref(), flags.images, flags.access.allow_changed_data)?;
    let (mut columns, order) = rows.named(is_single(&run));
    let (dims, device) = (rows.model.latent_dim(), &run.compute.device);
    Memory::default().with("codes", &[order.len(), dims, 3], 8).check()?;
    let mut z = vec![Vec::with_capacity(order.len()); dims];
    for (_, data) in rows.parts() {
        for batch in (0..data.len()).collect::<Vec<_>>().chunks(EVALUATION_BATCH) {
            let (model, x) = seen(&rows.model, data, batch, device);
            let codes = to_vec(model.encode(x));
            codes.chunks_exact(dims).for_each(|code| z.iter_mut().zip(code).for_each(|(column, z)| column.push(*z)));
        }
    }
    for (dimension, values) in z.into_iter().enumerate() {
        columns.push(format!("z{dimension}"), Column::Number(values));
    }
    output.write(&columns.ordered(&order).to_bytes(format)?)?;
    let result = serde_json::json!({ "images": order.len(), "latent_dim": dims, "output": output.shown() });
    run.console
        .result(&result, || format!("{} images in {dims} latent dimensions, in {}", order.len(), output.shown()))?;
    Ok(Exit::Done)
}

/// `kiln score`.
pub(crate) fn score(mut run: Opened<VaeSettings>, flags: &ScoreFlags) -> Result<Exit> {
    require(flags.samples >= 1, "samples", "at least 1", flags.samples)?;
    require((1..=10_000).contains(&flags.sheet_images), "sheet-images", "from 1 to 10000", flags.sheet_images)?;
    let output = Output::or_in(flags.write.output.as_deref(), flags.write.force, run.dir.path(), "scores.csv")?;
    let format = flags.write.output.as_deref().map_or(Ok(TableFormat::Csv), TableFormat::of)?;
    let sheet = flags.sheet.as_deref().map(|sheet| Output::new(sheet, flags.write.force)).transpose()?;
    let rows = Rows::open(&mut run, flags.data.as_deref(), flags.images, flags.access.allow_changed_data)?;
    let (mut columns, order) = rows.named(is_single(&run));
    let [_, width] = activations(&run.settings, rows.set.images().shape());
    let memory = Memory::default().with("samples", &[order.len(), flags.samples], 8);
    memory.with("decoded samples", &[5000, width], 8).check()?;
    let mut bounds = Vec::with_capacity(order.len());
    for (_, data) in rows.parts().into_iter().filter(|(_, data)| !data.is_empty()) {
        bounds.extend(example_bounds(&rows.model, data, (data.len(), flags.samples), run.settings.run.seed)?);
    }
    columns.push("log_likelihood", Column::Number(bounds.iter().map(|of| of.bound).collect()));
    columns.push("elbo", Column::Number(bounds.iter().map(|of| of.elbo).collect()));
    // The least likely image first; of equal ones, the first.
    let mut order = order;
    order.sort_by(|a, b| bounds[*a].bound.total_cmp(&bounds[*b].bound));
    if let Some(sheet) = &sheet {
        let first = &order[..flags.sheet_images.min(order.len())];
        sheet.write(&outliers(&rows, first, &run)?)?;
    }
    output.write(&columns.ordered(&order).to_bytes(format)?)?;
    let mean = bounds.iter().map(|of| of.bound).sum::<f64>() / bounds.len() as f64;
    let result = serde_json::json!({
        "images": order.len(), "samples": flags.samples, "mean_log_likelihood": mean, "output": output.shown(),
        "sheet": sheet.as_ref().map(Output::shown),
    });
    run.console.result(&result, || {
        let sheet =
            sheet.as_ref().map_or_else(String::new, |sheet| format!("; the first ones are in {}", sheet.shown()));
        format!(
            "{} images, mean log-likelihood {mean:.3} nats, the least likely first, in {}{sheet}",
            order.len(),
            output.shown()
        )
    })?;
    Ok(Exit::Done)
}

/// Returns the images of these rows side by side, as a PNG file.
fn outliers(rows: &Rows, first: &[usize], run: &Opened<VaeSettings>) -> Result<Vec<u8>> {
    let image = |row: &usize| {
        let mut row = *row;
        for (_, data) in rows.parts() {
            if row < data.len() {
                return to_vec(seen(&rows.model, data, &[row], &run.compute.device).1);
            }
            row -= data.len();
        }
        Vec::new()
    };
    let pixels: Vec<f64> = first.iter().flat_map(image).collect();
    grid(pixels, rows.set.images().shape(), (first.len() as f64).sqrt().ceil() as usize)
}
