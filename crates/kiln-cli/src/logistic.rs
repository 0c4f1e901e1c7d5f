//! Training and using logistic and softmax regression.

mod fit;
mod regression;
mod tables;

use kiln::{
    burn::{
        module::Module,
        tensor::{Int, Tensor, TensorData},
    },
    data::{Dataset, Encoder, Examples, Resident, Supervised, Table},
    dist::{ConditionalModel, Distribution},
    models::{
        Covariance, Inference, LogisticRegression, ON_THE_PLANE, Separation, SoftmaxRegression, curvature_bound,
        margins,
    },
    train::{self, MaximumLikelihood, Status, TrainConfig, Trainer, evaluate, full_gradient},
};
use serde::Serialize;

use self::{
    fit::{CERTIFICATE, Certificate},
    regression::{Regression, coefficient_table, prediction_table, with_model},
    tables::load,
};
use crate::{
    config::{ClassWeight, Config, Dtype, LogisticSettings, layered, require},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{LogisticFlags, LrFindLogisticFlags, MachineFlags, PredictFlags},
    lr_find::Search,
    machine::Machine,
    method::{MethodSettings, OptimizerName},
    record::{DataRecord, RunRecord, Summary, exit_of},
    rundir::{RunDir, write_whole},
    session::{self, Start},
    solver::{self, SolverName, SolverSettings},
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
    #[serde(skip_serializing_if = "Option::is_none")]
    solver: Option<SolverName>,
    /// The objective over all training rows at the final parameters: mean NLL + l2/2·‖w‖².
    fun: f64,
    /// The largest absolute entry of its gradient.
    grad_norm: f64,
    /// Steps.
    nit: u64,
    /// Evaluations of the objective, each with its gradient.
    nfev: u64,
    /// Gradients, and Hessians or products with one, that a solver took.
    #[serde(skip_serializing_if = "Option::is_none")]
    njev: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nhev: Option<u64>,
    test: Option<Scores>,
    /// Of a maximum likelihood fit by a solver.
    #[serde(skip_serializing_if = "Option::is_none")]
    inference: Option<Inference>,
}

#[derive(Clone, Debug, Serialize)]
struct Scores {
    n: usize,
    accuracy: f64,
    /// Mean negative log-likelihood, in nats.
    nll: f64,
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
    let mut settings: LogisticSettings = layered("logistic", flags.place.config.as_deref(), &flags.config)?;
    let solves = by_solver(&settings)?;
    if !solves {
        settings.method.optimizer.get_or_insert(OptimizerName::Nesterov);
    }
    check(&settings)?;
    let name = format!("logistic-{}", crate::file_stem(&settings.data.name));
    let dir = RunDir::plan(flags.place.out, &name, flags.place.force)?;
    let machine = Machine::start(&settings.run, Dtype::F64)?;
    let mut job = Job::new(settings, machine, None, console)?;
    if solves {
        let name = job.settle_solver();
        dir.create()?;
        dir.write_config(&Config::Logistic(job.settings.clone()))?;
        dir.write_json(ENCODER, &job.encoder)?;
        return with_model!(job.classes(), M => job.fit::<M>(name, &dir, console));
    }
    job.settle()?;
    let trainer = job.trainer(&dir, console)?;
    dir.create()?;
    dir.write_config(&Config::Logistic(job.settings.clone()))?;
    dir.write_json(ENCODER, &job.encoder)?;
    with_model!(job.classes(), M => job.run::<M>(&dir, console, Start::Fresh(trainer, job.model())))
}

/// Whether a solver takes the steps: unless an option of the method, or --epochs, asks for an optimiser.
fn by_solver(settings: &LogisticSettings) -> Result<bool> {
    let LogisticSettings { solver, method, train, model, .. } = settings;
    let optimised = *method != MethodSettings::default() || train.epochs.is_some();
    if optimised && *solver != SolverSettings::default() {
        return Err(Failure::usage(
            "a solver and an optimiser exclude one another: --solver and --max-iter go without --epochs and the options of the method, \
             such as --optimizer, --lr and --batch-size",
        ));
    }
    if optimised && (model.class_weight != ClassWeight::None || model.cov_type != Covariance::Nonrobust) {
        return Err(Failure::usage(
            "--class-weight and --cov-type are for solvers: leave the options of the method away",
        ));
    }
    Ok(!optimised)
}

