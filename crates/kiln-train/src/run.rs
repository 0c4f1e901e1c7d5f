//! One run of the minibatch loop: steps, ends of epochs, and the end.

mod clock;
mod evaluated;

use std::{ops::ControlFlow, sync::atomic::Ordering, time::Instant};

use burn::{module::Module, optim::GradientsParams, tensor::Device};
use kiln_data::{Dataset, Order};
use kiln_optim::{ReduceOnPlateau, StepError};
use kiln_tensor::{Stream, params};

use self::{
    clock::{Clock, Rate},
    evaluated::Evaluated,
};
use crate::{
    EpochReport, Metrics, Objective, Observer, StepReport, TrainError, TrainOutcome, TrainStatus, Watched,
    checkpoint::Position,
    early_stopping::Patience,
    evaluate::{evaluate_on, seed_device},
    metrics::RunningMean,
    setup::Setup,
};

/// The data of a run. `device` is on autodiff.
pub(crate) struct Data<'t, D> {
    pub(crate) train: &'t D,
    pub(crate) test: Option<&'t D>,
    pub(crate) device: &'t Device,
}

/// Whether to go on: the inner error is the reason to stop.
type Step = Result<Result<(), TrainStatus>, TrainError>;

pub(crate) struct Run<'t, 'a, M, O, D> {
    setup: Setup<'a, M>,
    /// Absent only while the optimiser has it, which must own it to update it in place.
    model: Option<M>,
    at: Position,
    objective: &'t O,
    data: Data<'t, D>,
    clock: Clock,
    /// The minibatches of the current step: several if gradients are accumulated.
    of_step: RunningMean,
    train: Metrics,
    test: Option<Metrics>,
    /// The Euclidean norm of the last minibatch's gradient.
    last_norm: f64,
    /// Gradients that earlier processes skipped.
    skipped_before: u64,
    /// Whether an observer asked to stop.
    stop: bool,
}

