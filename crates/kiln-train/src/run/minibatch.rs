//! One minibatch: its gradient, and the step that it completes.

use std::{ops::Range, time::Instant};

use burn::{module::Module, optim::GradientsParams};
use kiln_data::Dataset;
use kiln_optim::{ReduceOnPlateau, StepError};
use kiln_tensor::Stream;

use super::{
    Run, Step,
    clock::Rate,
    deferred::Taker,
    evaluated::{Evaluated, gradient},
    ranks,
};
use crate::{Objective, StepReport, TrainError, TrainStatus, evaluate::seed_device, objective::Loss};

impl<'t, 'a, M, O, D> Run<'t, 'a, M, O, D>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    /// Evaluates the gradient of the first `size` rows of those `ahead`, the rest of the epoch, and takes the step that it completes.
    pub(super) fn minibatch(&mut self, ahead: &[usize], size: usize) -> Step {
        let (tick, rows) = (Instant::now(), &ahead[..size]);
        self.plan(ahead, size);
        if let Some(step) = self.replay(rows, tick)? {
            return step;
        }
        let (loss, gradients) = self.loss_and_gradients(rows)?;
        match self.taker(&loss, &gradients)? {
            Taker::Device => {
                return match self.defer(rows, loss, gradients, tick)? {
                    Some(step) => step,
                    // The capture failed, so that the step is computed.
                    None => self.minibatch(ahead, size),
                };
            }
            Taker::Nobody(ended) => return Ok(ended),
            Taker::Again => return self.minibatch(ahead, size),
            Taker::Host => {}
        }
        let evaluated = Evaluated::new(self.model(), loss, gradients)?;
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

    /// The mean loss of these rows and its gradient, on all ranks together.
    fn loss_and_gradients(&mut self, rows: &[usize]) -> Result<(Loss, GradientsParams), TrainError> {
        let world = self.setup.world.clone();
        if world.is_alone() {
            return self.loss_and_gradients_of(rows, 0..rows.len());
        }
        let (part, weight) = ranks::part(&world, rows.len());
        let evaluated = self.loss_and_gradients_of(rows, part)?;
        let (loss, gradients, asked) = ranks::mean(&world, self.model(), evaluated, weight, self.requests())?;
        self.asked = asked;
        Ok((loss, gradients))
    }

    /// The mean loss of a part of these rows, and its gradient.
    fn loss_and_gradients_of(
        &mut self,
        rows: &[usize],
        part: Range<usize>,
    ) -> Result<(Loss, GradientsParams), TrainError> {
        let (seed, epoch, place, step) = (self.setup.config.seed, self.at.epoch, self.at.batch, self.at.step);
        let (device, objective) = (self.data.device, self.objective);
        let model = self.model.as_ref().expect("the model is put back after every update");
        let noise = Stream::new(seed, "noise", epoch, place).with_normals(self.at.normals).of_current_step();
        let mut noise = noise.of_rows(part.clone(), rows.len());
        let rows = &rows[part];
        match self.setup.world.rank() {
            0 => seed_device(device, seed, "device", (epoch, place)),
            rank => seed_device(device, seed, &format!("device {rank}"), (epoch, place)),
        }
        let (train, resident) = (self.data.train, &self.resident);
        let mut work = || {
            let batch = match resident {
                Some(resident) => resident.batch_in_epoch(rows, epoch, device),
                None => train.batch_in_epoch(rows, epoch, device),
            };
            gradient(model, objective, (batch, step), &mut noise)
        };
        match self.deferral.planned(rows) {
            Some(steps) => steps.compute(work),
            None => work(),
        }
    }

    /// Takes the step that is ready, if there is one, and reports it.
    pub(super) fn update(
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

    pub(super) fn lr_at(&self, step: u64) -> f64 {
        self.setup.config.schedule.at(step) * self.at.plateau.as_ref().map_or(1.0, ReduceOnPlateau::multiple)
    }

    pub(super) fn diverged(&self, what: String) -> TrainStatus {
        TrainStatus::Diverged { what, step: self.at.step + 1 }
    }
}
