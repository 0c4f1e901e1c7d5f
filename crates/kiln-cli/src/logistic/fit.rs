//! A regression by a solver, over all training rows at each step, and what its maximum says of the coefficients.

use std::{
    fs::File,
    io::{BufWriter, Write},
    ops::ControlFlow,
    sync::atomic::Ordering,
    time::Instant,
};

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{Dataset, Supervised},
    dist::Distribution,
    models::{Inference, InferenceTable, RegressionLoss, Separation},
    optim::solver::{Iteration, Outcome, Status, Stop},
    tensor::flat::Layout,
    train::{MaximumLikelihood, Metrics, evaluate},
};

use serde::{Deserialize, Serialize};

use super::{EVALUATION_BATCH, Job, LogisticResult, Resident, regression::Regression, text};
use crate::{
    config::{ClassWeight, Dtype, LogisticModel},
    console::Console,
    failure::{Exit, Failure, Result},
    interrupt,
    logistic::regression::coefficient_table,
    record::{RunRecord, Summary},
    rundir::RunDir,
    solver::{SolverName, default_max_iter, ending},
};

/// A line of `metrics.jsonl`.
#[derive(Serialize)]
struct Line {
    step: usize,
    /// Passes over the data: evaluations.
    epoch: usize,
    split: &'static str,
    loss: f64,
    grad_norm: f64,
}

/// `certificate.json`: what shows that the fit has no solution, for `kiln verify`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Certificate {
    kind: String,
    /// In the order of the weights, which are in the units of `coef`.
    features: Vec<String>,
    /// The second is on the positive side.
    classes: Vec<String>,
    #[serde(flatten)]
    pub(super) separation: Separation,
}

pub(super) const CERTIFICATE: &str = "certificate.json";
/// Parameters beyond which the Hessian is not made.
const LARGEST_HESSIAN: usize = 1000;

struct Ending {
    status: &'static str,
    exit: Exit,
    message: String,
}

struct Finished {
    content: LogisticResult,
    exit: Exit,
}

fn separated(separation: Option<&Separation>, rows: usize) -> String {
    let how = match separation {
        Some(Separation { complete: false, on_the_plane, .. }) => {
            format!("the classes but for {on_the_plane} of {rows} rows, which lie on it")
        }
        _ => "the classes".to_owned(),
    };
    let proof = if separation.is_some() { "; certificate.json has it, for `kiln verify`" } else { "" };
    format!("a plane separates {how}, so that the likelihood has no maximum: give an --l2 above 0{proof}")
}

impl Job {
    /// Fills in the settings of a solver, so that `config.toml` states them.
    pub(super) fn settle_solver(&mut self) -> SolverName {
        let name = *self.settings.solver.name.get_or_insert(SolverName::LBfgs);
        self.settings.solver.max_iter.get_or_insert(default_max_iter(name));
        self.settings.train.gtol.get_or_insert(if self.machine.dtype == Dtype::F64 { 1e-8 } else { 1e-5 });
        self.settings.run.dtype = Some(self.machine.dtype);
        name
    }

    fn loss(&self) -> Result<RegressionLoss> {
        let device = &self.machine.device;
        let shape = [self.train.len(), self.train.features()];
        let inputs = Tensor::from_data(TensorData::new(self.train.inputs().to_vec(), shape), device);
        let LogisticModel { l2, class_weight, .. } = self.settings.model;
        let loss = RegressionLoss::new(inputs, self.train.targets(), self.classes()).map_err(Failure::usage)?.l2(l2);
        let loss = match class_weight {
            ClassWeight::None => loss,
            ClassWeight::Balanced => loss.weights(&self.balanced()).map_err(Failure::usage)?,
        };
        Ok(loss.rescaled())
    }

    /// n / (classes · rows of its class) for each row.
    fn balanced(&self) -> Vec<f64> {
        let mut rows = vec![0.0; self.classes()];
        self.train.targets().iter().for_each(|&class| rows[class] += 1.0);
        #[allow(clippy::cast_precision_loss, reason = "numbers of rows and classes")]
        let share = self.train.len() as f64 / rows.len() as f64;
        self.train.targets().iter().map(|&class| share / rows[class]).collect()
    }

    /// Fits, and writes the run.
    pub(super) fn fit<M>(&self, name: SolverName, dir: &RunDir, console: Console) -> Result<Exit>
    where
        M: Regression,
        Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
    {
        let mut record = RunRecord::new(self.data.clone(), &self.machine, self.settings.run.seed);
        dir.write_json("run.json", &record)?;
        let loss = self.loss()?;
        let started = Instant::now();
        let outcome = self.minimize(name, &loss, dir, console)?;
        let wall_s = started.elapsed().as_secs_f64();
        record.wall_s = Some(wall_s);
        dir.write_json("run.json", &record)?;

        let model: M = self.model();
        let layout = Layout::of(&model);
        let model = layout.unflatten(model, &loss.parameters(&outcome.x)).expect("the loss has its parameters").valid();
        let mut ending = self.ending(&loss, &outcome, dir)?;
        let inference = self.inference(&loss, &outcome, &mut ending);
        let result = self.result(name, &outcome, &model, (ending, wall_s), inference)?;
        if result.exit != Exit::Diverged {
            dir.write_model(&model)?;
            let inference = result.content.inference.as_ref();
            dir.write("coef.csv", &coefficient_table(&model, &self.encoder, inference)?)?;
        }
        if let Some(inference) = &result.content.inference {
            let table = InferenceTable {
                inference,
                target: self.encoder.target().map_or("y", |target| target.name.as_str()),
                features: &self.encoder.feature_names(),
                classes: self.encoder.class_names(),
                converged: outcome.success,
            };
            dir.write("summary.txt", table.to_string().as_bytes())?;
        }
        dir.write_json("result.json", &result.content)?;
        console.result(&result.content, || text(dir, &result.content));
        match result.exit {
            Exit::Diverged | Exit::NotConverged => {
                Err(Failure { message: result.content.summary.message, exit: result.exit })
            }
            exit => Ok(exit),
        }
    }