impl<'t, 'a, M, O, D> Run<'t, 'a, M, O, D>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    pub(crate) fn new(
        setup: Setup<'a, M>,
        model: M,
        mut at: Position,
        objective: &'t O,
        data: Data<'t, D>,
    ) -> Result<Self, TrainError> {
        if data.train.is_empty() {
            return Err(TrainError::Empty);
        }
        let config = &setup.config;
        // The settings take precedence over a checkpoint: a controller with other settings starts anew.
        at.plateau = match (config.plateau, at.plateau) {
            (Some(asked), Some(saved)) if saved.config() == asked => Some(saved),
            (Some(asked), _) => Some(ReduceOnPlateau::new(asked)?),
            (None, _) => None,
        };
        at.patience = match (config.early_stopping, at.patience) {
            (Some(asked), Some(saved)) if saved.config() == asked => Some(saved),
            (asked, _) => asked.map(Patience::new),
        };
        let data = Data { test: data.test.filter(|test| !test.is_empty()), ..data };
        let rows: Vec<usize> = (0..data.train.len().min(config.batch_size_at(at.step, data.train.len()))).collect();
        let plain = data.device.clone().without_autodiff();
        objective.check(&model.valid(), data.train.batch_in_epoch(&rows, at.epoch, &plain))?;
        Ok(Self {
            setup,
            model: Some(model),
            clock: Clock::starting_at(at.wall_s),
            train: at.train.clone().unwrap_or_else(Metrics::unknown),
            test: at.test.clone().filter(|_| data.test.is_some()),
            skipped_before: at.skipped,
            at,
            objective,
            data,
            of_step: RunningMean::default(),
            last_norm: f64::NAN,
            stop: false,
        })
    }

    /// Runs to the end, writes a checkpoint, and evaluates the result.
    pub(crate) fn finish(mut self) -> Result<TrainOutcome<M>, TrainError> {
        let per_step = self.setup.optimizer.gradients_per_step();
        let total = self.setup.config.steps(self.data.train.len(), per_step);
        for observer in &mut self.setup.observers {
            observer.on_start(self.at.step, total)?;
        }
        let status = match self.at.ending(&self.setup.config) {
            // The checkpoint is the last one of its run: there is nothing to train and nothing to write.
            Some(status) => status,
            None => self.run()?,
        };
        let model = match status {
            // The point whose gradient was measured, not the iterate behind it.
            TrainStatus::Converged => self.model().valid(),
            _ => self.setup.optimizer.average(self.model()).valid(),
        };
        if self.test.is_none() && !matches!(status, TrainStatus::Diverged { .. }) {
            self.test = self.evaluate(&model)?;
        }
        // A run that stopped within an epoch reports the average of that epoch so far.
        if status != TrainStatus::Converged && !self.at.running.is_empty() {
            self.train = self.at.running.mean();
        }
        Ok(TrainOutcome {
            model,
            status,
            epochs: self.at.epoch,
            steps: self.at.step,
            wall_s: self.clock.here(),
            total_wall_s: self.clock.in_all(),
            examples_per_s: self.clock.total.rate(),
            train: self.train,
            test: self.test,
            max_abs_grad: self.at.max_abs_grad,
            skipped: self.skipped_before + self.setup.optimizer.skipped(),
            gradients: self.at.gradients,
        })
    }

    /// Trains until something ends the run, and writes the last checkpoint.
    fn run(&mut self) -> Result<TrainStatus, TrainError> {
        if self.at.ended.take() == Some(TrainStatus::Converged) {
            // With a smaller tolerance the run goes on at the gradient that was within the old one: it is not counted twice.
            self.at.gradients = self.at.gradients.saturating_sub(1);
        }
        let status = self.epochs()?;
        if matches!(status, TrainStatus::Diverged { .. }) {
            return Ok(status);
        }
        self.at.ended = Some(status.clone());
        Ok(self.save()?.err().unwrap_or(status))
    }

    fn epochs(&mut self) -> Result<TrainStatus, TrainError> {
        let n = self.data.train.len();
        while self.at.epoch < self.setup.config.epochs {
            let config = &self.setup.config;
            let full = config.batch_schedule.is_none() && config.batch_size >= n;
            let order = match full {
                true => Order::Sequential,
                false => Order::Shuffled { seed: config.seed, epoch: self.at.epoch },
            };
            let order = order.rows(n);
            while self.at.row < n {
                let end = n.min(self.at.row + self.setup.config.batch_size_at(self.at.step, n));
                if let Err(stopped) = self.minibatch(&order[self.at.row..end])? {
                    return Ok(stopped);
                }
                // A request to stop in the last step of an epoch takes effect after that epoch's evaluation.
                if self.at.row < n
                    && !self.setup.optimizer.is_pending()
                    && let Some(stopped) = self.request_to_stop()
                {
                    return Ok(stopped);
                }
            }
            if let Err(stopped) = self.end_of_epoch()? {
                return Ok(stopped);
            }
        }
        Ok(TrainStatus::Completed)
    }

    /// Evaluates one gradient, and takes the step that it completes.
    fn minibatch(&mut self, rows: &[usize]) -> Step {
        let tick = Instant::now();
        let (seed, epoch, device) = (self.setup.config.seed, self.at.epoch, self.data.device);
        let batch = self.data.train.batch_in_epoch(rows, epoch, device);
        let mut noise = Stream::new(seed, "noise", epoch, self.at.batch);
        seed_device(device, seed, "device", (epoch, self.at.batch));
        let evaluated = Evaluated::new(self.model(), self.objective, batch, &mut noise)?;
        let not_finite = evaluated.not_finite(self.model());
        if let Some(what) = &not_finite
            && (evaluated.norm.is_finite() || !self.setup.optimizer.skips_non_finite())
        {
            return Ok(Err(self.diverged(what.clone())));
        }
        (self.at.max_abs_grad, self.last_norm) = (evaluated.largest, evaluated.norm);
        self.at.gradients += 1;
        let whole = self.setup.optimizer.gradients_per_step() == 1;
        if whole && self.setup.config.gtol.is_some_and(|gtol| evaluated.largest <= gtol) {
            self.train = evaluated.metrics();
            (self.test, self.at.score) = (None, None);
            return Ok(Err(TrainStatus::Converged));
        }
        if not_finite.is_none() {
            for mean in [&mut self.at.running, &mut self.of_step] {
                mean.add(rows.len(), evaluated.loss, evaluated.terms.iter().copied());
            }
        }
        self.at.batch += 1;
        self.at.row += rows.len();
        let model = self.model.take().expect("the model is put back after every update");
        let norm = evaluated.norm;
        let prepared = self.setup.optimizer.prepare(&model, evaluated.gradients, Some(norm));
        self.update(model, prepared, rows.len(), norm, tick)
    }

    /// Takes the step that is ready, if there is one, and reports it.
    fn update(
        &mut self,
        model: M,
        prepared: Result<Option<GradientsParams>, StepError>,
        examples: usize,
        grad_norm: f64,
        tick: Instant,
    ) -> Step {
        let gradients = match prepared {
            Ok(Some(gradients)) => gradients,
            Ok(None) => {
                self.model = Some(model);
                self.clock.add(examples, tick.elapsed());
                return Ok(Ok(()));
            }
            Err(StepError::NonFinite { parameter, .. }) => {
                self.model = Some(model);
                return Ok(Err(self.diverged(format!("the gradient of {parameter}"))));
            }
            Err(error) => return Err(error.into()),
        };
        let lr = self.lr_at(self.at.step);
        self.model = Some(self.setup.optimizer.apply(lr, model, gradients));
        self.clock.add(examples, tick.elapsed());
        // What was measured belongs to the model before the step.
        (self.test, self.at.score) = (None, None);
        let step = self.at.step + 1;
        let due = step.is_multiple_of(self.setup.config.log_every);
        let report = StepReport {
            step,
            epoch: self.at.epoch + 1,
            split: "train",
            metrics: std::mem::take(&mut self.of_step).mean(),
            lr,
            momentum: self.setup.optimizer.momentum_at(self.at.step),
            batch_size: self.setup.config.batch_size_at(self.at.step, self.data.train.len()),
            grad_norm,
            examples_per_s: self.clock.interval.rate(),
            due,
        };
        self.at.step = step;
        if due {
            self.clock.interval = Rate::default();
        }
        self.tell(|observer, model| observer.on_step(&report, model))?;
        Ok(Ok(()))
    }

    fn lr_at(&self, step: u64) -> f64 {
        self.setup.config.schedule.at(step) * self.at.plateau.as_ref().map_or(1.0, ReduceOnPlateau::multiple)
    }

    fn diverged(&self, what: String) -> TrainStatus {
        TrainStatus::Diverged { what, step: self.at.step + 1 }
    }

    /// Averages, evaluates, and writes a checkpoint if one is due.
    fn end_of_epoch(&mut self) -> Step {
        // Gradients that were waiting for more make a step of their own, so that an epoch leaves nothing behind.
        if self.setup.optimizer.is_pending() {
            let model = self.model.take().expect("the model is put back after every update");
            let prepared = self.setup.optimizer.flush(&model);
            if let Err(stopped) = self.update(model, prepared, 0, self.last_norm, Instant::now())? {
                return Ok(Err(stopped));
            }
        }
        self.at.epoch += 1;
        (self.at.batch, self.at.row) = (0, 0);
        self.train = std::mem::take(&mut self.at.running).mean();
        let done = self.at.epoch >= self.setup.config.epochs;
        let last = done || self.request_to_stop().is_some();
        let due = self.at.epoch.is_multiple_of(self.setup.config.evaluate_every);
        if (last || due)
            && let Err(diverged) = self.evaluate_epoch(due)?
        {
            return Ok(Err(diverged));
        }
        if done {
            return Ok(Ok(()));
        }
        if self.at.patience.as_ref().is_some_and(Patience::is_exhausted) {
            return Ok(Err(TrainStatus::StoppedEarly));
        }
        if let Some(stopped) = self.request_to_stop() {
            return Ok(Err(stopped));
        }
        // The end of a run writes its own checkpoint.
        if self.at.epoch.is_multiple_of(self.setup.config.checkpoint_every) {
            return self.save();
        }
        Ok(Ok(()))
    }

    /// Reports the epoch on both splits, and tells the controllers about it if the evaluation was `due`.
    fn evaluate_epoch(&mut self, due: bool) -> Step {
        let rate = std::mem::take(&mut self.clock.epoch).rate();
        self.report_epoch("train-epoch", self.train.clone(), rate)?;
        let tick = Instant::now();
        self.test = self.evaluate(&self.setup.optimizer.average(self.model()))?;
        if let (Some(metrics), Some(test)) = (self.test.clone(), self.data.test) {
            let finite = metrics.loss.is_finite();
            self.at.score = Some(metrics.loss);
            self.report_epoch("test", metrics, test.len() as f64 / tick.elapsed().as_secs_f64())?;
            if !finite {
                let parameter = params::first_non_finite(self.model()).map(|name| format!("the parameter {name}"));
                let what = parameter.unwrap_or_else(|| "the held-out loss".to_owned());
                return Ok(Err(TrainStatus::Diverged { what, step: self.at.step }));
            }
        }
        // A run that was not interrupted here would not evaluate here.
        if due {
            let loss = self.test.as_ref().map_or(self.train.loss, |test| test.loss);
            if let Some(plateau) = &mut self.at.plateau {
                plateau.observe(loss);
            }
            if let Some(patience) = &mut self.at.patience {
                patience.observe(loss);
            }
        }
        Ok(Ok(()))
    }

    fn report_epoch(&mut self, split: &'static str, metrics: Metrics, examples_per_s: f64) -> Result<(), TrainError> {
        let lr = self.lr_at(self.at.step.saturating_sub(1));
        let report = EpochReport { step: self.at.step, epoch: self.at.epoch, split, metrics, lr, examples_per_s };
        self.tell(|observer, model| observer.on_epoch(&report, model))
    }

    /// Calls every observer, and notes whether one asked to stop.
    fn tell<F>(&mut self, call: F) -> Result<(), TrainError>
    where
        F: Fn(&mut (dyn Observer<M> + 'a), &Watched<'_, M>) -> Result<ControlFlow<()>, TrainError>,
    {
        let module = self.model.as_ref().expect("the model is put back after every update");
        let Setup { observers, optimizer, .. } = &mut self.setup;
        let watched = Watched { module, optimizer };
        for observer in observers {
            self.stop |= call(observer.as_mut(), &watched)?.is_break();
        }
        Ok(())
    }

    fn evaluate(&self, model: &M) -> Result<Option<Metrics>, TrainError> {
        let Some(test) = self.data.test else { return Ok(None) };
        let config = &self.setup.config;
        evaluate_on(self.data.device, model, self.objective, test, config.evaluation_batch, config.seed).map(Some)
    }

    /// Writes a checkpoint, unless a parameter is not finite.
    fn save(&mut self) -> Step {
        if let Some(name) = params::first_non_finite(self.model()) {
            return Ok(Err(TrainStatus::Diverged { what: format!("the parameter {name}"), step: self.at.step }));
        }
        let optimizer = &self.setup.optimizer;
        self.at.wall_s = self.clock.in_all();
        self.at.skipped = self.skipped_before + optimizer.skipped();
        self.at.skipped_in_a_row = optimizer.skipped_in_a_row();
        self.at.train = Some(self.train.clone());
        self.at.test = self.test.clone();
        if let Some(checkpoints) = &self.setup.checkpoints {
            for observer in &mut self.setup.observers {
                observer.on_checkpoint(&self.at)?;
            }
            let model = self.model.as_ref().expect("the model is put back after every update");
            checkpoints.save(model, &self.setup.optimizer, &self.at)?;
        }
        Ok(Ok(()))
    }

    fn model(&self) -> &M {
        self.model.as_ref().expect("the model is put back after every update")
    }

    /// Why someone wants the run to stop, if anyone does.
    fn request_to_stop(&self) -> Option<TrainStatus> {
        if self.stop {
            return Some(TrainStatus::StoppedByObserver);
        }
        self.setup.interrupt.load(Ordering::SeqCst).then_some(TrainStatus::Interrupted)
    }
}
