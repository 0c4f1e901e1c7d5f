//! Training and using logistic and softmax regression.

use std::path::Path;

use kiln::{
    burn::tensor::{Int, Tensor, TensorData},
    data::{
        BREAST_CANCER_TARGET, DataError, Dataset, Encoder, Examples, HoldOut, Locate, Resident, Supervised, Table,
        breast_cancer, load_images, stratified_split,
    },
    dist::{Bernoulli, Categorical, ConditionalModel, Distribution},
    models::{LogisticRegression, SoftmaxRegression, curvature_bound},
    train::{MaximumLikelihood, MetricsLog, Status, TrainConfig, Trainer, evaluate, full_gradient},
};
use serde::Serialize;

use crate::{
    config::{Config, Dtype, LogisticSettings, Optimizer, ScheduleName, layered, optimizer, require, schedule},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{LogisticFlags, MachineFlags, PredictFlags},
    interrupt,
    machine::Machine,
    record::{DataRecord, RunRecord, Summary, exit_of},
    rundir::{RunDir, write_whole},
};

/// The encoder of the training data, with which `eval` and `predict` read other data.
const ENCODER: &str = "encoder.json";
/// Epochs between evaluations and checkpoints of a full-batch run, whose epochs are single steps.
const FULL_BATCH_INTERVAL: u64 = 1000;
const EVALUATION_BATCH: usize = 4096;

/// `result.json`. The first four are SciPy's names.
#[derive(Debug, Serialize)]
struct LogisticResult {
    #[serde(flatten)]
    summary: Summary,
    /// The objective over all training rows at the final parameters: mean NLL + l2/2·‖w‖².
    fun: f64,
    /// The largest absolute entry of its gradient.
    grad_norm: f64,
    /// Steps.
    nit: u64,
    /// Evaluations of the objective, each with its gradient.
    nfev: u64,
    test: Option<Scores>,
}

#[derive(Clone, Debug, Serialize)]
struct Scores {
    n: usize,
    accuracy: f64,
    /// Mean negative log-likelihood, in nats.
    nll: f64,
}

/// What both regressions have in common.
trait Regression: ConditionalModel<Output: Distribution<2> + Clone> {
    fn init(features: usize, classes: usize, machine: &Machine) -> Self;
    /// Weights, a column for each row of `coef.csv`'s classes, and intercepts.
    fn weights(&self) -> (Tensor<2>, Tensor<1>);
    /// p of every class, `[n, k]`.
    fn probabilities(output: &Self::Output) -> Tensor<2>;
}

impl Regression for LogisticRegression {
    fn init(features: usize, _classes: usize, machine: &Machine) -> Self {
        Self::new(features, &machine.device.clone().autodiff())
    }

    fn weights(&self) -> (Tensor<2>, Tensor<1>) {
        self.coefficients()
    }

    fn probabilities(output: &Bernoulli<2>) -> Tensor<2> {
        // 1 − p from the opposite logit, which is exact where p is close to 1.
        Tensor::cat(vec![Bernoulli::from_logits(-output.logits()).probs(), output.probs()], 1)
    }
}

impl Regression for SoftmaxRegression {
    fn init(features: usize, classes: usize, machine: &Machine) -> Self {
        Self::new(features, classes, &machine.device.clone().autodiff())
    }

    fn weights(&self) -> (Tensor<2>, Tensor<1>) {
        self.coefficients()
    }

    fn probabilities(output: &Categorical<2>) -> Tensor<2> {
        output.probs()
    }
}

/// Runs an expression with `$model` as the type of the regression for that many classes.
macro_rules! with_model {
    ($classes:expr, $model:ident => $run:expr) => {
        if $classes == 2 {
            type $model = LogisticRegression;
            $run
        } else {
            type $model = SoftmaxRegression;
            $run
        }
    };
}

/// A regression with its data on a machine.
struct Job {
    settings: LogisticSettings,
    machine: Machine,
    encoder: Encoder,
    train: Examples,
    test: Examples,
    data: DataRecord,
}

/// `kiln train logistic`.
pub(crate) fn train(flags: LogisticFlags, console: Console) -> Result<Exit> {
    let settings: LogisticSettings = layered("logistic", flags.place.config.as_deref(), &flags.config)?;
    check(&settings)?;
    let name = format!("logistic-{}", crate::file_stem(&settings.data.name));
    let dir = RunDir::plan(flags.place.out, &name, flags.place.force)?;
    let machine = Machine::start(&settings.run, Dtype::F64)?;
    let mut job = Job::new(settings, machine, None, console)?;
    job.settle();
    let trainer = job.trainer(&dir, console)?;
    dir.create()?;
    dir.write_config(&Config::Logistic(job.settings.clone()))?;
    dir.write_json(ENCODER, &job.encoder)?;
    with_model!(job.classes(), M => job.run::<M>(&dir, console, trainer, false))
}

