//! Pictures of the latent space: along its dimensions, between images, and as a map.

use std::path::PathBuf;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::Dataset,
    dist::{LatentVariableModel, Moments},
    models::Vae,
    tensor::linalg::Symmetric,
};
use serde::Serialize;

use super::{EVALUATION_BATCH, Job};
use crate::{
    config::{VaeSettings, require},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{InterpolateFlags, Latent, MapFlags, TraverseFlags},
    plot::{self, Axis, Curve, Legend, Marks, Panel},
    rundir::{RunDir, write_whole},
};

/// Test images that the spread of z is taken from.
const LOOKED_AT: usize = 1000;

/// `kiln latent`.
pub(crate) fn latent(dir: &RunDir, settings: VaeSettings, latent: Latent, console: Console) -> Result<Exit> {
    match latent {
        Latent::Traverse(flags) => traverse(dir, settings, flags, console),
        Latent::Interpolate(flags) => interpolate(dir, settings, flags, console),
        Latent::Map(flags) => map(dir, settings, flags, console),
    }
}

/// What was written, for `--json`.
#[derive(Serialize)]
struct Traversal {
    /// Dimensions of z, from the top row on.
    dims: Vec<usize>,
    /// Their standard deviations over the test images.
    sd: Vec<f64>,
    output: PathBuf,
}

fn traverse(dir: &RunDir, settings: VaeSettings, flags: TraverseFlags, console: Console) -> Result<Exit> {
    let TraverseFlags { range, count, dims: rows, .. } = flags;
    require(range > 0.0 && range.is_finite(), "range", "positive", range)?;
    require((2..=100).contains(&count), "-n", "from 2 to 100", count)?;
    require(rows != Some(0), "dims", "at least 1", 0)?;
    let (job, model) = Job::opened(dir, settings, &flags.machine, console)?;
    let codes = Codes::of(&job, &model, LOOKED_AT);
    let start = match flags.image {
        Some(image) => {
            let images = job.shown().len();
            require(image < images, "image", &format!("below {images}"), image)?;
            Some(Codes::of_rows(&job, &model, &[image]).z)
        }
        None => None,
    };
    let (mean, sd) = codes.moments();
    // Of several stochastic layers that next to the images decides what they show.
    let mut dims: Vec<usize> = (0..model.latent_dims()[0]).collect();
    dims.sort_by(|&a, &b| sd[b].total_cmp(&sd[a]));
    dims.truncate(rows.unwrap_or(10));
    let start = start.as_ref().unwrap_or(&mean);
    let row = |&dim: &usize| {
        let (mean, sd) = (mean[dim], sd[dim]);
        (0..count).flat_map(move |i| {
            let mut z = start.clone();
            z[dim] = mean + range * sd * (2.0 * i as f64 / (count - 1) as f64 - 1.0);
            z
        })
    };
    let z: Vec<f64> = dims.iter().flat_map(row).collect();
    let png = job.grid(job.decoded(&model, z), count);
    let output = flags.output.unwrap_or_else(|| dir.file("traversal.png"));
    write_whole(&output, &png)?;
    let traversal = Traversal { sd: dims.iter().map(|&d| sd[d]).collect(), dims, output };
    console.result(&traversal, || {
        let named = traversal.dims.iter().zip(&traversal.sd).map(|(d, sd)| format!("{d} ({sd:.2})"));
        format!(
            "dimensions, and their deviations over the images, from the top: {}\n{}",
            named.collect::<Vec<_>>().join(", "),
            traversal.output.display()
        )
    });
    Ok(Exit::Done)
}

fn interpolate(dir: &RunDir, settings: VaeSettings, flags: InterpolateFlags, console: Console) -> Result<Exit> {
    let InterpolateFlags { pairs, count, .. } = flags;
    require((1..=100).contains(&pairs), "pairs", "from 1 to 100", pairs)?;
    require((2..=100).contains(&count), "-n", "from 2 to 100", count)?;
    let (job, model) = Job::opened(dir, settings, &flags.machine, console)?;
    let most = job.shown().len() / 2;
    require(pairs <= most, "pairs", &format!("at most {most}, as there are images"), pairs)?;
    let codes = Codes::of(&job, &model, 2 * pairs);
    let line = |pair: usize| {
        let (from, to) = (codes.row(2 * pair), codes.row(2 * pair + 1));
        (0..count).flat_map(move |i| {
            let part = i as f64 / (count - 1) as f64;
            from.iter().zip(to).map(move |(a, b)| a + part * (b - a)).collect::<Vec<_>>()
        })
    };
    let decoded = job.decoded(&model, (0..pairs).flat_map(line).collect());
    let images = crate::to_vec(job.shown().batch(&(0..2 * pairs).collect::<Vec<_>>(), &job.machine.device));
    let dims = model.data_dim();
    let image = |i: usize| &images[i * dims..(i + 1) * dims];
    let pixels: Vec<f64> = (0..pairs)
        .flat_map(|pair| {
            let between = &decoded[pair * count * dims..(pair + 1) * count * dims];
            [image(2 * pair), between, image(2 * pair + 1)].concat()
        })
        .collect();
    let output = flags.output.unwrap_or_else(|| dir.file("interpolation.png"));
    write_whole(&output, &job.grid(pixels, count + 2))?;
    console.result(&serde_json::json!({ "pairs": pairs, "output": output }), || {
        format!("{pairs} pairs of images, with {count} images between each, in {}", output.display())
    });
    Ok(Exit::Done)
}

