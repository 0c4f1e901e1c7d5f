//! `kiln latent`: pictures of the latent space.

use kiln::{data::Dataset, dist::LatentVariableModel, models::Vae, tensor::linalg::Symmetric};
use serde::Serialize;

use super::{
    apply::load_both,
    conditions::{class_number, indicators, seen},
    data::ImageSet,
    latent_flags::{InterpolateFlags, LatentCommand, MapFlags, TraverseFlags},
    pictures::{decoded, grid},
    plan::{EVALUATION_BATCH, evaluation_batch},
    settings::VaeSettings,
};
use crate::{
    base::{
        Exit, Failure, Output, Result,
        plot::{self, Axis, Curve, Legend, Marks, Panel},
        require, to_vec,
    },
    context::{Compute, Opened},
    flags::WriteFlags,
};

/// Number of test images from which the spread of z is estimated.
const LOOKED_AT: usize = 1000;

/// Draws the picture that is asked for.
pub(crate) fn latent(run: Opened<VaeSettings>, command: &LatentCommand) -> Result<Exit> {
    match command {
        LatentCommand::Traverse(flags) => traverse(run, flags),
        LatentCommand::Interpolate(flags) => interpolate(run, flags),
        LatentCommand::Map(flags) => map(run, flags),
    }
}

fn output(run: &Opened<VaeSettings>, flags: &WriteFlags, name: &str) -> Result<Output> {
    Output::or_in(flags.output.as_deref(), flags.force, run.dir.path(), name)
}

/// The run's images and model, and where it computes.
pub(super) struct Job {
    pub(super) data: ImageSet,
    pub(super) model: Vae,
    pub(super) compute: Compute,
    pub(super) batch: usize,
}

/// Where a traversal starts.
pub(super) struct Start {
    /// Absent: the mean code.
    z: Option<Vec<f64>>,
    indicators: Vec<f64>,
}

/// A chart of test images in the plane of z.
pub(super) struct Map {
    pub(super) panel: Panel,
    images: usize,
    /// The share of the variance of z that the plane shows.
    share: f64,
}

impl Job {
    pub(super) fn open(run: &mut Opened<VaeSettings>, allow_changed_data: bool) -> Result<Self> {
        let (data, model) = load_both(run, allow_changed_data)?;
        let batch = evaluation_batch(&run.settings, data.images().shape());
        Ok(Self { data, model, compute: run.compute.clone(), batch })
    }

    /// The images that rows of z decode to, given the indicators of as many classes.
    fn decoded(&self, z: Vec<f64>, indicators: &[f64]) -> Vec<f64> {
        decoded(&self.model, (z, indicators), self.batch, &self.compute)
    }

    /// The code of an image and its class, or the mean code. Another class may be given; without class and image it is the first one.
    pub(super) fn start(&self, image: Option<usize>, class: Option<usize>) -> Start {
        let labels = self.data.shown().images().labels();
        let of_image = image.and_then(|image| labels.get(image)).map(|label| *label as usize);
        Start {
            z: image.map(|image| Codes::of_rows(self, &[image]).z),
            indicators: indicators(&self.model, std::iter::once(class.or(of_image).unwrap_or(0))),
        }
    }

    fn grid(&self, pixels: Vec<f64>, columns: usize) -> Result<Vec<u8>> {
        grid(pixels, self.data.images().shape(), columns)
    }

