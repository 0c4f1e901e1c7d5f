//! One run of the minibatch loop: steps, ends of epochs, and the end.

mod clock;
mod evaluated;

use std::{sync::atomic::Ordering, time::Instant};

use burn::{module::Module, optim::GradientsParams, tensor::Device};
use kiln_data::{DataError, Dataset, Order};
use kiln_optim::{ReduceOnPlateau, StepError};
use kiln_tensor::{Stream, params};

use self::{
    clock::{Clock, Rate},
    evaluated::Evaluated,
};
use crate::{
    EpochReport, Metrics, Objective, Outcome, Status, StepReport, TrainError, Trainer, checkpoint::Progress,
    evaluate::evaluate, metrics::RunningMean,
};

/// What a run trains and evaluates on.
pub(crate) struct Data<'t, D> {
    pub(crate) train: &'t D,
    pub(crate) test: Option<&'t D>,
    pub(crate) device: &'t Device,
}

pub(crate) struct Run<'t, 'a, M, O, D> {
    trainer: Trainer<'a>,
    /// Absent only while the optimiser holds it, which must own it to update it in place.
    model: Option<M>,
    at: Progress,
    objective: &'t O,
    data: Data<'t, D>,
    clock: Clock,
    /// The minibatches of the step that is under way: several where gradients are accumulated.
    of_step: RunningMean,
    train: Metrics,
    test: Option<Metrics>,
    grad_norm: f64,
    /// The Euclidean norm of the last minibatch's gradient.
    last_norm: f64,
}

