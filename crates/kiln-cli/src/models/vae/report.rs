//! What a report shows of a VAE: what it generates, reconstructs, and keeps in z.

use std::hash::{DefaultHasher, Hash, Hasher};

use kiln::{
    burn::tensor::Tensor,
    data::{Binarized, Dataset},
    dist::{LatentVariableModel, Moments},
    models::PixelDistribution,
    tensor::{Stream, special::erf},
    train::example_bounds,
};

use super::{
    apply::{image_shape, load_both, load_model},
    conditions::{given, indicators, seen},
    latent::Job,
    pictures::{grid, reconstructions, samples},
    plan::evaluation_batch,
    settings::VaeSettings,
};
use crate::{
    base::{
        Block, Result, Section,
        plot::{Axis, Curve, Legend, Marks, Panel},
        to_vec,
    },
    context::Opened,
    models::model::Losses,
};

/// Test images that a report looks at.
const IMAGES: usize = 2000;
/// Samples beside which the nearest training image is shown.
const NEAREST: usize = 12;
/// Training images among which the nearest one is looked for.
const SEARCHED: usize = 100_000;
/// Samples per image of the losses that are compared.
const SAMPLES: usize = 50;

pub(super) fn sections(run: &mut Opened<VaeSettings>, allow_changed_data: bool) -> Result<Vec<Section>> {
    let shape = image_shape(run)?;
    let model = load_model(run, shape)?;
    let seed = run.settings.run.seed;
    let png = samples(&model, shape, (64, evaluation_batch(&run.settings, shape)), (seed, None), &run.compute)?;
    let caption = match &run.record.data.classes[..] {
        [] => "Means of p(x | z) with z drawn from the prior".to_owned(),
        classes => format!(
            "Means of p(x | z, class) with z drawn from the prior, a column for each class: {}",
            classes.join(", ")
        ),
    };
    let generated = Block::picture(&png, &caption);
    let job = match Job::open(run, allow_changed_data) {
        Ok(job) => job,
        Err(failure) => {
            let why =
                format!("The data could not be read, so this report shows no images of theirs: {}.", failure.message);
            return Ok(vec![Section::new("Samples", vec![generated, Block::text(why)])]);
        }
    };
    let reconstructed = reconstructions(&job.model, &job.data, 32, &job.compute)?;
    let which = if job.data.test.is_empty() { "Training images" } else { "Test images" };
    let (traversal, dims, _) = job.traversal(&job.start(None, None), 10, (3.0, 11))?;
    let named: Vec<String> = dims.iter().map(ToString::to_string).collect();
    let caption = format!(
        "One dimension of z per row, from three standard deviations below its mean to three above; from the top: {}",
        named.join(", ")
    );
    let mut space: Vec<Block> = Block::charts(&charts_of_z(&job)).into_iter().collect();
    space.push(Block::picture(&traversal, &caption));
    let mut sections = vec![
        Section::new("Samples", vec![generated, nearest(&job, seed)?]),
        Section::new(
            "Reconstructions",
            vec![Block::picture(&reconstructed, &format!("{which}, and their reconstructions below them"))],
        ),
        Section::new("Latent space", space),
    ];
    if let Some(charts) = calibration(&job).as_ref().and_then(|panel| Block::charts(std::slice::from_ref(panel))) {
        let about = "If the pixels are calibrated, the points are on the line.";
        sections.push(Section::new("Calibration of the pixels", vec![Block::text(about), charts]));
    }
    Ok(sections)
}

/// The losses of the test images: the negative ELBO.
pub(super) fn losses(run: &mut Opened<VaeSettings>, allow_changed_data: bool) -> Result<Option<Losses>> {
    let (data, model) = load_both(run, allow_changed_data)?;
    if data.test.is_empty() {
        return Ok(None);
    }
    let bounds = example_bounds(&model, &data.test, (data.test.len(), SAMPLES), run.settings.run.seed)?;
    let mut digest = DefaultHasher::new();
    data.test.images().bytes().hash(&mut digest);
    // Losses of other distributions of a pixel mean something else.
    let model = &run.settings.model;
    let (binarize, condition) = (run.settings.data.binarize, model.condition);
    format!("{binarize:?} {:?} {:?} {condition:?}", model.likelihood, model.levels).hash(&mut digest);
    let of_examples = bounds.iter().map(|of| -of.elbo).collect();
    Ok(Some(Losses { of_examples, digest: digest.finish(), name: "negative ELBO" }))
}

fn first(images: &Binarized, most: usize) -> Vec<usize> {
    (0..images.len().min(most)).collect()
}

