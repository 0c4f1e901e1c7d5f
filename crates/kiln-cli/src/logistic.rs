//! Training and using logistic and softmax regression.

mod apply;
mod certificate;
mod fit;
mod log;
mod regression;
mod report;

use kiln::{
    burn::tensor::{Int, Tensor},
    data::{Dataset, Encoder, Examples, Resident, Supervised},
    dist::Distribution,
    models::{Covariance, LogisticRegression, SoftmaxRegression, curvature_bound},
    train::{self, MaximumLikelihood, Status, TrainConfig, Trainer, evaluate, full_gradient},
};

pub(crate) use self::{
    apply::{eval, predict},
    certificate::verify,
};
use self::{
    regression::{Regression, coefficient_table, with_model},
    report::{LogisticResult, Scores, text},
};
use crate::{
    config::{ClassWeight, Config, Dtype, LogisticModel, LogisticSettings, layered, require},
    console::Console,
    failure::{Exit, Failure, Result},
    flags::{LogisticFlags, LrFindLogisticFlags, MachineFlags, ResumeFlags},
    lr_find::Search,
    machine::Machine,
    method::{MethodSettings, OptimizerName},
    record::{DataRecord, RunRecord, Summary, exit_of},
    rundir::RunDir,
    session::{self, Start},
    solver::{self, SolverSettings, default_solver},
    tables::{Loaded, Purpose, load},
};

/// The encoder of the training data, with which `eval` and `predict` read other data.
const ENCODER: &str = "encoder.json";
/// Epochs between evaluations and checkpoints of a full-batch run, whose epochs are single steps.
const FULL_BATCH_INTERVAL: u64 = 1000;
const EVALUATION_BATCH: usize = 4096;

/// A regression with its data on a machine.
struct Job {
    settings: LogisticSettings,
    machine: Machine,
    encoder: Encoder,
    train: Examples,
    /// How much each training row counts, where they differ.
    weights: Option<Vec<f64>>,
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
        return with_model!(job.classes(), M => job.fit::<M>(name, None, &dir, console));
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
    let LogisticModel { l2: _, l1, lower, upper, class_weight, cov_type } = *model;
    let by_solvers_alone = [
        (l1 > 0.0, "--l1"),
        (lower.is_some(), "--lower"),
        (upper.is_some(), "--upper"),
        (class_weight != ClassWeight::None, "--class-weight"),
        (cov_type != Covariance::Nonrobust, "--cov-type"),
        (settings.data.sample_weight.is_some(), "--sample-weight"),
    ];
    if let Some((_, flag)) = by_solvers_alone.iter().find(|(given, _)| optimised && *given) {
        return Err(Failure::usage(format!("{flag} is for solvers: leave the options of the method away")));
    }
    Ok(!optimised)
}