/// `kiln resume` of a regression.
pub(crate) fn resume(
    dir: &RunDir,
    mut settings: LogisticSettings,
    epochs: Option<u64>,
    flags: &MachineFlags,
    console: Console,
) -> Result<Exit> {
    settings.train.epochs = epochs.or(settings.train.epochs);
    check(&settings)?;
    let job = Job::reopen(dir, settings, flags, console)?;
    let trainer = job.trainer(dir, console)?;
    // Loaded once more by the trainer; a checkpoint that cannot be used must leave the run as it is.
    let (train, device) = (&job.settings.train, &job.machine.device);
    let newest = dir.checkpoints(train.keep).latest()?;
    let method = optimizer(train.optimizer, train.momentum)?;
    let progress = with_model!(job.classes(), M => newest.load(job.model::<M>(), method, device)?.2);
    crate::check_epochs_left(progress.epoch, train.epochs.unwrap_or(0))?;
    dir.write_config(&Config::Logistic(job.settings.clone()))?;
    with_model!(job.classes(), M => job.run::<M>(dir, console, trainer, true))
}

/// `kiln eval` of a regression.
pub(crate) fn eval(
    dir: &RunDir,
    settings: LogisticSettings,
    data: Option<String>,
    flags: &MachineFlags,
    console: Console,
) -> Result<Exit> {
    let mut job = Job::reopen(dir, settings, flags, console)?;
    if let Some(name) = data {
        job.test = job.other(&name, console)?;
        job.data.name = name;
    }
    if job.test.is_empty() {
        return Err(Failure::usage("there is no test data: give --data, or train with --test-fraction above 0"));
    }
    let scores = with_model!(job.classes(), M => job.scores(&dir.load_model(job.model::<M>())?)?);
    let scores = scores.expect("there is test data");
    console.result(&serde_json::json!({ "data": job.data.name, "test": scores }), || score_line(&scores));
    Ok(Exit::Done)
}

/// `kiln predict`.
pub(crate) fn predict(dir: &RunDir, settings: LogisticSettings, flags: PredictFlags, console: Console) -> Result<Exit> {
    let encoder: Encoder = dir.read_json(ENCODER)?;
    let table = Table::read(&flags.data)?;
    let inputs = encoder.encode_inputs(&table)?;
    let machine = Machine::again(&settings.run, &flags.machine)?;
    let (n, features, classes) = (table.len(), encoder.features(), encoder.class_names());
    let inputs = Tensor::from_data(TensorData::new(inputs, [n, features]), &machine.device);
    let probabilities = with_model!(classes.len(), M => {
        let model = dir.load_model(M::init(features, classes.len(), &machine))?;
        crate::to_vec(M::probabilities(&burn_valid(model).forward(inputs)))
    });
    let csv = prediction_table(classes, &probabilities).map_err(|e| Failure::write(&flags.output, e))?;
    write_whole(&flags.output, &csv)?;
    let result = serde_json::json!({ "rows": n, "output": flags.output });
    console.result(&result, || format!("{n} predictions in {}", flags.output.display()));
    Ok(Exit::Done)
}

/// The model without gradients.
fn burn_valid<M: ConditionalModel>(model: M) -> M {
    model.valid()
}

/// `prediction, p_<class>, …`: the most probable class, and every class's probability.
fn prediction_table(classes: &[String], probabilities: &[f64]) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = classes.iter().map(|class| format!("p_{class}"));
    writer.write_record(std::iter::once("prediction".to_owned()).chain(names))?;
    for row in probabilities.chunks_exact(classes.len()) {
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a))).unwrap_or(0);
        let numbers = row.iter().map(f64::to_string);
        writer.write_record(std::iter::once(classes[best].clone()).chain(numbers))?;
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}