/// `kiln lr-find logistic`.
pub(crate) fn lr_find(flags: LrFindLogisticFlags, console: Console) -> Result<Exit> {
    let mut settings: LogisticSettings = layered("logistic", None, &flags.config)?;
    if settings.solver != SolverSettings::default() {
        return Err(Failure::usage("solvers find their step sizes themselves: leave --solver and --max-iter away"));
    }
    // Full batches have their step size from the data: there is nothing to find.
    settings.method.optimizer.get_or_insert(OptimizerName::Sgd);
    check(&settings)?;
    let train = &flags.config.train;
    let search = Search::new(flags.sweep, &mut settings.method)?;
    let all = [train.epochs.is_some(), train.log_every.is_some(), train.keep.is_some(), train.gtol.is_some()];
    search.refuse(all.contains(&true))?;
    let machine = Machine::start(&settings.run, Dtype::F64)?;
    let mut job = Job::new(settings, machine, None, console)?;
    job.settle()?;
    let LogisticSettings { method, model, run, .. } = &job.settings;
    let config = search.config(method.batch_size.unwrap_or(1), run.seed);
    let (optimizer, device) = (method.optimizer(config.steps)?, &job.machine.device);
    let (objective, data) = (MaximumLikelihood::new().l2(model.l2), Resident::new(&job.train, device));
    let range = with_model!(job.classes(), M => {
        train::lr_find(&config, optimizer, job.model::<M>(), &objective, &data, device)?
    });
    search.report(&range, console)
}

/// `kiln resume` of a regression.
pub(crate) fn resume(
    dir: &RunDir,
    mut settings: LogisticSettings,
    epochs: Option<u64>,
    flags: &MachineFlags,
    console: Console,
) -> Result<Exit> {
    if let Some(name) = settings.solver.name {
        return Err(Failure::usage(format!(
            "this run was made by the solver {}, which keeps no checkpoints: train again, with a larger --max-iter or --gtol",
            name.text()
        )));
    }
    settings.train.epochs = epochs.or(settings.train.epochs);
    check(&settings)?;
    let job = Job::reopen(dir, settings, flags, console)?;
    let trainer = job.trainer(dir, console)?;
    let epochs = job.settings.train.epochs.unwrap_or(0);
    with_model!(job.classes(), M => {
        let start = session::load(trainer, job.model::<M>(), &job.machine, epochs)?;
        dir.write_config(&Config::Logistic(job.settings.clone()))?;
        job.run::<M>(dir, console, start)
    })
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

/// `kiln verify`.
pub(crate) fn verify(dir: &RunDir, settings: LogisticSettings, flags: &MachineFlags, console: Console) -> Result<Exit> {
    if !dir.file(CERTIFICATE).is_file() {
        let run = dir.path().display();
        return Err(Failure::usage(format!("{run} has no {CERTIFICATE}: there is nothing to verify")));
    }
    let certificate: Certificate = dir.read_json(CERTIFICATE)?;
    let job = Job::reopen(dir, settings, flags, console)?;
    let Separation { weights, intercept, complete, on_the_plane } = certificate.separation;
    if weights.len() != job.train.features() {
        let (got, expected) = (weights.len(), job.train.features());
        return Err(Failure::usage(format!("the certificate has {got} weights, the data {expected} features")));
    }
    let margins = margins(job.train.inputs(), job.train.targets(), &weights, intercept);
    let wrong = margins.iter().filter(|m| **m < -ON_THE_PLANE).count();
    let on = margins.iter().filter(|m| m.abs() <= ON_THE_PLANE).count();
    let holds = wrong == 0 && on < margins.len() && on == on_the_plane && complete == (on == 0);
    let rows = margins.len();
    let result = serde_json::json!({ "holds": holds, "rows": rows, "on_the_plane": on, "on_the_wrong_side": wrong });
    console.result(&result, || {
        let verdict = if holds { "holds" } else { "does not hold" };
        format!("the separation {verdict}: of {rows} rows {on} lie on the plane, {wrong} on the wrong side of it")
    });
    if holds {
        return Ok(Exit::Done);
    }
    Err(Failure { message: "the certificate does not hold for the run's data".into(), exit: Exit::NotConverged })
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
        crate::to_vec(M::probabilities(&model.valid().forward(inputs)))
    });
    let csv = prediction_table(classes, &probabilities).map_err(|e| Failure::write(&flags.output, e))?;
    write_whole(&flags.output, &csv)?;
    let result = serde_json::json!({ "rows": n, "output": flags.output });
    console.result(&result, || format!("{n} predictions in {}", flags.output.display()));
    Ok(Exit::Done)
}

