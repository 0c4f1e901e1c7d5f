//! One run of the minibatch loop: steps, ends of epochs, and the end.

mod captured;
mod clock;
mod deferred;
mod end_of_epoch;
mod evaluated;
mod minibatch;
mod ranks;
mod replayed;
mod waiting;

use std::{ops::ControlFlow, sync::atomic::Ordering};

use burn::{module::Module, tensor::Device};
use kiln_data::{Dataset, Order};
use kiln_optim::ReduceOnPlateau;
use kiln_tensor::Stream;

use self::{
    captured::{Captured, draws_from_device, is_all_trained},
    clock::Clock,
    evaluated::gradient,
    ranks::Requests,
    waiting::Deferral,
};
use crate::{
    Metrics, Objective, Observer, TrainError, TrainOutcome, TrainStatus, Watched, checkpoint::Position,
    early_stopping::Patience, metrics::RunningMean, setup::Setup,
};

/// The data of a run. `device` is on autodiff.
pub(crate) struct Data<'t, D> {
    pub(crate) train: &'t D,
    pub(crate) test: Option<&'t D>,
    pub(crate) device: &'t Device,
}

/// Whether to go on: the inner error is the reason to stop.
type Step = Result<Result<(), TrainStatus>, TrainError>;

pub(crate) struct Run<'t, 'a, M, O, D: Dataset> {
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
    /// What all ranks asked for, when they last compared.
    asked: Requests,
    /// Whether steps wait for the host.
    deferral: Deferral,
    /// The training data, if they stay on the device.
    resident: Option<Box<dyn Dataset<Batch = D::Batch> + 't>>,
    captured: Captured,
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
        if !setup.world.is_alone() {
            if !objective.is_mean_over_rows() {
                return Err(TrainError::NotAMean);
            }
            ranks::compare(&setup.world, &model, data.train.len(), at.step)?;
        }
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
        let everyone_may_wait =
            setup.world.is_alone() && !setup.observers.iter().any(|observer| observer.wants_every_step());
        let mut deferral = Deferral::new(&setup.optimizer, config.gtol, &plain, everyone_may_wait);
        let resident = data.train.resident(&plain);
        let captures = setup.captures && deferral.is_possible() && resident.is_some() && is_all_trained(&model);
        deferral.captures = captures
            && objective.can_be_captured()
            && !draws_from_device(&plain, || {
                let batch = data.train.batch_in_epoch(&rows, at.epoch, data.device);
                let mut noise = Stream::new(config.seed, "noise", at.epoch, at.batch);
                drop(gradient(&model, objective, (batch, at.step), &mut noise));
            });
        Ok(Self {
            setup,
            model: Some(model),
            clock: Clock::starting_at(at.wall_s),
            train: at.train.clone().unwrap_or_else(Metrics::unknown),
            test: at.test.clone().filter(|_| data.test.is_some()),
            skipped_before: at.skipped,
            at,
            objective,
            of_step: RunningMean::default(),
            last_norm: f64::NAN,
            stop: false,
            asked: Requests::default(),
            deferral,
            resident,
            captured: Captured::default(),
            data,
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
            replayed: self.captured.replayed,
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
                let size = self.setup.config.batch_size_at(self.at.step, n).min(n - self.at.row);
                if let Err(stopped) = self.minibatch(&order[self.at.row..], size)? {
                    return Ok(stopped);
                }
                // A request to stop in the last step of an epoch takes effect after that epoch's evaluation.
                if self.at.row < n
                    && !self.setup.optimizer.is_pending()
                    && let Some(stopped) = self.request_to_stop()
                {
                    return Ok(self.look()?.err().unwrap_or(stopped));
                }
            }
            if let Err(stopped) = self.end_of_epoch()? {
                return Ok(stopped);
            }
        }
        Ok(TrainStatus::Completed)
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

    fn model(&self) -> &M {
        self.model.as_ref().expect("the model is put back after every update")
    }

    /// Why someone wants the run to stop, if anyone does. Several ranks stop for what they have compared, so that they stop together.
    fn request_to_stop(&self) -> Option<TrainStatus> {
        let asked = if self.setup.world.is_alone() { self.requests() } else { self.asked };
        match asked {
            Requests { stop: true, .. } => Some(TrainStatus::StoppedByObserver),
            Requests { interrupt: true, .. } => Some(TrainStatus::Interrupted),
            _ => None,
        }
    }

    /// What this rank asks for.
    fn requests(&self) -> Requests {
        Requests { stop: self.stop, interrupt: self.setup.interrupt.load(Ordering::SeqCst) }
    }

    /// Compares what the ranks ask for.
    fn compare_requests(&mut self) -> Result<(), TrainError> {
        self.asked = self.requests().of_all(&self.setup.world)?;
        Ok(())
    }
}
