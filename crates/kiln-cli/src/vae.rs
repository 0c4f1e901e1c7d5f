//! Training and using a VAE.

use std::path::{Path, PathBuf};

use kiln::{
    burn::tensor::Tensor,
    data::{Binarized, Dataset, HoldOut, Locate, load_images},
    models::{Vae, VaeConfig},
    optim::ScheduleSpec,
    tensor::Stream,
    train::{
        self, Elbo, ImportanceGradient, Iwae, Loss, Marginal, Metrics, Objective, Status, TrainConfig, Trainer,
        evaluate, marginal_likelihood,
    },
};
use serde::Serialize;

use crate::{
    config::{Config, Dtype, ObjectiveName, VaeSettings, require},
    console::{self, Console},
    failure::{Exit, Failure, Result},
    flags::{EvalFlags, LrFindVaeFlags, MachineFlags, ReconstructFlags, ResumeFlags, SampleFlags, VaeFlags},
    lr_find::Search,
    machine::Machine,
    method::LrSchedule,
    picture,
    plot::{self, Axis, Curve, Legend, Panel},
    record::{DataRecord, RunRecord, Summary, exit_of},
    rundir::{RunDir, write_whole},
    session::{self, Start},
};

/// Test examples an evaluation batch: nothing but memory depends on it, and the noise, which is drawn a batch.
const EVALUATION_BATCH: usize = 1000;

/// `result.json`.
#[derive(Debug, Serialize)]
struct VaeResult {
    #[serde(flatten)]
    summary: Summary,
    /// In nats an example; absent without test data.
    test: Option<Metrics>,
    binarize: kiln::data::Binarize,
}

/// Importance samples when `--k` does not say it.
const DEFAULT_K: usize = 5;

/// What is maximised.
#[derive(Clone, Copy, Debug)]
enum VaeObjective {
    Elbo(Elbo),
    Iwae(Iwae),
}

impl<B: Into<Tensor<2>>> Objective<Vae, B> for VaeObjective {
    fn loss(&self, model: &Vae, batch: B, stream: &mut Stream) -> Loss {
        match self {
            Self::Elbo(objective) => objective.loss(model, batch, stream),
            Self::Iwae(objective) => objective.loss(model, batch, stream),
        }
    }
}

/// A VAE with its data on a machine.
struct Job {
    settings: VaeSettings,
    machine: Machine,
    train: Binarized,
    test: Binarized,
    data: DataRecord,
}

/// What is done for a data set of some size when nothing else is asked for.
struct Recipe {
    batch_size: usize,
    particles: usize,
    lr: f64,
}

impl Recipe {
    const LARGE: Self = Self { batch_size: 128, particles: 1, lr: 1e-3 };

    /// Small data gets small batches, the largest power of two from 4 to 128 that leaves at least 180 steps to an epoch:
    /// it would otherwise see too few steps to learn from in the usual number of epochs. The noise of so few examples is
    /// made up for by particles, and by steps that decay to a hundredth over the first epochs.
    fn of(n: usize) -> Self {
        let batch_size = 1 << (n / 180).clamp(4, 128).ilog2();
        let lr = if batch_size < 128 { SMALL_DATA_LR } else { Self::LARGE.lr };
        Self { batch_size, particles: 128 / batch_size, lr }
    }

    fn schedule(&self, n: usize, accumulate: u64) -> Option<ScheduleSpec> {
        let steps = SMALL_DATA_EPOCHS * (n.div_ceil(self.batch_size) as u64).div_ceil(accumulate);
        (self.batch_size < Self::LARGE.batch_size)
            .then(|| format!("linear:steps={steps}").parse().expect("it is a schedule"))
    }
}

/// ε₀ on small data, and the epochs over which it decays. Not tied to the length of the run: two halves of a run, one
/// resumed after the other, take the steps of the whole.
const SMALL_DATA_LR: f64 = 4e-3;
const SMALL_DATA_EPOCHS: u64 = 8;

/// What `--recipe iwae` stands for.
const IWAE: &str = include_str!("recipes/iwae.toml");