    /// Draws the `rows` dimensions of z that vary most, one per row, each from `range` standard deviations below its mean to as many above it
    /// in `count` images. The other dimensions are those of `start`, or at their means. Returns a PNG file, and the dimensions with their
    /// standard deviations.
    pub(super) fn traversal(
        &self,
        start: &Start,
        rows: usize,
        (range, count): (f64, usize),
    ) -> Result<(Vec<u8>, Vec<usize>, Vec<f64>)> {
        let (mean, sd) = Codes::of(self, LOOKED_AT).moments();
        // The layer next to the images decides what they show.
        let mut dims: Vec<usize> = (0..self.model.latent_dims()[0]).collect();
        dims.sort_by(|&a, &b| sd[b].total_cmp(&sd[a]));
        dims.truncate(rows);
        let from = start.z.as_ref().unwrap_or(&mean);
        let row = |&dim: &usize| {
            let (mean, sd) = (mean[dim], sd[dim]);
            (0..count).flat_map(move |i| {
                let mut z = from.clone();
                z[dim] = mean + range * sd * (2.0 * i as f64 / (count - 1) as f64 - 1.0);
                z
            })
        };
        let z: Vec<f64> = dims.iter().flat_map(row).collect();
        let sd = dims.iter().map(|&d| sd[d]).collect();
        let indicators = start.indicators.repeat(dims.len() * count);
        Ok((self.grid(self.decoded(z, &indicators), count)?, dims, sd))
    }

    /// Draws the first `count` test images in the plane of z, or of its first two principal components.
    pub(super) fn map(&self, count: usize) -> Result<Map> {
        let codes = Codes::of(self, count);
        let Plane { points, labels: [x, y], share } = codes.plane()?;
        let images = self.data.shown().images();
        let names = images.class_names();
        let of_class = |class: usize| {
            let mine = points.iter().zip(images.labels()).filter(|(_, label)| **label as usize == class);
            Curve { name: names[class].clone(), points: mine.map(|(point, _)| *point).collect() }
        };
        // A class keeps its color if others are missing.
        let mut curves: Vec<Curve> = (0..images.classes()).map(of_class).collect();
        if !images.has_labels() || curves.is_empty() {
            curves = vec![Curve { name: "images".into(), points: points.clone() }];
        }
        let panel = Panel {
            title: format!("z of {} images", codes.len()),
            x: Axis::linear(&x),
            y: Axis::linear(&y),
            curves,
            legend: Legend::UpperRight,
            marks: Marks::Points,
        };
        Ok(Map { panel, images: codes.len(), share })
    }
}

/// The result for `--json`.
#[derive(Serialize)]
struct Traversal {
    /// Dimensions of z, from the top row on.
    dims: Vec<usize>,
    /// Their standard deviations over the test images.
    sd: Vec<f64>,
    output: String,
}

fn traverse(mut run: Opened<VaeSettings>, flags: &TraverseFlags) -> Result<Exit> {
    let TraverseFlags { range, count, dims: rows, .. } = *flags;
    require(range > 0.0 && range.is_finite(), "range", "positive", range)?;
    require((2..=100).contains(&count), "-n", "from 2 to 100", count)?;
    require(rows != Some(0), "dims", "at least 1", 0)?;
    let output = output(&run, &flags.write, "traversal.png")?;
    let job = Job::open(&mut run, flags.access.allow_changed_data)?;
    if let Some(image) = flags.image {
        let images = job.data.shown().len();
        require(image < images, "image", &format!("below {images}"), image)?;
    }
    let class = flags.class.as_deref().map(|name| class_number(name, &job.data.classes)).transpose()?;
    let (png, dims, sd) = job.traversal(&job.start(flags.image, class), rows.unwrap_or(10), (range, count))?;
    output.write(&png)?;
    let traversal = Traversal { sd, dims, output: output.shown() };
    run.console.result(&traversal, || {
        let named = traversal.dims.iter().zip(&traversal.sd).map(|(d, sd)| format!("{d} ({sd:.2})"));
        format!(
            "dimensions from the top, with their standard deviations: {}\n{}",
            named.collect::<Vec<_>>().join(", "),
            traversal.output
        )
    })?;
    Ok(Exit::Done)
}