/// `kiln lr-find logistic`.
pub(crate) fn lr_find(flags: LrFindLogisticFlags, console: Console) -> Result<Exit> {
    let mut settings: LogisticSettings = layered("logistic", None, &flags.config)?;
    let (solver, model) =
        (SolverSettings::default(), LogisticModel { l2: settings.model.l2, ..LogisticModel::default() });
    if settings.solver != solver || settings.model != model || settings.data.sample_weight.is_some() {
        return Err(Failure::usage(
            "solvers find their step sizes themselves: leave --solver, --max-iter, and what is for solvers alone, away",
        ));
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
    flags: &ResumeFlags,
    console: Console,
) -> Result<Exit> {
    let solver = settings.solver.name;
    match solver {
        Some(name) if flags.epochs.is_some() => {
            let name = name.text();
            return Err(Failure::usage(format!(
                "this run was made by the solver {name}: give --max-iter, not --epochs"
            )));
        }
        None if flags.max_iter.is_some() => {
            return Err(Failure::usage("this run was made by an optimiser: give --epochs, not --max-iter"));
        }
        _ => (),
    }
    settings.train.epochs = flags.epochs.or(settings.train.epochs);
    settings.train.gtol = flags.gtol.or(settings.train.gtol);
    settings.solver.max_iter = flags.max_iter.or(settings.solver.max_iter);
    check(&settings)?;
    let mut job = Job::reopen(dir, settings, &flags.machine, console)?;
    let before: DataRecord = dir.read_json::<RunRecord>("run.json")?.data;
    if before.sha256 != job.data.sha256 {
        return Err(Failure::usage(format!("{} has changed since the run began: start a new run", job.data.name)));
    }
    if solver.is_some() {
        let name = job.settle_solver();
        let snapshot = job.snapshot(dir)?;
        return with_model!(job.classes(), M => job.fit::<M>(name, Some(snapshot), dir, console));
    }
    let trainer = job.trainer(dir, console)?;
    let epochs = job.settings.train.epochs.unwrap_or(0);
    with_model!(job.classes(), M => {
        let start = session::load(trainer, job.model::<M>(), &job.machine, epochs)?;
        dir.write_config(&Config::Logistic(job.settings.clone()))?;
        job.run::<M>(dir, console, start)
    })
}

fn check(settings: &LogisticSettings) -> Result<()> {
    let train = &settings.train;
    require(train.epochs.is_none_or(|n| n >= 1), "epochs", "at least 1", 0)?;
    require(train.log_every >= 1, "log-every", "at least 1", train.log_every)?;
    require(train.keep >= 1, "keep", "at least 1", train.keep)?;
    let LogisticModel { l1, l2, lower, upper, .. } = settings.model;
    require(l2 >= 0.0 && l2.is_finite(), "l2", "finite and not negative", l2)?;
    require(l1 >= 0.0 && l1.is_finite(), "l1", "finite and not negative", l1)?;
    for (bound, flag) in [(lower, "lower"), (upper, "upper")] {
        require(!bound.is_some_and(f64::is_nan), flag, "a number", f64::NAN)?;
    }
    let (low, high) = (lower.unwrap_or(f64::NEG_INFINITY), upper.unwrap_or(f64::INFINITY));
    require(low <= high, "lower", &format!("at most --upper, {high}"), low)?;
    require(low < f64::INFINITY, "lower", "a number below infinity", low)?;
    require(high > f64::NEG_INFINITY, "upper", "a number above minus infinity", high)?;
    let (penalised, bounded) = (l1 > 0.0, settings.model.is_bounded());
    settings.solver.name.unwrap_or_else(|| default_solver(penalised, bounded)).suits(penalised, bounded)?;
    if settings.model.cov_type != Covariance::Nonrobust && settings.model.is_biased() {
        return Err(Failure::usage(
            "--cov-type is for maximum likelihood: a penalty, bounds and --class-weight leave no standard errors",
        ));
    }
    solver::check(settings.solver.max_iter, train.gtol)?;
    settings.method.check()
}

impl Job {
    /// Reads and divides the data, and fits the encoder to the training part unless `encoder` is a saved one.
    fn new(settings: LogisticSettings, machine: Machine, encoder: Option<Encoder>, console: Console) -> Result<Self> {
        let loaded = load(&settings.data, settings.run.seed, Purpose::Classes, encoder, console)?;
        let data = DataRecord {
            name: settings.data.name.clone(),
            sha256: loaded.sha256.clone(),
            n_train: loaded.train.len(),
            n_test: loaded.test.len(),
        };
        let Loaded { encoder, train, test, weights, .. } = loaded;
        Ok(Self { settings, machine, encoder, train, weights, test, data })
    }

    fn reopen(dir: &RunDir, mut settings: LogisticSettings, flags: &MachineFlags, console: Console) -> Result<Self> {
        let machine = Machine::again(&settings.run, flags)?;
        settings.data.data_dir = flags.data_dir.clone().or(settings.data.data_dir);
        Self::new(settings, machine, Some(dir.read_json(ENCODER)?), console)
    }

    fn classes(&self) -> usize {
        self.train.classes()
    }

    /// Columns of weights: the second class's of two, and otherwise each class's.
    fn columns(&self) -> usize {
        if self.classes() == 2 { 1 } else { self.classes() }
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
            selected: None,
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