/// `kiln train vae`.
pub(crate) fn train(flags: VaeFlags, console: Console) -> Result<Exit> {
    let settings = match &flags.recipe {
        Some(_) => crate::config::from_recipe("vae", IWAE, &flags.config)?,
        None => crate::config::layered("vae", flags.place.config.as_deref(), &flags.config)?,
    };
    check(&settings)?;
    let name = format!("vae-{}", crate::file_stem(&settings.data.name));
    let dir = RunDir::plan(flags.place.out, &name, flags.place.force)?;
    let machine = Machine::start(&settings.run, Dtype::F32)?;
    let mut job = Job::new(settings, machine, console)?;
    job.settle()?;
    let trainer = job.trainer(&dir, console)?;
    let model = job.model()?;
    dir.create()?;
    dir.write_config(&Config::Vae(job.settings.clone()))?;
    job.run(&dir, console, Start::Fresh(trainer, model))
}

/// `kiln lr-find vae`.
pub(crate) fn lr_find(flags: LrFindVaeFlags, console: Console) -> Result<Exit> {
    let mut settings: VaeSettings = crate::config::layered("vae", None, &flags.config)?;
    check(&settings)?;
    let train = &flags.config.train;
    let search = Search::new(flags.sweep, &mut settings.method)?;
    search.refuse(train.epochs.is_some() || train.log_every.is_some() || train.keep.is_some())?;
    let machine = Machine::start(&settings.run, Dtype::F32)?;
    let mut job = Job::new(settings, machine, console)?;
    job.settle()?;
    let VaeSettings { method, run, .. } = &job.settings;
    let config = search.config(method.batch_size.unwrap_or(1), run.seed);
    let (optimizer, model) = (method.optimizer(config.steps)?, job.model()?);
    let range = train::lr_find(&config, optimizer, model, &job.objective(), &job.train, &job.machine.device)?;
    search.report(&range, console)
}

/// `kiln resume` of a VAE.
pub(crate) fn resume(dir: &RunDir, mut settings: VaeSettings, flags: &ResumeFlags, console: Console) -> Result<Exit> {
    if flags.max_iter.is_some() || flags.gtol.is_some() {
        return Err(Failure::usage("--max-iter and --gtol are for solvers: give --epochs"));
    }
    settings.train.epochs = flags.epochs.unwrap_or(settings.train.epochs);
    check(&settings)?;
    let job = Job::reopen(settings, &flags.machine, console)?;
    let start = session::load(job.trainer(dir, console)?, job.model()?, &job.machine, job.settings.train.epochs)?;
    dir.write_config(&Config::Vae(job.settings.clone()))?;
    job.run(dir, console, start)
}