fn check(settings: &LogisticSettings) -> Result<()> {
    let train = &settings.train;
    require(train.epochs.is_none_or(|n| n >= 1), "epochs", "at least 1", 0)?;
    require(train.batch_size.is_none_or(|n| n >= 1), "batch-size", "at least 1", 0)?;
    require(train.log_every >= 1, "log-every", "at least 1", train.log_every)?;
    require(train.keep >= 1, "keep", "at least 1", train.keep)?;
    let (l2, gtol) = (settings.model.l2, train.gtol.unwrap_or(0.0));
    require(l2 >= 0.0 && l2.is_finite(), "l2", "finite and not negative", l2)?;
    require(gtol >= 0.0 && gtol.is_finite(), "gtol", "finite and not negative", gtol)?;
    optimizer(train.optimizer, train.momentum)?;
    schedule(train.schedule, train.lr.unwrap_or(1.0), train.decay_steps, 1)?;
    Ok(())
}

impl Job {
    /// Reads and divides the data, and fits the encoder to the training part unless `encoder` is a saved one.
    fn new(settings: LogisticSettings, machine: Machine, encoder: Option<Encoder>, console: Console) -> Result<Self> {
        let loaded = load(&settings, encoder, console)?;
        let data = DataRecord {
            name: settings.data.name.clone(),
            sha256: loaded.sha256,
            n_train: loaded.train.len(),
            n_test: loaded.test.len(),
        };
        Ok(Self { settings, machine, encoder: loaded.encoder, train: loaded.train, test: loaded.test, data })
    }

    fn reopen(dir: &RunDir, mut settings: LogisticSettings, flags: &MachineFlags, console: Console) -> Result<Self> {
        let machine = Machine::again(&settings.run, flags)?;
        settings.data.data_dir = flags.data_dir.clone().or(settings.data.data_dir);
        Self::new(settings, machine, Some(dir.read_json(ENCODER)?), console)
    }

    /// Other data, by the encoder of the training data.
    fn other(&self, name: &str, console: Console) -> Result<Examples> {
        let mut settings = self.settings.clone();
        settings.data.name = name.to_owned();
        settings.data.test_fraction = 0.0;
        let loaded = load(&settings, Some(self.encoder.clone()), console)?;
        Ok(if loaded.test.is_empty() { loaded.train } else { loaded.test })
    }

    fn classes(&self) -> usize {
        self.train.classes()
    }

    fn is_full_batch(&self) -> bool {
        self.settings.train.batch_size.is_some_and(|size| size >= self.train.len())
    }

    /// Fills in the settings that depend on the data, so that `config.toml` states them.
    fn settle(&mut self) {
        let n = self.train.len();
        self.settings.run.dtype = Some(self.machine.dtype);
        let accelerated = self.settings.train.optimizer == Optimizer::Nesterov;
        self.settings.train.batch_size.get_or_insert(if accelerated { n } else { 32 });
        let full = self.is_full_batch();
        let l2 = self.settings.model.l2;
        let train = &mut self.settings.train;
        train.epochs.get_or_insert(if full { 20_000 } else { 50 });
        if full {
            train.gtol.get_or_insert(if self.machine.dtype == Dtype::F64 { 1e-8 } else { 1e-5 });
        }
        let plain = matches!(train.optimizer, Optimizer::Sgd | Optimizer::Momentum | Optimizer::Nesterov);
        if full && plain {
            let curvature = l2 + curvature_bound(self.train.inputs(), self.train.features(), self.train.classes());
            train.lr.get_or_insert(1.0 / curvature);
            if accelerated {
                // (√κ − 1)/(√κ + 1), Nesterov's constant for curvatures in [λ, L]. Without a penalty there is no lower
                // bound to count on.
                let root = (curvature / l2).sqrt();
                train.momentum.get_or_insert(if l2 > 0.0 {
                    ((root - 1.0) / (root + 1.0)).clamp(0.0, 0.999)
                } else {
                    0.99
                });
            }
        }
        train.lr.get_or_insert(0.01);
        if train.schedule == ScheduleName::Linear {
            let batches = n.div_ceil(train.batch_size.unwrap_or(n)) as u64;
            train.decay_steps.get_or_insert(train.epochs.unwrap_or(1) * batches);
        }
    }

    fn model<M: Regression>(&self) -> M {
        M::init(self.train.features(), self.classes(), &self.machine)
    }

