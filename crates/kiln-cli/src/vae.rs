//! Training and using a VAE.

mod apply;
mod latent;
mod pictures;
mod size_defaults;

use kiln::{
    burn::tensor::Tensor,
    data::{Binarized, Dataset, HoldOut, Locate, load_images},
    models::Vae,
    tensor::Stream,
    train::{self, Elbo, ImportanceGradient, Iwae, Loss, Metrics, Objective, Status, TrainConfig, Trainer},
};
use serde::Serialize;

pub(crate) use self::{
    apply::{eval, reconstruct, sample},
    latent::latent,
};
use self::{pictures::loss_panel, size_defaults::SizeDefaults};
use crate::{
    config::{Config, Dtype, ObjectiveName, VaeSettings, require},
    console::{self, Console},
    failure::{Exit, Failure, Result},
    flags::{LrFindVaeFlags, MachineFlags, ResumeFlags, VaeFlags},
    lr_find::Search,
    machine::Machine,
    method::LrSchedule,
    plot,
    record::{DataRecord, RunRecord, Summary, exit_of},
    rundir::RunDir,
    session::{self, Start},
};

/// Test examples an evaluation batch where there is one number a pixel: nothing but memory depends on it, and the noise, which is drawn a batch.
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
    settings.model.check()?;
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

    /// The same, with its model.
    fn opened(dir: &RunDir, settings: VaeSettings, flags: &MachineFlags, console: Console) -> Result<(Self, Vae)> {
        let job = Self::reopen(settings, flags, console)?;
        let model = dir.load_model(job.model()?)?;
        Ok((job, model))
    }

    /// Fills in the settings that depend on the data, so that `config.toml` states them.
    fn settle(&mut self) -> Result<()> {
        let n = self.train.len();
        let images = self.train.images();
        let deep = self.settings.model.config([images.height(), images.width()]).is_deep_relu();
        let VaeSettings { method, train, run, .. } = &mut self.settings;
        run.dtype = Some(self.machine.dtype);
        method.optimizer = Some(method.name());
        let usual = (method.batch_size.is_none() && method.batch_schedule.is_none()).then(|| SizeDefaults::of(n, deep));
        let usual = usual.unwrap_or(SizeDefaults::LARGE);
        method.batch_size.get_or_insert(usual.batch_size);
        if train.objective == ObjectiveName::Elbo {
            train.particles.get_or_insert(usual.particles);
        } else {
            train.k.get_or_insert(DEFAULT_K);
        }
        if method.lr.is_none() && method.schedule.is_none() {
            method.lr = Some(usual.lr);
            method.schedule = usual.schedule(n, method.accumulate.unwrap_or(1)).map(LrSchedule::Function);
        }
        method.lr.get_or_insert(SizeDefaults::LARGE.lr);
        let total = self.train_config()?.steps(n, self.settings.method.accumulate.unwrap_or(1));
        self.settings.method.settle_horizons(total);
        Ok(())
    }

    fn train_config(&self) -> Result<TrainConfig> {
        let VaeSettings { method, train, run, .. } = &self.settings;
        let config = method.train_config(self.train.len(), train.epochs)?;
        let evaluation_batch = self.evaluation_batch();
        Ok(TrainConfig { seed: run.seed, log_every: train.log_every, evaluation_batch, ..config })
    }

    /// [`EVALUATION_BATCH`], and fewer where a pixel has a number for each of its levels.
    fn evaluation_batch(&self) -> usize {
        (EVALUATION_BATCH / self.settings.model.outputs_per_pixel()).max(1)
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
        let images = self.train.images();
        let config = self.settings.model.config([images.height(), images.width()]).data_mean(images.mean());
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
}