impl<'t, 'a, M, O, D> Run<'t, 'a, M, O, D>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    pub(crate) fn new(
        trainer: Trainer<'a>,
        model: M,
        mut at: Progress,
        objective: &'t O,
        data: Data<'t, D>,
    ) -> Result<Self, TrainError> {
        if data.train.is_empty() {
            return Err(TrainError::Empty);
        }
        let config = &trainer.config;
        if config.batch_schedule.is_none() && config.batch_size == 0 {
            return Err(DataError::BatchSize.into());
        }
        // The settings win over a checkpoint: a controller that they do not name, or name otherwise, starts anew.
        at.plateau = match (config.plateau, at.plateau) {
            (Some(asked), Some(saved)) if saved.config() == asked => Some(saved),
            (Some(asked), _) => Some(ReduceOnPlateau::new(asked)?),
            (None, _) => None,
        };
        let data = Data { test: data.test.filter(|test| !test.is_empty()), ..data };
        Ok(Self {
            trainer,
            model: Some(model),
            clock: Clock::starting_at(at.wall_s),
            at,
            objective,
            data,
            of_step: RunningMean::default(),
            train: Metrics { loss: f64::NAN, ..Metrics::default() },
            test: None,
            grad_norm: f64::NAN,
            last_norm: f64::NAN,
        })
    }

    /// Runs to the end, saves, and evaluates what came of it.
    pub(crate) fn finish(mut self) -> Result<Outcome<M>, TrainError> {
        let per_step = self.trainer.optimizer.gradients_per_step();
        let total = self.trainer.config.steps(self.data.train.len(), per_step);
        for observer in &mut self.trainer.observers {
            observer.on_start(self.at.step, total)?;
        }
        let mut status = self.epochs()?;
        if !matches!(status, Status::Diverged { .. })
            && let Err(stopped) = self.save()?
        {
            status = stopped;
        }
        // What converged is the point whose gradient was measured, not the iterate behind it.
        let model = match status {
            Status::Converged => self.model().valid(),
            _ => self.trainer.optimizer.average(self.model()).valid(),
        };
        if self.test.is_none() && !matches!(status, Status::Diverged { .. }) {
            self.test = self.evaluate(&model)?;
        }
        // Where it converged is known at once; where it stopped within an epoch, what came so far counts.
        if status != Status::Converged && !self.at.running.is_empty() {
            self.train = self.at.running.mean();
        }
        Ok(Outcome {
            model,
            status,
            epochs: self.at.epoch,
            steps: self.at.step,
            wall_s: self.clock.here(),
            total_wall_s: self.clock.in_all(),
            examples_per_s: self.clock.total.rate(),
            train: self.train,
            test: self.test,
            grad_norm: self.grad_norm,
            skipped: self.trainer.optimizer.skipped(),
            gradients: self.at.gradients,
        })
    }

    fn epochs(&mut self) -> Result<Status, TrainError> {
        let n = self.data.train.len();
        while self.at.epoch < self.trainer.config.epochs {
            let config = &self.trainer.config;
            let full = config.batch_schedule.is_none() && config.batch_size >= n;
            let order = match full {
                true => Order::Sequential,
                false => Order::Shuffled { seed: config.seed, epoch: self.at.epoch },
            };
            let order = order.rows(n);
            while self.at.row < n {
                let end = n.min(self.at.row + self.trainer.config.batch_size_at(self.at.step, n));
                if let Err(stopped) = self.minibatch(&order[self.at.row..end])? {
                    return Ok(stopped);
                }
                // Someone's wish to stop in the last step of an epoch is met after that epoch's evaluation.
                if self.is_interrupted() && self.at.row < n && !self.trainer.optimizer.is_pending() {
                    return Ok(Status::Interrupted);
                }
            }
            if let Err(stopped) = self.end_of_epoch()? {
                return Ok(stopped);
            }
        }
        Ok(Status::Completed)
    }

    /// One gradient, and the step that it completes; the inner error is the reason to stop before it.
    fn minibatch(&mut self, rows: &[usize]) -> Result<Result<(), Status>, TrainError> {
        let tick = Instant::now();
        let batch = self.data.train.batch_in_epoch(rows, self.at.epoch, &self.data.device.clone().autodiff());
        let mut noise = Stream::new(self.trainer.config.seed, "noise", self.at.epoch, self.at.batch);
        let evaluated = Evaluated::new(self.model(), self.objective, batch, &mut noise)?;
        let not_finite = evaluated.not_finite(self.model());
        if let Some(what) = &not_finite
            && (evaluated.norm.is_finite() || !self.trainer.optimizer.skips_non_finite())
        {
            return Ok(Err(self.diverged(what.clone())));
        }
        (self.grad_norm, self.last_norm) = (evaluated.largest, evaluated.norm);
        self.at.gradients += 1;
        let whole = self.trainer.optimizer.gradients_per_step() == 1;
        if whole && self.trainer.config.gtol.is_some_and(|gtol| evaluated.largest <= gtol) {
            self.train = evaluated.metrics();
            self.test = None;
            return Ok(Err(Status::Converged));
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
        let prepared = self.trainer.optimizer.prepare(&model, evaluated.gradients, Some(norm));
        self.update(model, prepared, rows.len(), norm, tick)
    }

    /// Takes the step that is ready, if one is, and reports it.
    fn update(
        &mut self,
        model: M,
        prepared: Result<Option<GradientsParams>, StepError>,
        examples: usize,
        grad_norm: f64,
        tick: Instant,
    ) -> Result<Result<(), Status>, TrainError> {
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
        self.model = Some(self.trainer.optimizer.apply(lr, model, gradients));
        self.clock.add(examples, tick.elapsed());
        let report = StepReport {
            step: self.at.step + 1,
            epoch: self.at.epoch + 1,
            split: "train",
            metrics: std::mem::take(&mut self.of_step).mean(),
            lr,
            momentum: self.trainer.optimizer.momentum_at(self.at.step),
            batch_size: self.trainer.config.batch_size_at(self.at.step, self.data.train.len()),
            grad_norm,
            examples_per_s: self.clock.interval.rate(),
        };
        self.test = None;
        self.at.step += 1;
        let due = self.at.step.is_multiple_of(self.trainer.config.log_every.max(1));
        if due {
            self.clock.interval = Rate::default();
        }
        for observer in &mut self.trainer.observers {
            observer.on_step(&report, due)?;
        }
        Ok(Ok(()))
    }

    fn lr_at(&self, step: u64) -> f64 {
        self.trainer.config.schedule.at(step) * self.at.plateau.as_ref().map_or(1.0, ReduceOnPlateau::multiple)
    }

    fn diverged(&self, what: String) -> Status {
        Status::Diverged { what, step: self.at.step + 1 }
    }

    /// Averages, evaluation and checkpoint; the inner error is the reason to stop.
    fn end_of_epoch(&mut self) -> Result<Result<(), Status>, TrainError> {
        // Gradients that were waiting for more make a step of their own: an epoch leaves nothing behind.
        if self.trainer.optimizer.is_pending() {
            let model = self.model.take().expect("the model is put back after every update");
            let prepared = self.trainer.optimizer.flush(&model);
            if let Err(stopped) = self.update(model, prepared, 0, self.last_norm, Instant::now())? {
                return Ok(Err(stopped));
            }
        }
        self.at.epoch += 1;
        (self.at.batch, self.at.row) = (0, 0);
        self.train = std::mem::take(&mut self.at.running).mean();
        let done = self.at.epoch >= self.trainer.config.epochs;
        let interrupted = !done && self.is_interrupted();
        let last = interrupted || done;
        let due = self.at.epoch.is_multiple_of(self.trainer.config.evaluate_every.max(1));
        if last || due {
            let rate = std::mem::take(&mut self.clock.epoch).rate();
            self.report_epoch("train-epoch", self.train.clone(), rate)?;
            let tick = Instant::now();
            self.test = self.evaluate(&self.trainer.optimizer.average(self.model()))?;
            if let (Some(metrics), Some(test)) = (self.test.clone(), self.data.test) {
                let finite = metrics.loss.is_finite();
                self.at.score = Some(metrics.loss);
                self.report_epoch("test", metrics, test.len() as f64 / tick.elapsed().as_secs_f64())?;
                if !finite {
                    let parameter = params::first_non_finite(self.model()).map(|name| format!("the parameter {name}"));
                    let what = parameter.unwrap_or_else(|| "the held-out loss".to_owned());
                    return Ok(Err(Status::Diverged { what, step: self.at.step }));
                }
            }
            // An evaluation that is only due because the run stops here is none of a longer run's.
            if let Some(plateau) = self.at.plateau.as_mut().filter(|_| due) {
                plateau.observe(self.test.as_ref().map_or(self.train.loss, |test| test.loss));
            }
        }
        if interrupted {
            return Ok(Err(Status::Interrupted));
        }
        // The end of a run saves on its own.
        if !last && self.at.epoch.is_multiple_of(self.trainer.config.checkpoint_every.max(1)) {
            return self.save();
        }
        Ok(Ok(()))
    }

    fn report_epoch(&mut self, split: &'static str, metrics: Metrics, examples_per_s: f64) -> Result<(), TrainError> {
        let lr = self.lr_at(self.at.step.saturating_sub(1));
        let report = EpochReport { step: self.at.step, epoch: self.at.epoch, split, metrics, lr, examples_per_s };
        for observer in &mut self.trainer.observers {
            observer.on_epoch(&report)?;
        }
        Ok(())
    }

    fn evaluate(&self, model: &M) -> Result<Option<Metrics>, TrainError> {
        let Some(test) = self.data.test else { return Ok(None) };
        let config = &self.trainer.config;
        evaluate(model, self.objective, test, config.evaluation_batch.max(1), config.seed, self.data.device).map(Some)
    }

    /// Saves a checkpoint, unless a parameter is not finite: the inner error.
    fn save(&mut self) -> Result<Result<(), Status>, TrainError> {
        if let Some(name) = params::first_non_finite(self.model()) {
            return Ok(Err(Status::Diverged { what: format!("the parameter {name}"), step: self.at.step }));
        }
        self.at.wall_s = self.clock.in_all();
        self.at.skipped_in_a_row = self.trainer.optimizer.skipped_in_a_row();
        if let Some(checkpoints) = &self.trainer.checkpoints {
            checkpoints.save(self.model(), &self.trainer.optimizer, &self.at)?;
        }
        Ok(Ok(()))
    }

    fn model(&self) -> &M {
        self.model.as_ref().expect("the model is put back after every update")
    }

    fn is_interrupted(&self) -> bool {
        self.trainer.interrupt.load(Ordering::SeqCst)
    }
}
