//! A training run in its folder: what the commands of all models share.

use kiln::{
    burn::module::Module,
    data::Dataset,
    optim::FirstOrder,
    train::{Loaded, MetricsLog, Objective, Outcome, TrainConfig, Trainer},
};

use crate::{
    console::Console,
    failure::{Failure, Result},
    interrupt,
    machine::Machine,
    record::RunRecord,
    rundir::RunDir,
};

/// Where a run begins.
#[allow(clippy::large_enum_variant, reason = "one a process")]
pub(crate) enum Start<M> {
    /// At a new model.
    Fresh(Trainer<'static>, M),
    /// At the newest checkpoint.
    Again(Loaded<'static, M>),
}

/// A trainer that writes to the run's folder, shows its progress, and stops at Ctrl-C.
pub(crate) fn trainer(
    config: TrainConfig,
    optimizer: FirstOrder,
    dir: &RunDir,
    keep: usize,
    console: Console,
) -> Trainer<'static> {
    Trainer::new(config, optimizer)
        .observe(MetricsLog::new(dir.file("metrics.jsonl")))
        .observe(console.observer())
        .checkpoint_to(dir.checkpoints(keep))
        .interrupt_on(interrupt::flag())
}

/// The newest checkpoint of a run that has epochs left out of `epochs`. Nothing is written.
pub(crate) fn load<M: Module>(trainer: Trainer<'static>, model: M, machine: &Machine, epochs: u64) -> Result<Start<M>> {
    let loaded = trainer.load(model, &machine.device)?;
    let done = loaded.epochs();
    if done < epochs {
        return Ok(Start::Again(loaded));
    }
    Err(Failure::usage(format!("the run has done {done} of {epochs} epochs: give --epochs above {done} to go on")))
}

impl<M: Module> Start<M> {
    /// Trains, with `run.json` written before and after.
    pub(crate) fn fit<O, D>(
        self,
        dir: &RunDir,
        mut record: RunRecord,
        objective: &O,
        (train, test): (&D, Option<&D>),
        machine: &Machine,
    ) -> Result<Outcome<M>>
    where
        D: Dataset,
        O: Objective<M, D::Batch>,
    {
        // A process that was killed left no total: then checkpoints know best.
        let before = match &self {
            Self::Fresh(..) => Some(0.0),
            Self::Again(_) => dir.read_json::<RunRecord>("run.json").ok().and_then(|record| record.wall_s),
        };
        dir.write_json("run.json", &record)?;
        let outcome = match self {
            Self::Fresh(trainer, model) => trainer.fit(model, objective, train, test, &machine.device)?,
            Self::Again(loaded) => loaded.fit(objective, train, test)?,
        };
        record.wall_s = Some(before.map_or(outcome.total_wall_s, |before| before + outcome.wall_s));
        dir.write_json("run.json", &record)?;
        Ok(outcome)
    }
}
