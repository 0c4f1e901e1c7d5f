//! Steps that a GPU replays from one that it has captured.

use std::time::Instant;

use burn::module::Module;
use kiln_data::Dataset;
use kiln_tensor::steps::Planned;

use super::{Run, Step, captured::copied};
use crate::{Objective, TrainError};

impl<'t, 'a, M, O, D> Run<'t, 'a, M, O, D>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    /// Tells the device what the next steps are, up to the one after which the host looks. `ahead` are the rows of the rest of the epoch.
    pub(super) fn plan(&mut self, ahead: &[usize], size: usize) {
        let (config, step, n) = (&self.setup.config, self.at.step, self.data.train.len());
        // A last batch that is smaller is computed by itself.
        if !self.deferral.wants_plan() || size < config.batch_size_at(step, n) {
            return;
        }
        let until_look = config.log_every - step % config.log_every;
        let steps = (0..until_look)
            .zip(ahead.chunks_exact(size))
            .take_while(|(k, _)| config.batch_size_at(step + k, n) == size)
            .map(|(k, rows)| Planned { epoch: self.at.epoch, place: self.at.batch + k, rows: rows.to_vec() })
            .collect();
        self.deferral.plan(steps);
    }

    /// Replays the captured step on these rows, if there is one, and the parameters are where they were.
    pub(super) fn replay(&mut self, rows: &[usize], tick: Instant) -> Result<Option<Step>, TrainError> {
        if self.captured.gradients.is_none() {
            return Ok(None);
        }
        let lr = self.lr_at(self.at.step);
        let waiting = self.here(rows.len(), lr);
        let Some(gradients) = &self.captured.gradients else { return Ok(None) };
        let Some(steps) = self.deferral.planned(rows).filter(|steps| steps.replays()) else { return Ok(None) };
        let model = self.model.take().expect("the model is put back after every update");
        let gradients = copied(gradients, &model);
        let optimizer = &mut self.setup.optimizer;
        match steps.replay(|| optimizer.apply(lr, model, gradients)) {
            Ok(model) => {
                self.model = Some(model);
                self.deferral.push(waiting);
                self.captured.replayed += 1;
                Ok(Some(self.taken(rows.len(), tick)))
            }
            Err(model) => {
                self.model = Some(model);
                self.setup.optimizer.rewind(1);
                self.captured.forget();
                Ok(None)
            }
        }
    }
}