fn map(dir: &RunDir, settings: VaeSettings, flags: MapFlags, console: Console) -> Result<Exit> {
    require(flags.count >= 2, "-n", "at least 2", flags.count)?;
    let (job, model) = Job::opened(dir, settings, &flags.machine, console)?;
    let codes = Codes::of(&job, &model, flags.count);
    let Plane { points, labels: [x, y], share } = codes.plane()?;
    let images = job.shown().images();
    let of_class = |class: usize| {
        let mine = points.iter().zip(images.labels()).filter(|(_, label)| usize::from(**label) == class);
        Curve { name: class.to_string(), points: mine.map(|(point, _)| *point).collect() }
    };
    // A class keeps its colour where others are missing.
    let classes = (0..images.classes()).map(of_class);
    let panel = Panel {
        title: format!("z of {} images", codes.len()),
        x: Axis::linear(&x),
        y: Axis::linear(&y),
        curves: classes.collect(),
        legend: Legend::UpperRight,
        marks: Marks::Points,
    };
    let png = plot::png(&[panel]).ok_or_else(|| Failure::usage("there is no finite z to show"))?;
    let output = flags.output.unwrap_or_else(|| dir.file("latent-map.png"));
    write_whole(&output, &png)?;
    console.result(&serde_json::json!({ "images": codes.len(), "variance_shown": share, "output": output }), || {
        format!("{} images, {:.0}% of the variance of z, in {}", codes.len(), 100.0 * share, output.display())
    });
    Ok(Exit::Done)
}

/// The z of test images, on the host.
struct Codes {
    z: Vec<f64>,
    dims: usize,
}

/// Codes in two dimensions.
struct Plane {
    points: Vec<(f64, f64)>,
    labels: [String; 2],
    /// Of the variance of z, what the plane shows.
    share: f64,
}

impl Codes {
    /// Of the first `count` test images, or of as many as there are.
    fn of(job: &Job, model: &Vae, count: usize) -> Self {
        Self::of_rows(job, model, &(0..count.min(job.shown().len())).collect::<Vec<_>>())
    }

    fn of_rows(job: &Job, model: &Vae, rows: &[usize]) -> Self {
        let (data, device) = (job.shown(), &job.machine.device);
        let batch = |rows: &[usize]| crate::to_vec(model.encode(data.batch(rows, device)));
        Self { z: rows.chunks(EVALUATION_BATCH).flat_map(batch).collect(), dims: model.latent_dim() }
    }

    fn len(&self) -> usize {
        self.z.len() / self.dims
    }

    fn row(&self, image: usize) -> &[f64] {
        &self.z[image * self.dims..(image + 1) * self.dims]
    }

    /// The mean and the standard deviation of each dimension.
    fn moments(&self) -> (Vec<f64>, Vec<f64>) {
        let n = self.len() as f64;
        let mean_of =
            |f: &dyn Fn(f64) -> f64, d: usize| self.z.iter().skip(d).step_by(self.dims).map(|z| f(*z)).sum::<f64>() / n;
        let mean: Vec<f64> = (0..self.dims).map(|d| mean_of(&|z| z, d)).collect();
        let sd = (0..self.dims).map(|d| mean_of(&|z| (z - mean[d]).powi(2), d).sqrt()).collect();
        (mean, sd)
    }

    /// z itself where it has two dimensions, and its two principal components where it has more.
    fn plane(&self) -> Result<Plane> {
        match self.dims {
            1 => return Err(Failure::usage("z has one dimension: a map needs two or more")),
            2 => {
                let points = self.z.chunks_exact(2).map(|z| (z[0], z[1])).collect();
                return Ok(Plane { points, labels: ["z0", "z1"].map(str::to_owned), share: 1.0 });
            }
            _ => {}
        }
        let (mean, _) = self.moments();
        let rows = || self.z.chunks_exact(self.dims);
        let n = self.len() as f64;
        let covariance =
            Symmetric::from_fn(self.dims, |i, j| rows().map(|z| (z[i] - mean[i]) * (z[j] - mean[j])).sum::<f64>() / n);
        let eigen = covariance.eigen().ok_or_else(|| Failure::usage("there is a z that is not finite"))?;
        let total = eigen.values.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let shares = [1, 2].map(|i| eigen.values[self.dims - i] / total);
        let axes = [1, 2].map(|i| eigen.vector(self.dims - i));
        let along = |z: &[f64], axis: &[f64]| z.iter().zip(&mean).zip(axis).map(|((z, m), a)| (z - m) * a).sum::<f64>();
        let points = rows().map(|z| (along(z, &axes[0]), along(z, &axes[1]))).collect();
        let labels = [("first", shares[0]), ("second", shares[1])];
        let labels =
            labels.map(|(rank, share)| format!("{rank} principal component, {:.0}% of the variance", 100.0 * share));
        Ok(Plane { points, labels, share: shares.iter().sum() })
    }
}

impl Job {
    /// The means of p(x | z) of rows of z, row by row.
    pub(super) fn decoded(&self, model: &Vae, z: Vec<f64>) -> Vec<f64> {
        let dims = model.latent_dim();
        let decode = |z: &[f64]| {
            let z = TensorData::new(z.to_vec(), [z.len() / dims, dims]);
            crate::to_vec(model.likelihood(Tensor::from_data(z, &self.machine.device)).mean())
        };
        z.chunks(self.evaluation_batch() * dims).flat_map(decode).collect()
    }
}