fn interpolate(mut run: Opened<VaeSettings>, flags: &InterpolateFlags) -> Result<Exit> {
    let InterpolateFlags { pairs, count, .. } = *flags;
    require((1..=100).contains(&pairs), "pairs", "from 1 to 100", pairs)?;
    require((2..=100).contains(&count), "-n", "from 2 to 100", count)?;
    let output = output(&run, &flags.write, "interpolation.png")?;
    let job = Job::open(&mut run, flags.access.allow_changed_data)?;
    let most = job.data.shown().len() / 2;
    require(pairs <= most, "pairs", &format!("at most {most}, half the number of images"), pairs)?;
    let codes = Codes::of(&job, 2 * pairs);
    let rows: Vec<usize> = (0..2 * pairs).collect();
    let labels = job.data.shown().images().labels();
    // A conditional model is given classes between the two as well.
    let classes = indicators(&job.model, rows.iter().map(|row| labels.get(*row).map_or(0, |label| *label as usize)));
    let between = |all: &[f64], dims: usize| -> Vec<f64> {
        let row = |i: usize| &all[i * dims..(i + 1) * dims];
        let point = |pair: usize, i: usize| {
            let part = i as f64 / (count - 1) as f64;
            row(2 * pair).iter().zip(row(2 * pair + 1)).map(move |(a, b)| a + part * (b - a)).collect::<Vec<_>>()
        };
        (0..pairs).flat_map(|pair| (0..count).flat_map(move |i| point(pair, i)).collect::<Vec<_>>()).collect()
    };
    let indicators = between(&classes, job.model.condition_dim());
    let decoded = job.decoded(between(&codes.z, codes.dims), &indicators);
    let images = to_vec(seen(&job.model, job.data.shown(), &rows, &job.compute.device).1);
    let dims = job.model.data_dim();
    let image = |i: usize| &images[i * dims..(i + 1) * dims];
    let pixels: Vec<f64> = (0..pairs)
        .flat_map(|pair| {
            let between = &decoded[pair * count * dims..(pair + 1) * count * dims];
            [image(2 * pair), between, image(2 * pair + 1)].concat()
        })
        .collect();
    output.write(&job.grid(pixels, count + 2)?)?;
    run.console.result(&serde_json::json!({ "pairs": pairs, "output": output.shown() }), || {
        format!("{pairs} pairs of images, with {count} images between the two of each, in {}", output.shown())
    })?;
    Ok(Exit::Done)
}

fn map(mut run: Opened<VaeSettings>, flags: &MapFlags) -> Result<Exit> {
    require(flags.count >= 2, "-n", "at least 2", flags.count)?;
    let output = output(&run, &flags.write, "latent-map.png")?;
    let job = Job::open(&mut run, flags.access.allow_changed_data)?;
    let Map { panel, images, share } = job.map(flags.count)?;
    let png = plot::png(&[panel]).ok_or_else(|| Failure::usage("no image has a finite z"))?;
    output.write(&png)?;
    let result = serde_json::json!({ "images": images, "variance_shown": share, "output": output.shown() });
    run.console.result(&result, || {
        format!("{images} images, {:.0}% of the variance of z, in {}", 100.0 * share, output.shown())
    })?;
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
    /// The share of the variance of z that the plane shows.
    share: f64,
}

impl Codes {
    /// The codes of the first `count` test images, or of all if there are fewer.
    fn of(job: &Job, count: usize) -> Self {
        Self::of_rows(job, &(0..count.min(job.data.shown().len())).collect::<Vec<_>>())
    }

    fn of_rows(job: &Job, rows: &[usize]) -> Self {
        let (data, device) = (job.data.shown(), &job.compute.device);
        let batch = |rows: &[usize]| {
            let (model, x) = seen(&job.model, data, rows, device);
            to_vec(model.encode(x))
        };
        Self { z: rows.chunks(EVALUATION_BATCH).flat_map(batch).collect(), dims: job.model.latent_dim() }
    }

    fn len(&self) -> usize {
        self.z.len() / self.dims
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

    /// Returns z itself if it has two dimensions, and its first two principal components if it has more.
    fn plane(&self) -> Result<Plane> {
        match self.dims {
            1 => return Err(Failure::usage("z has one dimension, and a map needs at least two")),
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
        let eigen = covariance.eigen().ok_or_else(|| Failure::usage("the z of an image is not finite"))?;
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
