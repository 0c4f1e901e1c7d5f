//! The end of an epoch: averages, evaluation, and a checkpoint.

use std::time::Instant;

use burn::module::Module;
use kiln_data::Dataset;
use kiln_tensor::params;

use super::{Run, Step};
use crate::{
    EpochReport, Metrics, Objective, TrainError, TrainStatus, early_stopping::Patience, evaluate::evaluate_on,
};

impl<'t, 'a, M, O, D> Run<'t, 'a, M, O, D>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    /// Averages, evaluates, and writes a checkpoint if one is due.
    pub(super) fn end_of_epoch(&mut self) -> Step {
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
        self.compare_requests()?;
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
        self.compare_requests()?;
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
            self.report_epoch(self.setup.held_out, metrics, test.len() as f64 / tick.elapsed().as_secs_f64())?;
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
        self.deferral.distrust();
        self.tell(|observer, model| observer.on_epoch(&report, model))
    }

    pub(super) fn evaluate(&self, model: &M) -> Result<Option<Metrics>, TrainError> {
        let Some(test) = self.data.test else { return Ok(None) };
        let config = &self.setup.config;
        evaluate_on(
            self.data.device,
            model,
            self.objective,
            test,
            config.evaluation_batch,
            (config.seed, self.at.normals),
            &self.setup.world,
        )
        .map(Some)
    }

    /// Writes a checkpoint, unless a parameter is not finite.
    pub(super) fn save(&mut self) -> Step {
        if let Some(name) = params::first_non_finite(self.model()) {
            return Ok(Err(TrainStatus::Diverged { what: format!("the parameter {name}"), step: self.at.step }));
        }
        let optimizer = &self.setup.optimizer;
        self.at.wall_s = self.clock.in_all();
        self.at.skipped = self.skipped_before + optimizer.skipped();
        self.at.skipped_in_a_row = optimizer.skipped_in_a_row();
        self.at.train = Some(self.train.clone());
        self.at.test = self.test.clone();
        // No rank goes on if one could not write.
        let written = self.write();
        self.setup.world.agree(written)?;
        Ok(Ok(()))
    }

    fn write(&mut self) -> Result<(), TrainError> {
        let Some(checkpoints) = &self.setup.checkpoints else { return Ok(()) };
        for observer in &mut self.setup.observers {
            observer.on_checkpoint(&self.at)?;
        }
        if self.setup.world.is_root() {
            let model = self.model.as_ref().expect("the model is put back after every update");
            checkpoints.save(model, &self.setup.optimizer, &self.at)?;
        }
        Ok(())
    }
}