/// Samples, and below each the training image at the smallest distance: a model that has memorised images shows them twice.
fn nearest(job: &Job, seed: u64) -> Result<Block> {
    let (shape, device) = (job.data.images().shape(), &job.compute.device);
    let classes = job.model.condition_dim().max(1);
    let indicators = indicators(&job.model, (0..NEAREST).map(|i| i % classes));
    let model = given(&job.model, &indicators, device);
    let drawn = model.sample_means(NEAREST, &mut Stream::new(seed, "sample", 0, 0));
    let norms = |x: &Tensor<2>| x.clone().square().sum_dim(1);
    let mut best = vec![(f64::INFINITY, 0usize); NEAREST];
    for rows in first(&job.data.train, SEARCHED).chunks(job.batch) {
        let (_, x) = seen(&job.model, &job.data.train, rows, device);
        let distances = norms(&drawn) + norms(&x).transpose() - drawn.clone().matmul(x.transpose()) * 2.0;
        for (best, of_sample) in best.iter_mut().zip(to_vec(distances).chunks_exact(rows.len())) {
            for (distance, row) in of_sample.iter().zip(rows) {
                if *distance < best.0 {
                    *best = (*distance, *row);
                }
            }
        }
    }
    let rows: Vec<usize> = best.into_iter().map(|(_, row)| row).collect();
    let pixels = [to_vec(drawn), to_vec(seen(&job.model, &job.data.train, &rows, device).1)].concat();
    let caption = "Samples, and below each the training image nearest to it";
    Ok(Block::picture(&grid(pixels, shape, NEAREST)?, caption))
}

/// The map of z, and the KL of each dimension.
fn charts_of_z(job: &Job) -> Vec<Panel> {
    // There is no map of one dimension.
    let mut panels: Vec<Panel> = job.map(IMAGES).ok().map(|map| map.panel).into_iter().collect();
    let shown = job.data.shown();
    let (model, x) = seen(&job.model, shown, &first(shown, job.batch.min(IMAGES)), &job.compute.device);
    if let Some(kl) = model.kl_per_dimension(&model.posterior(x)) {
        let mut kl = to_vec(kl.mean_dim(0));
        kl.sort_by(|a, b| b.total_cmp(a));
        panels.push(Panel {
            title: "KL of each dimension of z".into(),
            x: Axis::linear("dimension, by its KL"),
            y: Axis::linear("nats"),
            curves: vec![Curve { name: "KL".into(), points: (1u32..).map(f64::from).zip(kl).collect() }],
            legend: Legend::UpperRight,
            marks: Marks::Points,
        });
    }
    panels
}

/// Predicted and observed frequencies: of white pixels for a Bernoulli likelihood, of the central intervals of others that have them.
fn calibration(job: &Job) -> Option<Panel> {
    const BINS: usize = 20;
    let shown = job.data.shown();
    let mut bins = vec![(0.0f64, 0.0f64, 0.0f64); BINS];
    let mut title = "Reconstructed and observed pixels";
    let mut axes = ["mean reconstruction", "mean pixel"];
    for rows in first(shown, IMAGES).chunks(job.batch) {
        let (model, x) = seen(&job.model, shown, rows, &job.compute.device);
        let likelihood = model.likelihood(model.encode(x.clone()));
        match &likelihood {
            PixelDistribution::Bernoulli(_) => {
                for (p, x) in to_vec(likelihood.mean()).into_iter().zip(to_vec(x)) {
                    let bin = &mut bins[((p * BINS as f64) as usize).min(BINS - 1)];
                    *bin = (bin.0 + p, bin.1 + x, bin.2 + 1.0);
                }
            }
            PixelDistribution::Gaussian(normal) => {
                title = "Coverage of central intervals of a pixel";
                axes = ["probability of the interval", "share of pixels inside"];
                // The probability of the central interval with the pixel at its end.
                let z = (x - normal.loc()).abs() / normal.scale();
                for inside in to_vec(erf(z / std::f64::consts::SQRT_2)) {
                    for (i, bin) in bins.iter_mut().enumerate() {
                        let p = (i as f64 + 0.5) / BINS as f64;
                        *bin = (bin.0 + p, bin.1 + f64::from(u8::from(inside <= p)), bin.2 + 1.0);
                    }
                }
            }
            PixelDistribution::Logistic(_) | PixelDistribution::Categorical(_) => return None,
        }
    }
    let points = bins.into_iter().filter(|bin| bin.2 > 0.0).map(|(p, x, n)| (p / n, x / n)).collect();
    let line = Curve { name: "calibrated".into(), points: vec![(0.0, 0.0), (1.0, 1.0)] };
    Some(Panel {
        title: title.into(),
        x: Axis::linear(axes[0]),
        y: Axis::linear(axes[1]),
        curves: vec![line, Curve { name: "model".into(), points }],
        legend: Legend::UpperLeft,
        marks: Marks::Fit,
    })
}
