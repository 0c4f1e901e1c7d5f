//! A regression by a solver, over all training rows at each step, and what its maximum says of the coefficients.

use std::{ops::ControlFlow, sync::atomic::Ordering};

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{Dataset, Supervised},
    dist::Distribution,
    models::{Inference, InferenceTable, RegressionLoss, Separation},
    optim::solver::{Bounds, Iteration, L1, Outcome, Snapshot, Status, Stop},
    tensor::flat::Layout,
    train::{MaximumLikelihood, Metrics, evaluate},
};

use super::{
    EVALUATION_BATCH, Job, Resident,
    certificate::{FitCertificate, SeparationCertificate},
    log::Log,
    regression::{Regression, coefficient_table},
    report::{LogisticResult, Selected, text},
};
use crate::{
    config::{ClassWeight, Config, Dtype, LogisticModel},
    console::Console,
    failure::{Exit, Failure, Result},
    interrupt,
    record::{RunRecord, Summary},
    rundir::RunDir,
    snapshots::Snapshots,
    solver::{SolverName, Start, Task, default_max_iter, default_solver, ending},
    verify::CERTIFICATE,
};

const SUMMARY: &str = "summary.txt";
/// Parameters beyond which the Hessian is not made, nor a separation looked for.
pub(super) const LARGEST_HESSIAN: usize = 1000;

struct Ending {
    status: &'static str,
    exit: Exit,
    message: String,
}

/// An outcome, and the seconds that it took in this process, and in those before too.
struct Minimized {
    outcome: Outcome,
    wall_s: f64,
    total_wall_s: f64,
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
    /// Whether the Hessian is one that fits.
    pub(super) fn is_small(&self) -> bool {
        (self.train.features() + 1) * self.columns() <= LARGEST_HESSIAN
    }

    /// Fills in the settings of a solver, so that `config.toml` states them.
    pub(super) fn settle_solver(&mut self) -> SolverName {
        let model = self.settings.model;
        let default = default_solver(model.l1 > 0.0, model.is_bounded());
        let name = *self.settings.solver.name.get_or_insert(default);
        self.settings.solver.max_iter.get_or_insert(default_max_iter(name));
        self.settings.train.gtol.get_or_insert(if self.machine.dtype == Dtype::F64 { 1e-8 } else { 1e-5 });
        self.settings.run.dtype = Some(self.machine.dtype);
        name
    }

    pub(super) fn loss(&self) -> Result<RegressionLoss> {
        let device = &self.machine.device;
        let shape = [self.train.len(), self.train.features()];
        let inputs = Tensor::from_data(TensorData::new(self.train.inputs().to_vec(), shape), device);
        let LogisticModel { l2, class_weight, .. } = self.settings.model;
        let loss = RegressionLoss::new(inputs, self.train.targets(), self.classes())
            .and_then(|loss| loss.l2(l2))
            .map_err(Failure::usage)?;
        let loss = match (class_weight, &self.weights) {
            (ClassWeight::None, None) => loss,
            (ClassWeight::None, Some(weights)) => loss.weights(weights).map_err(Failure::usage)?,
            (ClassWeight::Balanced, weights) => {
                loss.weights(&self.balanced(weights.as_deref())).map_err(Failure::usage)?
            }
        };
        Ok(loss.rescaled())
    }

    /// Each row's weight times n / (classes · the weight of its class), n being the weight of all.
    fn balanced(&self, weights: Option<&[f64]>) -> Vec<f64> {
        let targets = self.train.targets();
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let mut of_class = vec![0.0; self.classes()];
        targets.iter().enumerate().for_each(|(row, &class)| of_class[class] += weight(row));
        #[allow(clippy::cast_precision_loss, reason = "a number of classes")]
        let share = of_class.iter().sum::<f64>() / of_class.len() as f64;
        targets.iter().enumerate().map(|(row, &class)| weight(row) * share / of_class[class]).collect()
    }

    /// Where the run stopped, if it may go on from there.
    pub(super) fn snapshot(&self, dir: &RunDir) -> Result<Snapshot> {
        let snapshot = Snapshots::read(dir)?;
        let (had, has) = (snapshot.dtype(), self.machine.dtype);
        if had.is_some_and(|dtype| dtype != has.float().into()) {
            let name = has.name();
            return Err(Failure::usage(format!(
                "the run was not computed in {name}: start a new run with --dtype {name}"
            )));
        }
        let done = snapshot.history()?.last().map_or(0, |last| last.iteration);
        let allowed = self.settings.solver.max_iter.unwrap_or(usize::MAX);
        if done < allowed {
            return Ok(snapshot);
        }
        Err(Failure::usage(format!(
            "the run has taken {done} of {allowed} steps: give --max-iter above {done} to go on"
        )))
    }

