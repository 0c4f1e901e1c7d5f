//! Steps that do not wait for the host, and what happens when it looks at them.

use std::time::Instant;

use burn::{module::Module, optim::GradientsParams};
use kiln_data::Dataset;
use kiln_tensor::steps::{Halt, Row};

use super::{Run, Step, clock::Rate, evaluated::loss_is_not_finite, waiting::Waiting};
use crate::{Objective, StepReport, TrainError, TrainStatus, objective::Loss};

/// Who takes a step.
pub(super) enum Taker {
    /// The device, and the host looks later.
    Device,
    /// The host, which sees the loss and the gradient first.
    Host,
    /// Nobody yet: the step was to be captured, which is not possible, and must be computed again.
    Again,
    /// Nobody: while the host looked at earlier steps, the run ended or went back.
    Nobody(Result<(), TrainStatus>),
}

impl<'t, 'a, M, O, D> Run<'t, 'a, M, O, D>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    /// Decides who takes the step.
    pub(super) fn taker(&mut self, loss: &Loss, gradients: &GradientsParams) -> Result<Taker, TrainError> {
        let log_every = self.setup.config.log_every;
        let model = self.model.as_ref().expect("the model is put back after every update");
        if self.deferral.takes(log_every, loss, model, gradients) {
            return Ok(Taker::Device);
        }
        if self.deferral.abandon() {
            return Ok(Taker::Again);
        }
        // What waits comes first. If the device has halted in it, the run is at an earlier minibatch now.
        let here = self.at.batch;
        let looked = self.look()?;
        Ok(if looked.is_ok() && self.at.batch == here { Taker::Host } else { Taker::Nobody(looked) })
    }

    /// Has the device take the step. None if it was to be captured, and that failed: it was not computed.
    pub(super) fn defer(
        &mut self,
        rows: &[usize],
        loss: Loss,
        gradients: GradientsParams,
        tick: Instant,
    ) -> Result<Option<Step>, TrainError> {
        let (examples, lr) = (rows.len(), self.lr_at(self.at.step));
        let waiting = self.here(examples, lr);
        let scalars = std::iter::once(loss.value).chain(loss.terms.into_iter().map(|(_, term)| term));
        let scalars = scalars.map(|scalar| scalar.without_autodiff()).collect();
        let model = self.model.take().expect("it was there");
        let optimizer = &mut self.setup.optimizer;
        let done = match self.deferral.planned(rows) {
            Some(steps) => {
                self.captured.keep(&gradients, &model);
                let done = steps.planned_step(scalars, || optimizer.apply(lr, model, gradients));
                if steps.replays() {
                    self.captured.replayed += 1;
                } else {
                    self.captured.forget();
                }
                done
            }
            None => Ok(self.deferral.steps().step(scalars, || optimizer.apply(lr, model, gradients))),
        };
        match done {
            Ok(model) => {
                self.model = Some(model);
                self.deferral.push(waiting);
                Ok(Some(self.taken(examples, tick)))
            }
            Err(model) => {
                self.model = Some(model);
                self.setup.optimizer.rewind(1);
                Ok(None)
            }
        }
    }

    /// Where the run is before its next step.
    pub(super) fn here(&self, examples: usize, lr: f64) -> Waiting {
        let (step, batch, row, gradients) = (self.at.step, self.at.batch, self.at.row, self.at.gradients);
        Waiting { step, batch, row, gradients, examples, lr }
    }

    /// Counts a step that the device takes, and looks at what waits if that is due.
    pub(super) fn taken(&mut self, examples: usize, tick: Instant) -> Step {
        self.at.gradients += 1;
        self.at.batch += 1;
        self.at.row += examples;
        self.at.step += 1;
        self.clock.add(examples, tick.elapsed());
        let due = self.at.step.is_multiple_of(self.setup.config.log_every);
        if due || self.at.row >= self.data.train.len() || self.deferral.is_full() {
            return self.look();
        }
        Ok(Ok(()))
    }

    /// Waits for the device, and does what was left to do for the steps that it has taken.
    pub(super) fn look(&mut self) -> Step {
        if self.deferral.is_empty() {
            return Ok(Ok(()));
        }
        let tick = Instant::now();
        let (waiting, read) = self.deferral.read();
        self.clock.add(0, tick.elapsed());
        let taken = read.rows.len() - usize::from(read.halt.is_some());
        for (row, step) in read.rows[..taken].iter().zip(&waiting) {
            self.report(row, *step)?;
        }
        let Some(halt) = read.halt else { return Ok(Ok(())) };
        let (row, at) = (read.rows.last().expect("the one that halted"), waiting[taken]);
        self.halted(halt, row, at, (waiting.len() - taken) as u64)
    }

    /// Counts what a step has measured, and reports the step if that is due.
    fn report(&mut self, row: &Row, of: Waiting) -> Result<(), TrainError> {
        (self.at.max_abs_grad, self.last_norm) = (row.largest, row.norm);
        self.at.running.add(of.examples, row.scalars[0], self.deferral.terms(row));
        // What was measured belongs to the model before the step.
        (self.test, self.at.score) = (None, None);
        let step = of.step + 1;
        if !step.is_multiple_of(self.setup.config.log_every) {
            return Ok(());
        }
        let report = StepReport {
            step,
            epoch: self.at.epoch + 1,
            split: "train",
            metrics: self.deferral.metrics(row),
            lr: of.lr,
            momentum: self.setup.optimizer.momentum_at(of.step),
            batch_size: self.setup.config.batch_size_at(of.step, self.data.train.len()),
            grad_norm: row.norm,
            examples_per_s: self.clock.interval.rate(),
            due: true,
        };
        self.clock.interval = Rate::default();
        self.tell(|observer, model| observer.on_step(&report, model))?;
        self.deferral.distrust();
        Ok(())
    }

    /// The run is where it was before the step that was not taken. `undone` steps had no effect.
    fn halted(&mut self, halt: Halt, row: &Row, at: Waiting, undone: u64) -> Step {
        (self.at.step, self.at.batch, self.at.row, self.at.gradients) = (at.step, at.batch, at.row, at.gradients);
        // A loss that is not finite beside a finite gradient is not skipped.
        let skips = self.setup.optimizer.skips_non_finite() && !row.norm.is_finite();
        let what = match halt {
            Halt::Loss if !skips => {
                let terms = self.deferral.terms(row).collect::<Vec<_>>();
                Some(loss_is_not_finite(terms.into_iter()))
            }
            Halt::Gradient(place) if !skips => {
                Some(format!("the gradient of {}", self.deferral.name(self.model(), place)))
            }
            _ => None,
        };
        if let Some(what) = what {
            return Ok(Err(self.diverged(what)));
        }
        self.setup.optimizer.rewind(undone);
        self.deferral.resume();
        self.deferral.distrust();
        if halt == Halt::Converged {
            (self.at.max_abs_grad, self.last_norm) = (row.largest, row.norm);
            self.at.gradients += 1;
            self.train = self.deferral.metrics(row);
            (self.test, self.at.score) = (None, None);
            return Ok(Err(TrainStatus::Converged));
        }
        self.deferral.not_now = true;
        Ok(Ok(()))
    }
}
