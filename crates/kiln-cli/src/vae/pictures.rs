//! What a VAE looks like: draws, reconstructions, and the curve of its loss.

use std::path::Path;

use kiln::{
    data::{Binarized, Dataset},
    models::Vae,
    tensor::Stream,
};

use super::Job;
use crate::{
    failure::{Failure, Result},
    picture,
    plot::{Axis, Curve, Legend, Marks, Panel},
};

impl Job {
    /// A square of means of p(x | z), z from the prior.
    pub(super) fn samples(&self, model: &Vae, count: usize, seed: u64) -> Vec<u8> {
        let z = crate::to_vec(model.sample_prior(count, &mut Stream::new(seed, "sample", 0, 0)));
        self.grid(self.decoded(model, z), (count as f64).sqrt().ceil() as usize)
    }

    /// Test images, and below each its reconstruction; training images when there is no test set.
    pub(super) fn reconstructions(&self, model: &Vae, count: usize) -> Vec<u8> {
        let data = self.shown();
        let rows: Vec<usize> = (0..count.min(data.len())).collect();
        let device = self.machine.device.clone();
        let (mut pixels, mut reconstructed) = (Vec::new(), Vec::new());
        let x = data.batch(&rows, &device);
        reconstructed.extend(crate::to_vec(model.reconstruct(x.clone())));
        pixels.extend(crate::to_vec(x));
        let (columns, dims) = (rows.len().clamp(1, 16), self.train.images().dims());
        let mut both = Vec::new();
        for (above, below) in pixels.chunks(columns * dims).zip(reconstructed.chunks(columns * dims)) {
            // A last line that is not full is filled up, so that what is below stays below.
            for line in [above, below] {
                both.extend_from_slice(line);
                both.resize(both.len().next_multiple_of(columns * dims), 0.0);
            }
        }
        self.grid(both, columns)
    }

    pub(super) fn shown(&self) -> &Binarized {
        if self.test.is_empty() { &self.train } else { &self.test }
    }

    pub(super) fn grid(&self, pixels: Vec<f64>, columns: usize) -> Vec<u8> {
        let images = self.train.images();
        picture::grid(&pixels, images.height(), images.width(), columns)
    }
}

/// The epochs' averages in `metrics.jsonl`: the curve of `train-epoch`, and that of `test`.
pub(super) fn loss_panel(metrics: &Path) -> Result<Panel> {
    let text = std::fs::read_to_string(metrics)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", metrics.display())))?;
    let records: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let curve = |name: &str, split: &str| {
        let records = records.iter().filter(|r| r["split"] == split);
        let points = records.filter_map(|r| Some((r["epoch"].as_f64()?, r["loss"].as_f64()?))).collect();
        Curve { name: name.to_owned(), points }
    };
    Ok(Panel {
        title: "−bound".into(),
        x: Axis::linear("epoch"),
        y: Axis::linear("nats an example"),
        curves: vec![curve("train", "train-epoch"), curve("test", "test")],
        legend: Legend::UpperRight,
        marks: Marks::Lines,
    })
}