    /// How the fit ended: as the solver says, or because the classes can be separated, of which the proof is written.
    fn ending(&self, loss: &RegressionLoss, outcome: &Outcome, dir: &RunDir) -> Result<Ending> {
        let (status, exit) = ending(outcome.status);
        let as_it_is = Ending { status, exit, message: outcome.message.clone() };
        let interrupted = interrupt::flag().load(Ordering::Relaxed);
        if self.settings.model.l2 > 0.0 || outcome.status == Status::NotFinite || interrupted {
            return Ok(as_it_is);
        }
        let looks = self.classes() == 2 && self.train.features() <= LARGEST_HESSIAN;
        let separation = if looks { loss.separation(&outcome.x) } else { None };
        if separation.is_none() && !loss.is_separated(outcome.value) {
            return Ok(as_it_is);
        }
        let message = separated(separation.as_ref(), self.train.len());
        if let Some(separation) = separation {
            let certificate = Certificate {
                kind: "separation".into(),
                features: self.encoder.feature_names(),
                classes: self.encoder.class_names().to_vec(),
                separation,
            };
            dir.write_json(CERTIFICATE, &certificate)?;
        }
        Ok(Ending { status: "separated", exit: Exit::NotConverged, message })
    }

    /// Standard errors, which are those of maximum likelihood at its maximum.
    fn inference(&self, loss: &RegressionLoss, outcome: &Outcome, ending: &mut Ending) -> Option<Inference> {
        let LogisticModel { l2, class_weight, cov_type } = self.settings.model;
        let small = self.train.features() * self.classes() <= LARGEST_HESSIAN;
        if l2 > 0.0 || class_weight != ClassWeight::None || ending.exit != Exit::Done || !small {
            return None;
        }
        match loss.inference(&outcome.x, cov_type) {
            Ok(inference) => Some(inference),
            Err(error) => {
                ending.message = format!("{}; no standard errors: {error}", ending.message);
                None
            }
        }
    }

    fn minimize(&self, name: SolverName, loss: &RegressionLoss, dir: &RunDir, console: Console) -> Result<Outcome> {
        let path = dir.file("metrics.jsonl");
        let mut log = BufWriter::new(File::create(&path).map_err(|e| Failure::write(&path, e))?);
        let mut written = Ok(());
        let interrupted = interrupt::flag();
        let (train, solver) = (&self.settings.train, &self.settings.solver);
        let stop =
            Stop { gtol: train.gtol.expect("settled"), max_iter: solver.max_iter.expect("settled"), ..Stop::default() };
        let every = usize::try_from(train.log_every).unwrap_or(usize::MAX);
        let outcome = name.minimize(loss, loss.start(), stop, |iteration, _| {
            let Iteration { iteration: step, value, grad_norm, values, .. } = *iteration;
            let line = Line { step, epoch: values, split: "train", loss: value, grad_norm };
            let line = serde_json::to_string(&line).expect("numbers");
            written = writeln!(log, "{line}");
            if step % every == 0 {
                console.note(format_args!("step {step:>6}  pass {values:>6}  loss {value:.9}  |g| {grad_norm:.3e}"));
            }
            if written.is_err() || interrupted.load(Ordering::Relaxed) || loss.is_separated(value) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        written.and_then(|()| log.flush()).map_err(|e| Failure::write(&path, e))?;
        Ok(outcome)
    }

    fn result<M>(
        &self,
        name: SolverName,
        outcome: &Outcome,
        model: &M,
        (Ending { status, exit, message }, wall_s): (Ending, f64),
        inference: Option<Inference>,
    ) -> Result<Finished>
    where
        M: Regression,
        Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
    {
        let (device, passes) = (&self.machine.device, outcome.evaluations.values);
        let data = Resident::new(&self.train, device);
        let train: Metrics = evaluate(model, &MaximumLikelihood::new(), &data, EVALUATION_BATCH, 0, device)?;
        #[allow(clippy::cast_precision_loss, reason = "a number of rows seen")]
        let seen = (self.train.len() * passes) as f64;
        let content = LogisticResult {
            summary: Summary {
                status,
                message,
                epochs: passes as u64,
                steps: outcome.iterations as u64,
                wall_s,
                examples_per_s: seen / wall_s.max(f64::MIN_POSITIVE),
                skipped: 0,
                train,
            },
            solver: Some(name),
            fun: outcome.value,
            grad_norm: outcome.grad_norm,
            nit: outcome.iterations as u64,
            nfev: passes as u64,
            njev: Some(outcome.evaluations.gradients as u64),
            nhev: Some(outcome.evaluations.hessians as u64),
            test: self.scores(model)?,
            inference,
        };
        Ok(Finished { content, exit })
    }
}