    fn trainer(&self, dir: &RunDir, console: Console) -> Result<Trainer<'static>> {
        let train = &self.settings.train;
        let full = self.is_full_batch();
        if train.gtol.is_some() && !full {
            return Err(Failure::usage(
                "--gtol needs full batches: leave --batch-size away, or make it the number of training rows",
            ));
        }
        let (lr, interval) = (train.lr.unwrap_or(0.01), if full { FULL_BATCH_INTERVAL } else { 1 });
        let config = TrainConfig {
            epochs: train.epochs.unwrap_or(1),
            batch_size: train.batch_size.unwrap_or(self.train.len()),
            schedule: schedule(train.schedule, lr, train.decay_steps, 1)?,
            seed: self.settings.run.seed,
            gtol: train.gtol,
            log_every: train.log_every,
            evaluate_every: interval,
            checkpoint_every: interval,
        };
        Ok(Trainer::new(config, optimizer(train.optimizer, train.momentum)?)
            .observe(MetricsLog::new(dir.file("metrics.jsonl")))
            .observe(console.observer())
            .checkpoint_to(dir.checkpoints(train.keep))
            .interrupt_on(interrupt::flag()))
    }

    fn run<M>(&self, dir: &RunDir, console: Console, trainer: Trainer<'_>, resume: bool) -> Result<Exit>
    where
        M: Regression,
        Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
    {
        let mut record = RunRecord::new(self.data.clone(), &self.machine, self.settings.run.seed);
        let before = if resume {
            dir.read_json::<RunRecord>("run.json").ok().and_then(|r| r.wall_s).unwrap_or(0.0)
        } else {
            0.0
        };
        dir.write_json("run.json", &record)?;
        let device = &self.machine.device;
        let (train, test) = (Resident::new(&self.train, device), self.test_on(device));
        let objective = MaximumLikelihood::new().l2(self.settings.model.l2);
        let model = self.model::<M>();
        let outcome = if resume {
            trainer.resume(model, &objective, &train, test.as_ref(), device)?
        } else {
            trainer.fit(model, &objective, &train, test.as_ref(), device)?
        };
        record.wall_s = Some(before + outcome.wall_s);
        dir.write_json("run.json", &record)?;

        let (fun, grad_norm) = full_gradient(&outcome.model.clone().train(), &objective, &train, 0, device)?;
        let mut result = LogisticResult {
            summary: Summary::of(&outcome),
            fun,
            grad_norm,
            nit: outcome.steps,
            nfev: outcome.steps + u64::from(outcome.status == Status::Converged),
            test: self.scores(&outcome.model)?,
        };
        let mut exit = exit_of(&outcome.status);
        if outcome.status == Status::Completed && self.is_full_batch() {
            exit = Exit::NotConverged;
            result.summary.status = "not-converged";
            result.summary.message = format!(
                "the gradient is {grad_norm:.1e} after {} steps, above --gtol: give more --epochs, or try --standardize or an --l2 above 0",
                outcome.steps
            );
        }
        if exit != Exit::Diverged {
            dir.write_model(&outcome.model)?;
            dir.write("coef.csv", &self.coefficients(&outcome.model)?)?;
        }
        dir.write_json("result.json", &result)?;
        console.result(&result, || text(dir, &result));
        match exit {
            Exit::Diverged | Exit::NotConverged => Err(Failure { message: result.summary.message, exit }),
            _ => Ok(exit),
        }
    }

    fn test_on(&self, device: &kiln::burn::tensor::Device) -> Option<Resident> {
        (!self.test.is_empty()).then(|| Resident::new(&self.test, device))
    }

    /// Accuracy and mean NLL on the test rows, when there are any.
    fn scores<M>(&self, model: &M) -> Result<Option<Scores>>
    where
        M: Regression,
        Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
    {
        let device = &self.machine.device;
        let Some(test) = self.test_on(device) else { return Ok(None) };
        let model = burn_valid(model.clone());
        let nll = evaluate(&model, &MaximumLikelihood::new(), &test, EVALUATION_BATCH, 0, device)?.loss;
        let rows: Vec<usize> = (0..test.len()).collect();
        let right: usize = rows
            .chunks(EVALUATION_BATCH)
            .map(|rows| {
                let Supervised { inputs, targets } = test.batch(rows, device);
                let predicted: Tensor<2, Int> = M::probabilities(&model.forward(inputs)).argmax(1);
                predicted.equal(targets).int().sum().into_scalar::<i64>() as usize
            })
            .sum();
        Ok(Some(Scores { n: test.len(), accuracy: right as f64 / test.len() as f64, nll }))
    }

    /// `coef.csv`: a row for each class and feature, and the intercept. `coef` is in the scale of the encoder's output,
    /// `coef_raw` in that of the data as it came.
    fn coefficients<M: Regression>(&self, model: &M) -> Result<Vec<u8>> {
        let (weights, intercepts) = model.weights();
        let columns = intercepts.dims()[0];
        let (weights, intercepts) =
            (crate::to_vec(weights.without_autodiff()), crate::to_vec(intercepts.without_autodiff()));
        let (names, scaling) = (self.encoder.feature_names(), self.encoder.scaling());
        let classes = self.encoder.class_names();
        // A logistic model has one column, the log-odds of the second class.
        let classes = &classes[classes.len() - columns..];
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |row: [&str; 4]| writer.write_record(row).map_err(Failure::internal);
        write(["class", "name", "coef", "coef_raw"])?;
        for (column, class) in classes.iter().enumerate() {
            let mut raw_intercept = intercepts[column];
            for (feature, name) in names.iter().enumerate() {
                let ((mean, scale), coef) = (scaling[feature], weights[feature * columns + column]);
                raw_intercept -= coef * mean / scale;
                write([class, name, &coef.to_string(), &(coef / scale).to_string()])?;
            }
            write([class, "(intercept)", &intercepts[column].to_string(), &raw_intercept.to_string()])?;
        }
        writer.into_inner().map_err(Failure::internal)
    }
}