fn check(settings: &LogisticSettings) -> Result<()> {
    let train = &settings.train;
    require(train.epochs.is_none_or(|n| n >= 1), "epochs", "at least 1", 0)?;
    require(train.log_every >= 1, "log-every", "at least 1", train.log_every)?;
    require(train.keep >= 1, "keep", "at least 1", train.keep)?;
    let (l2, gtol) = (settings.model.l2, train.gtol.unwrap_or(0.0));
    require(l2 >= 0.0 && l2.is_finite(), "l2", "finite and not negative", l2)?;
    require(gtol >= 0.0 && gtol.is_finite(), "gtol", "finite and not negative", gtol)?;
    solver::check(settings.solver.max_iter, None)?;
    settings.method.check()
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
        let method = &self.settings.method;
        method.batch_schedule.is_none() && method.batch_size.is_some_and(|size| size >= self.train.len())
    }

    /// Fills in the settings that depend on the data, so that `config.toml` states them.
    fn settle(&mut self) -> Result<()> {
        let n = self.train.len();
        self.settings.run.dtype = Some(self.machine.dtype);
        let name = self.settings.method.name();
        let accelerated = name == OptimizerName::Nesterov && self.settings.method.batch_schedule.is_none();
        self.settings.method.batch_size.get_or_insert(if accelerated { n } else { 32 });
        let full = self.is_full_batch();
        let LogisticSettings { method, train, model, .. } = &mut self.settings;
        train.epochs.get_or_insert(if full { 20_000 } else { 50 });
        if full {
            train.gtol.get_or_insert(if self.machine.dtype == Dtype::F64 { 1e-8 } else { 1e-5 });
        }
        let plain = matches!(name, OptimizerName::Sgd | OptimizerName::Momentum | OptimizerName::Nesterov);
        if full && plain {
            let bound = curvature_bound(self.train.inputs(), self.train.features(), self.train.classes());
            let curvature = model.l2 + bound;
            method.lr.get_or_insert(1.0 / curvature);
            if accelerated && method.momentum_schedule.is_none() {
                // (√κ − 1)/(√κ + 1), Nesterov's constant for curvatures in [λ, L]. Without a penalty there is no lower
                // bound to count on.
                let root = (curvature / model.l2).sqrt();
                method.momentum.get_or_insert(if model.l2 > 0.0 {
                    ((root - 1.0) / (root + 1.0)).clamp(0.0, 0.999)
                } else {
                    0.99
                });
            }
        }
        method.lr.get_or_insert(0.01);
        let total = self.steps()?;
        self.settings.method.settle_horizons(total);
        Ok(())
    }

    fn train_config(&self) -> Result<TrainConfig> {
        let LogisticSettings { method, train, run, .. } = &self.settings;
        let interval = if self.is_full_batch() { FULL_BATCH_INTERVAL } else { 1 };
        let config = method.train_config(self.train.len(), train.epochs.unwrap_or(1))?;
        Ok(TrainConfig {
            seed: run.seed,
            gtol: train.gtol,
            log_every: train.log_every,
            evaluate_every: interval,
            checkpoint_every: interval,
            ..config
        })
    }

    fn steps(&self) -> Result<u64> {
        Ok(self.train_config()?.steps(self.train.len(), self.settings.method.accumulate.unwrap_or(1)))
    }

    fn model<M: Regression>(&self) -> M {
        M::init(self.train.features(), self.classes(), &self.machine)
    }

    fn trainer(&self, dir: &RunDir, console: Console) -> Result<Trainer<'static>> {
        let LogisticSettings { method, train, .. } = &self.settings;
        if train.gtol.is_some() && !self.is_full_batch() {
            return Err(Failure::usage(
                "--gtol needs full batches: leave --batch-size away, or make it the number of training rows",
            ));
        }
        let optimizer = method.optimizer(self.steps()?)?;
        Ok(session::trainer(self.train_config()?, optimizer, dir, train.keep, console))
    }

    fn run<M>(&self, dir: &RunDir, console: Console, start: Start<M>) -> Result<Exit>
    where
        M: Regression,
        Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
    {
        let record = RunRecord::new(self.data.clone(), &self.machine, self.settings.run.seed);
        let device = &self.machine.device;
        let (train, test) = (Resident::new(&self.train, device), self.test_on(device));
        let objective = MaximumLikelihood::new().l2(self.settings.model.l2);
        let outcome = start.fit(dir, record, &objective, (&train, test.as_ref()), &self.machine)?;

        let (fun, grad_norm) = full_gradient(&outcome.model.clone().train(), &objective, &train, 0, device)?;
        let mut result = LogisticResult {
            summary: Summary::of(&outcome),
            solver: None,
            fun,
            grad_norm,
            nit: outcome.steps,
            nfev: outcome.gradients,
            njev: None,
            nhev: None,
            test: self.scores(&outcome.model)?,
            inference: None,
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
            dir.write("coef.csv", &coefficient_table(&outcome.model, &self.encoder, None)?)?;
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
        let model = model.valid();
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