/// `kiln eval` of a VAE.
pub(crate) fn eval(dir: &RunDir, mut settings: VaeSettings, flags: EvalFlags, console: Console) -> Result<Exit> {
    let (samples, images) = (flags.samples.unwrap_or(5000), flags.images.unwrap_or(1000));
    require(images >= 1, "images", "at least 1", images)?;
    settings.data.name = flags.data.unwrap_or(settings.data.name);
    let job = Job::reopen(settings, &flags.machine, console)?;
    let model = dir.load_model(job.model()?)?;
    let (seed, device, binarize) = (job.settings.run.seed, &job.machine.device, job.settings.data.binarize);
    let test = evaluate(&model, &job.objective(), &job.test, EVALUATION_BATCH, seed, device)
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
    require((1..=10_000).contains(&flags.count), "n", "from 1 to 10000", flags.count)?;
    let job = Job::reopen(settings, &flags.machine, console)?;
    let model = dir.load_model(job.model()?)?;
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
    require((1..=1000).contains(&flags.count), "n", "from 1 to 1000", flags.count)?;
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

fn check(settings: &VaeSettings) -> Result<()> {
    let train = &settings.train;
    require(train.epochs >= 1, "epochs", "at least 1", train.epochs)?;
    require(train.log_every >= 1, "log-every", "at least 1", train.log_every)?;
    require(train.keep >= 1, "keep", "at least 1", train.keep)?;
    require(train.beta >= 0.0 && train.beta.is_finite(), "beta", "finite and not negative", train.beta)?;
    require(train.particles != Some(0), "particles", "at least 1", 0)?;
    require(train.k != Some(0), "k", "at least 1", 0)?;
    let weighted = train.objective != ObjectiveName::Elbo;
    let not_one = train.beta.to_bits() != 1f64.to_bits();
    if weighted && (train.particles.is_some() || not_one) {
        return Err(Failure::usage("--particles and --beta are for --objective elbo; iwae and dreg have --k"));
    }
    if !weighted && train.k.is_some() {
        return Err(Failure::usage("--k is for --objective iwae and dreg; elbo has --particles"));
    }
    settings.method.check()
}

impl Job {
    fn new(settings: VaeSettings, machine: Machine, console: Console) -> Result<Self> {
        let locate = Locate { data_dir: settings.data.data_dir.clone(), offline: false };
        let (seed, binarize) = (settings.run.seed, settings.data.binarize);
        let hold_out = HoldOut { test_fraction: settings.data.test_fraction, seed };
        let images = load_images(&settings.data.name, &locate, hold_out, &mut console.download())?;
        let data = DataRecord {
            name: images.name,
            sha256: images.sha256,
            n_train: images.train.len(),
            n_test: images.test.len(),
        };
        let train = Binarized::new(images.train, binarize, seed, "binarize-train");
        let test = Binarized::new(images.test, binarize, seed, "binarize-test");
        Ok(Self { settings, machine, train, test, data })
    }

    /// For a run that is there, on the machine that `flags` choose.
    fn reopen(mut settings: VaeSettings, flags: &MachineFlags, console: Console) -> Result<Self> {
        let machine = Machine::again(&settings.run, flags)?;
        settings.data.data_dir = flags.data_dir.clone().or(settings.data.data_dir);
        Self::new(settings, machine, console)
    }

    /// Fills in the settings that depend on the data, so that `config.toml` states them.
    fn settle(&mut self) -> Result<()> {
        let n = self.train.len();
        let VaeSettings { method, train, run, .. } = &mut self.settings;
        run.dtype = Some(self.machine.dtype);
        method.optimizer = Some(method.name());
        let recipe = (method.batch_size.is_none() && method.batch_schedule.is_none()).then(|| Recipe::of(n));
        let recipe = recipe.unwrap_or(Recipe::LARGE);
        method.batch_size.get_or_insert(recipe.batch_size);
        if train.objective == ObjectiveName::Elbo {
            train.particles.get_or_insert(recipe.particles);
        } else {
            train.k.get_or_insert(DEFAULT_K);
        }
        if method.lr.is_none() && method.schedule.is_none() {
            method.lr = Some(recipe.lr);
            method.schedule = recipe.schedule(n, method.accumulate.unwrap_or(1)).map(LrSchedule::Function);
        }
        method.lr.get_or_insert(Recipe::LARGE.lr);
        let total = self.train_config()?.steps(n, self.settings.method.accumulate.unwrap_or(1));
        self.settings.method.settle_horizons(total);
        Ok(())
    }

    fn train_config(&self) -> Result<TrainConfig> {
        let VaeSettings { method, train, run, .. } = &self.settings;
        let config = method.train_config(self.train.len(), train.epochs)?;
        Ok(TrainConfig { seed: run.seed, log_every: train.log_every, ..config })
    }

    fn objective(&self) -> VaeObjective {
        let train = &self.settings.train;
        let importance = Iwae::new(train.k.unwrap_or(DEFAULT_K));
        match train.objective {
            ObjectiveName::Elbo => {
                VaeObjective::Elbo(Elbo::new().beta(train.beta).particles(train.particles.unwrap_or(1)))
            }
            ObjectiveName::Iwae => VaeObjective::Iwae(importance),
            ObjectiveName::Dreg => VaeObjective::Iwae(importance.gradient(ImportanceGradient::DoublyReparameterized)),
        }
    }

    fn model(&self) -> Result<Vae> {
        let model = &self.settings.model;
        let config = VaeConfig::new(self.train.images().dims())
            .hidden_dims(model.hidden_dim.0.clone())
            .activation(model.activation)
            .latent_dim(model.latent_dim)
            .likelihood(model.likelihood)
            .data_mean(self.train.images().mean());
        Ok(config.init(self.settings.run.seed, &self.machine.device.clone().autodiff())?)
    }

    fn trainer(&self, dir: &RunDir, console: Console) -> Result<Trainer<'static>> {
        let VaeSettings { method, train, .. } = &self.settings;
        let config = self.train_config()?;
        let optimizer = method.optimizer(config.steps(self.train.len(), method.accumulate.unwrap_or(1)))?;
        Ok(session::trainer(config, optimizer, dir, train.keep, console))
    }

    fn run(&self, dir: &RunDir, console: Console, start: Start<Vae>) -> Result<Exit> {
        let record = RunRecord::new(self.data.clone(), &self.machine, self.settings.run.seed);
        let data = (&self.train, Some(&self.test));
        let outcome = start.fit(dir, record, &self.objective(), data, &self.machine)?;
        let result = VaeResult {
            summary: Summary::of(&outcome),
            test: outcome.test.clone(),
            binarize: self.settings.data.binarize,
        };
        if !matches!(outcome.status, Status::Diverged { .. }) {
            dir.write_model(&outcome.model)?;
            dir.write("samples.png", &self.samples(&outcome.model, 64, self.settings.run.seed))?;
            dir.write("reconstructions.png", &self.reconstructions(&outcome.model, 16))?;
            if let Some(svg) = plot::svg(&[loss_panel(&dir.file("metrics.jsonl"))?]) {
                dir.write("loss.svg", svg.as_bytes())?;
            }
        }
        dir.write_json("result.json", &result)?;
        let exit = exit_of(&outcome.status);
        console.result(&result, || self.text(dir, &result));
        if exit == Exit::Diverged {
            return Err(Failure { message: result.summary.message, exit });
        }
        Ok(exit)
    }

    fn text(&self, dir: &RunDir, result: &VaeResult) -> String {
        let Summary { status, epochs, steps, wall_s, examples_per_s, train, .. } = &result.summary;
        let test = result.test.as_ref().map_or_else(String::new, |t| format!("test   {}\n", console::metrics(t)));
        format!(
            "{status}: {epochs} epochs, {steps} steps in {wall_s:.1} s ({examples_per_s:.0} examples/s)\ntrain  {}\n{test}run    {}",
            console::metrics(train),
            dir.path().display()
        )
    }

    /// A square of means of p(x | z), z from the prior.
    fn samples(&self, model: &Vae, count: usize, seed: u64) -> Vec<u8> {
        let means = model.sample_means(count, &mut Stream::new(seed, "sample", 0, 0));
        self.grid(crate::to_vec(means), (count as f64).sqrt().ceil() as usize)
    }

    /// Test images, and below each its reconstruction; training images when there is no test set.
    fn reconstructions(&self, model: &Vae, count: usize) -> Vec<u8> {
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

    fn shown(&self) -> &Binarized {
        if self.test.is_empty() { &self.train } else { &self.test }
    }

    fn grid(&self, pixels: Vec<f64>, columns: usize) -> Vec<u8> {
        let images = self.train.images();
        picture::grid(&pixels, images.height(), images.width(), columns)
    }
}

/// The epochs' averages in `metrics.jsonl`: the curve of `train-epoch`, and that of `test`.
fn loss_panel(metrics: &Path) -> Result<Panel> {
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_data_gets_small_batches_with_many_particles_and_decaying_steps() {
        let recipes = [0, 500, 1437, 3000, 23_040, 60_000].map(Recipe::of);
        assert_eq!(recipes.each_ref().map(|r| r.batch_size), [4, 4, 4, 16, 128, 128]);
        assert!(recipes.iter().all(|r| r.batch_size * r.particles == 128));
        let schedule = |n| Recipe::of(n).schedule(n, 1).map(|spec| spec.to_string());
        assert_eq!(schedule(1438), Some("linear:last=0.01,steps=2880".into()));
        assert_eq!(schedule(60_000), None);
    }
}