struct Loaded {
    encoder: Encoder,
    train: Examples,
    test: Examples,
    sha256: String,
}

fn load(settings: &LogisticSettings, encoder: Option<Encoder>, console: Console) -> Result<Loaded> {
    let data = &settings.data;
    let (name, path) = (data.name.as_str(), Path::new(&data.name));
    if name == "breast-cancer" {
        return split_table(settings, &breast_cancer(), Some(BREAST_CANCER_TARGET), encoder);
    }
    let is_file_name = path.extension().is_some() || name.contains(std::path::MAIN_SEPARATOR);
    if path.is_file() || (is_file_name && !path.is_dir()) {
        return split_table(settings, &Table::read(path)?, None, encoder);
    }
    let locate = Locate { data_dir: data.data_dir.clone(), offline: false };
    let hold_out = HoldOut { test_fraction: data.test_fraction, seed: settings.run.seed };
    let images = load_images(name, &locate, hold_out, &mut console.download()).map_err(|error| match error {
        DataError::UnknownDataset { .. } => Failure::usage(format!(
            "no dataset is called '{name}' and there is no such file; known: breast-cancer, digits, mnist, fashion-mnist, \
             a CSV file, or a folder with four IDX files"
        )),
        other => other.into(),
    })?;
    let rows: Vec<usize> = (0..images.train.len()).collect();
    let encoder = encoder.unwrap_or_else(|| Encoder::fit_pixels(&images.train, &rows, data.standardize));
    Ok(Loaded {
        train: encoder.encode_images(&images.train)?,
        test: encoder.encode_images(&images.test)?,
        encoder,
        sha256: images.sha256,
    })
}

fn split_table(
    settings: &LogisticSettings,
    table: &Table,
    default_target: Option<&str>,
    encoder: Option<Encoder>,
) -> Result<Loaded> {
    let data = &settings.data;
    let target = data.target.as_deref().or(default_target).ok_or_else(|| {
        let columns: Vec<&str> = table.columns().iter().map(|c| c.name()).collect();
        Failure::usage(format!(
            "--target is needed: the column of {} to predict, one of {}",
            data.name,
            columns.join(", ")
        ))
    })?;
    let all: Vec<usize> = (0..table.len()).collect();
    // The classes are those of the whole table; what is standardised is fitted to the training rows alone.
    let targets = match &encoder {
        Some(encoder) => encoder.encode(table)?,
        None => Encoder::fit(table, Some(target), &all, false)?.encode(table)?,
    };
    let split = stratified_split(targets.targets(), data.test_fraction, settings.run.seed)?;
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => Encoder::fit(table, Some(target), &split.train, data.standardize)?,
    };
    let examples = encoder.encode(table)?;
    Ok(Loaded {
        train: examples.subset(&split.train),
        test: examples.subset(&split.test),
        encoder,
        sha256: table.sha256().to_owned(),
    })
}

fn score_line(scores: &Scores) -> String {
    format!("test   accuracy {:.4}  nll {:.6}  ({} rows)", scores.accuracy, scores.nll, scores.n)
}

fn text(dir: &RunDir, result: &LogisticResult) -> String {
    let Summary { status, steps, wall_s, .. } = &result.summary;
    let test = result.test.as_ref().map_or_else(String::new, |scores| format!("{}\n", score_line(scores)));
    format!(
        "{status}: {steps} steps in {wall_s:.1} s\ntrain  objective {:.9}  largest gradient entry {:.1e}\n{test}run    {}",
        result.fun,
        result.grad_norm,
        dir.path().display()
    )
}
