//! Pictures of a VAE: samples, reconstructions, and the curve of its loss.

use std::path::Path;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{Dataset, ImageGrid, ImageShape},
    dist::{LatentVariableModel, Moments},
    models::Vae,
    tensor::Stream,
};

use super::{
    conditions::{given, indicators, seen},
    data::ImageSet,
};
use crate::{
    base::{
        Result,
        plot::{Axis, Curve, Legend, Marks, Panel},
        to_vec,
    },
    context::Compute,
};

/// Returns means of p(x | z), with z from the prior, as a PNG file: a square, or with classes a column for each of them. With a `class`, all
/// images are of that one.
pub(super) fn samples(
    model: &Vae,
    shape: ImageShape,
    (count, batch): (usize, usize),
    (seed, class): (u64, Option<usize>),
    compute: &Compute,
) -> Result<Vec<u8>> {
    let z = to_vec(model.sample_prior(count, &mut Stream::new(seed, "sample", 0, 0)));
    let classes = model.condition_dim();
    let columns = match class {
        None if classes > 0 => classes.min(count),
        _ => (count as f64).sqrt().ceil() as usize,
    };
    let indicators = indicators(model, (0..count).map(|i| class.unwrap_or(i % classes.max(1))));
    grid(decoded(model, (z, &indicators), batch, compute), shape, columns)
}

/// Returns images, and below each its reconstruction, as a PNG file.
pub(super) fn reconstructions(model: &Vae, data: &ImageSet, count: usize, compute: &Compute) -> Result<Vec<u8>> {
    let (shown, images) = (data.shown(), data.images());
    let rows: Vec<usize> = (0..count.min(shown.len())).collect();
    let (model, x) = seen(model, shown, &rows, &compute.device);
    let reconstructed = to_vec(model.reconstruct(x.clone()));
    let pixels = to_vec(x);
    let (columns, dims) = (rows.len().clamp(1, 16), images.dims());
    let mut both = Vec::new();
    for (above, below) in pixels.chunks(columns * dims).zip(reconstructed.chunks(columns * dims)) {
        // An incomplete line is filled up, so that each reconstruction stays below its image.
        for line in [above, below] {
            both.extend_from_slice(line);
            both.resize(both.len().next_multiple_of(columns * dims), 0.0);
        }
    }
    grid(both, images.shape(), columns)
}

/// Returns images of pixels in [0, 1] side by side, as a PNG file.
pub(super) fn grid(pixels: Vec<f64>, shape: ImageShape, columns: usize) -> Result<Vec<u8>> {
    Ok(ImageGrid::of_shape(shape).columns(columns).to_png(&pixels)?)
}

/// Returns the means of p(x | z) for rows of z, row by row. A conditional model is given the indicators of as many classes.
pub(super) fn decoded(model: &Vae, (z, indicators): (Vec<f64>, &[f64]), batch: usize, compute: &Compute) -> Vec<f64> {
    let (dims, classes) = (model.latent_dim(), model.condition_dim());
    let decode = |(i, z): (usize, &[f64])| {
        let first = i * batch;
        let n = z.len() / dims;
        let model = given(model, &indicators[first * classes..(first + n) * classes], &compute.device);
        let z = TensorData::new(z.to_vec(), [n, dims]);
        to_vec(model.likelihood(Tensor::from_data(z, &compute.device)).mean())
    };
    z.chunks(batch * dims).enumerate().flat_map(decode).collect()
}

/// Returns the chart of the losses per epoch in `metrics.jsonl`, if the file can be read.
pub(super) fn loss_panel(metrics: &Path) -> Option<Panel> {
    let text = std::fs::read_to_string(metrics).ok()?;
    let records: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let curve = |name: &str, split: &str| {
        let records = records.iter().filter(|r| r["split"] == split);
        let points = records.filter_map(|r| Some((r["epoch"].as_f64()?, r["loss"].as_f64()?))).collect();
        Curve { name: name.to_owned(), points }
    };
    Some(Panel {
        title: "Loss (negative bound)".into(),
        x: Axis::linear("epoch"),
        y: Axis::linear("nats per example"),
        curves: [("train", "train-epoch"), ("validation", "validation"), ("test", "test")]
            .into_iter()
            .map(|(name, split)| curve(name, split))
            .filter(|curve| !curve.points.is_empty())
            .collect(),
        legend: Legend::UpperRight,
        marks: Marks::Lines,
    })
}
