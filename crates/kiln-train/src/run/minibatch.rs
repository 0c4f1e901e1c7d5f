//! One minibatch: its gradient, and the step that it completes.

use std::time::Instant;

use burn::{module::Module, optim::GradientsParams};
use kiln_data::Dataset;
use kiln_optim::{ReduceOnPlateau, StepError};
use kiln_tensor::Stream;

use super::{
    Run, Step,
    clock::Rate,
    deferred::Taker,
    evaluated::{Evaluated, gradient},
};
use crate::{Objective, StepReport, TrainStatus, evaluate::seed_device};

impl<'t, 'a, M, O, D> Run<'t, 'a, M, O, D>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    /// Evaluates one gradient, and takes the step that it completes.
    pub(super) fn minibatch(&mut self, rows: &[usize]) -> Step {
        let tick = Instant::now();
        let (seed, epoch, device) = (self.setup.config.seed, self.at.epoch, self.data.device);
        let batch = match &self.resident {
            Some(resident) => resident.batch_in_epoch(rows, epoch, device),
            None => self.data.train.batch_in_epoch(rows, epoch, device),
        };
        let mut noise = Stream::new(seed, "noise", epoch, self.at.batch);
        seed_device(device, seed, "device", (epoch, self.at.batch));
        let (loss, gradients) = gradient(self.model(), self.objective, batch, &mut noise)?;
        match self.taker(&loss, &gradients)? {
            Taker::Device => return self.defer(rows.len(), loss, gradients, tick),
            Taker::Nobody(ended) => return Ok(ended),
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