    /// Fits, from the start or from a snapshot, and writes the run.
    pub(super) fn fit<M>(
        &self,
        name: SolverName,
        from: Option<Snapshot>,
        dir: &RunDir,
        console: Console,
    ) -> Result<Exit>
    where
        M: Regression,
        Supervised: Into<(Tensor<2>, <M::Output as Distribution<2>>::Value)>,
    {
        let mut record = RunRecord::new(self.data.clone(), &self.machine, self.settings.run.seed);
        let loss = self.loss()?;
        if from.is_none() {
            // A run that is resumed is what it was until it has taken a step.
            dir.write_json("run.json", &record)?;
        }
        let Minimized { outcome, wall_s, total_wall_s } = self.minimize(name, from, &loss, dir, console)?;
        record.wall_s = Some(total_wall_s);
        dir.write_json("run.json", &record)?;
        dir.write_config(&Config::Logistic(self.settings.clone()))?;
        // What earlier ends of the run said.
        dir.remove(CERTIFICATE)?;
        dir.remove(SUMMARY)?;

        let model: M = self.model();
        let layout = Layout::of(&model);
        let model = layout.unflatten(model, &loss.parameters(&outcome.x)).expect("the loss has its parameters").valid();
        let mut ending = self.ending(&loss, &outcome, dir)?;
        if ending.exit == Exit::Done {
            match self.certificate(&loss, &outcome.x) {
                Ok(certificate) => {
                    let kind = FitCertificate::KIND.to_owned();
                    dir.write_json(CERTIFICATE, &FitCertificate { kind, certificate })?;
                }
                Err(reason) => console.note(format_args!("no {CERTIFICATE}: {reason}")),
            }
        }
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
            dir.write(SUMMARY, table.to_string().as_bytes())?;
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
        let (run, steps, interrupted) =
            (dir.path().display(), outcome.iterations, interrupt::flag().load(Ordering::Relaxed));
        let message = match outcome.status {
            Status::Budget => format!(
                "the gradient is {:.1e} after {steps} steps, above --gtol: go on with `kiln resume {run} --max-iter {}`",
                outcome.grad_norm,
                10 * steps.max(1)
            ),
            Status::Stopped if interrupted => {
                format!("interrupted after {steps} steps: go on with `kiln resume {run}`")
            }
            _ => outcome.message.clone(),
        };
        let as_it_is = Ending { status, exit, message };
        let model = &self.settings.model;
        if model.is_penalised() || outcome.status == Status::NotFinite || interrupted {
            return Ok(as_it_is);
        }
        let separation = if self.is_small() { loss.separation(&outcome.x) } else { None };
        // Bounds may be in its way; and it must be one of the data as they came, which f32 may not hold.
        let (inputs, targets) = (self.train.inputs(), self.train.targets());
        let separation = separation.filter(|found| {
            let sides = found.sides(inputs, targets).expect("it is of these data");
            model.is_open_to(&found.weights) && sides.separates && sides.on_the_plane == found.on_the_plane
        });
        if separation.is_none() && (model.is_bounded() || !loss.is_separated(outcome.value)) {
            return Ok(as_it_is);
        }
        let message = separated(separation.as_ref(), self.train.len());
        if let Some(separation) = separation {
            let certificate = SeparationCertificate {
                kind: SeparationCertificate::KIND.to_owned(),
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
        let model = self.settings.model;
        if model.is_biased() || ending.exit != Exit::Done {
            return None;
        }
        if !self.is_small() {
            ending.message = format!("{}; no standard errors: more than {LARGEST_HESSIAN} parameters", ending.message);
            return None;
        }
        match loss.inference(&outcome.x, model.cov_type) {
            Ok(inference) => Some(inference),
            Err(error) => {
                ending.message = format!("{}; no standard errors: {error}", ending.message);
                None
            }
        }
    }

    fn minimize(
        &self,
        name: SolverName,
        from: Option<Snapshot>,
        loss: &RegressionLoss,
        dir: &RunDir,
        console: Console,
    ) -> Result<Minimized> {
        let (model, train, solver) = (&self.settings.model, &self.settings.train, &self.settings.solver);
        let (lower, upper) =
            loss.bounds(model.lower.unwrap_or(f64::NEG_INFINITY), model.upper.unwrap_or(f64::INFINITY));
        let stop =
            Stop { gtol: train.gtol.expect("settled"), max_iter: solver.max_iter.expect("settled"), ..Stop::default() };
        let mut snapshots = Snapshots::start(dir, from.as_ref())?;
        let mut log = Log::start(dir, from.as_ref())?;
        let start = match from {
            Some(snapshot) => Start::Again(snapshot, self.machine.device.clone()),
            None => Start::At(loss.start()),
        };
        let (bounds, l1) = (Bounds::new(lower, upper)?, L1::new(loss.l1_weights(model.l1))?);
        let every = usize::try_from(train.log_every).unwrap_or(usize::MAX);
        let interrupted = interrupt::flag();
        let may_run_away = !model.is_penalised() && !model.is_bounded();
        let mut written = Ok(());
        let task = Task { problem: loss, start, stop, bounds, l1 };
        let (outcome, last) = name.minimize(task, |iteration, snapshot| {
            written = log.write(iteration).and_then(|()| snapshots.offer(snapshot));
            let Iteration { iteration: step, value, grad_norm, values, .. } = *iteration;
            if step % every == 0 {
                console.note(format_args!("step {step:>6}  pass {values:>6}  loss {value:.9}  |g| {grad_norm:.3e}"));
            }
            let stops = written.is_err() || interrupted.load(Ordering::Relaxed);
            if stops || (may_run_away && loss.is_separated(value)) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        written.and_then(|()| log.flush()).and_then(|()| snapshots.write(last))?;
        Ok(Minimized { outcome, wall_s: snapshots.own_wall_s(), total_wall_s: snapshots.wall_s() })
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
            selected: self.selected(outcome),
        };
        Ok(Finished { content, exit })
    }

    /// What an l1 penalty left.
    fn selected(&self, outcome: &Outcome) -> Option<Selected> {
        if self.settings.model.l1 <= 0.0 {
            return None;
        }
        let mut weights = crate::to_vec(outcome.x.clone());
        weights.truncate(self.train.features() * self.columns());
        Some(Selected { nonzero: weights.iter().filter(|w| w.abs() > 0.0).count(), of: weights.len() })
    }
}
