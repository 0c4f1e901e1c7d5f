//! A run that is being written: its folder, its record, and how it starts and ends.

use std::{cell::RefCell, ops::ControlFlow};

use kiln::{
    burn::module::Module,
    data::Dataset,
    optim::FirstOrder,
    tensor::{World, world::Traffic},
    train::{
        EpochReport, Loaded, MetricsLog, Objective, Observer, TensorBoardLog, TrainConfig, TrainError, TrainOutcome,
        Trainer, Watched,
    },
};
use serde::Serialize;

use super::record::{RunRecord, now};
use crate::base::{
    CONFIG, Console, ENCODER, Exit, Failure, METRICS, RESULT, RUN, Result, RunDir, interrupt, ranks::world,
};

/// Where a fit starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the beginning.
    Fresh,
    /// At the newest checkpoint.
    Again,
}

/// A run that is being written.
pub(crate) struct Session<'a> {
    pub(crate) dir: &'a RunDir,
    pub(crate) console: Console,
    pub(crate) start: Start,
    /// `config.toml`.
    config: String,
    /// `encoder.json`, for a run on a table.
    encoder: Option<Vec<u8>>,
    record: RefCell<RunRecord>,
    /// Whether training stops at the end of the first epoch.
    one_epoch: bool,
    /// Whether the run had ended before this command, so that there must be something left to do.
    had_ended: bool,
}

/// What a fit came to.
pub(crate) struct Finished<R> {
    /// `result.json`.
    pub(crate) report: R,
    /// The same for people.
    pub(crate) text: String,
    pub(crate) exit: Exit,
    /// One line on how it ended.
    pub(crate) message: String,
    /// Seconds of training, including those before a resume.
    pub(crate) total_wall_s: f64,
}

impl<'a> Session<'a> {
    pub(crate) fn new(
        dir: &'a RunDir,
        config: String,
        encoder: Option<Vec<u8>>,
        record: RunRecord,
        start: Start,
        console: Console,
    ) -> Self {
        let had_ended = start == Start::Again && dir.read_json::<RunRecord>(RUN).is_ok_and(|run| run.ended.is_some());
        Self { dir, console, start, config, encoder, record: RefCell::new(record), one_epoch: false, had_ended }
    }

    /// Makes training stop at the end of the first epoch.
    #[must_use]
    pub(crate) fn of_one_epoch(self) -> Self {
        Self { one_epoch: true, ..self }
    }

    /// Writes the files that describe the run. A fit calls this once nothing can refuse it any more.
    pub(crate) fn begin(&self) -> Result<()> {
        if self.start == Start::Fresh
            && let Some(encoder) = &self.encoder
        {
            self.dir.write(ENCODER, encoder)?;
        }
        self.dir.write_json(RUN, &*self.record.borrow())?;
        // The last one, because a folder is a run when it has this file.
        self.dir.write(CONFIG, self.config.as_bytes())
    }

    /// Returns whether the fit starts at the beginning: in a new run, or in one that was killed before its first checkpoint.
    pub(crate) fn starts_anew(&self) -> bool {
        self.start == Start::Fresh || (!self.had_ended && !self.dir.has_checkpoint())
    }

    /// Reads the checkpoint of a fit that is no trainer's. Returns none if the fit starts at the beginning.
    pub(crate) fn checkpoint(&self, name: &str) -> Result<Option<Vec<u8>>> {
        if self.starts_anew() {
            return Ok(None);
        }
        let path = self.dir.checkpoint_file(name);
        std::fs::read(&path).map(Some).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                Failure::usage(format!("there is no checkpoint {}: start a new run", path.display()))
            }
            _ => Failure::usage(format!("cannot read {}: {e}", path.display())),
        })
    }

    /// Refuses to resume a run that has `done` of `allowed` units and all its outputs.
    pub(crate) fn check_left(&self, done: u64, allowed: u64, unit: &str, flag: &str) -> Result<()> {
        if done < allowed || !self.had_ended {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "the run has done {done} of {allowed} {unit} and is complete: give {flag} above {done} to go on"
        )))
    }

    /// Refuses to resume a run that has ended, if the same settings and data would only give the same result again. `flags` change
    /// the settings.
    pub(crate) fn check_changed(&self, flags: &str) -> Result<()> {
        let is_same =
            |file: &str, now: &str| std::fs::read_to_string(self.dir.file(file)).is_ok_and(|text| text == now);
        let sha256 = |run: &RunRecord| run.data.sha256.clone();
        let same_data =
            || self.dir.read_json::<RunRecord>(RUN).is_ok_and(|run| sha256(&run) == sha256(&self.record.borrow()));
        let status = || self.dir.read_json::<serde_json::Value>(RESULT).ok()?["status"].as_str().map(str::to_owned);
        if !self.had_ended || !is_same(CONFIG, &self.config) || !same_data() {
            return Ok(());
        }
        match status() {
            Some(status) if status != "interrupted" => Err(Failure::usage(format!(
                "the run is complete ({status}): give {flags} another value to fit it again"
            ))),
            _ => Ok(()),
        }
    }

    /// Writes the result, and marks the run as ended. Prints the result.
    pub(crate) fn end<R: Serialize>(&self, finished: Finished<R>) -> Result<Exit> {
        let Finished { report, text, exit, message, total_wall_s } = finished;
        let report = WithRanks { report, ranks: SharedWork::of(&world()) };
        self.dir.write_json(RESULT, &report)?;
        let mut record = self.record.borrow_mut();
        record.wall_s = Some(total_wall_s);
        record.ended = Some(now());
        self.dir.write_json(RUN, &*record)?;
        self.console.result(&report, || format!("{text}\nrun    {}", self.dir.path().display()))?;
        match exit {
            Exit::Diverged | Exit::NotConverged => Err(Failure { message, exit }),
            _ => Ok(exit),
        }
    }
}

/// Returns a trainer that writes to the run's folder, shows its progress, and stops at Ctrl-C. On a GPU it captures a step: Kiln's own
/// models do the same computation in every one. `keep` checkpoints are kept; `tensorboard` asks for the files of TensorBoard.
pub(crate) fn trainer<M: Module>(
    config: TrainConfig,
    optimizer: FirstOrder,
    session: &Session<'_>,
    (keep, tensorboard): (usize, bool),
) -> Trainer<'static, M> {
    let trainer = Trainer::new(config, optimizer);
    let trainer = if session.one_epoch { trainer.observe(OneEpoch) } else { trainer };
    let trainer = if tensorboard { trainer.observe(TensorBoardLog::new(session.dir.path())) } else { trainer };
    trainer
        .observe(MetricsLog::new(session.dir.file(METRICS)))
        .observe(session.console.observer())
        .checkpoint_to(session.dir.checkpoints(keep))
        .interrupt_on(interrupt::flag())
        .capture_steps()
        .distributed(world())
}

/// Stops training at the end of an epoch.
struct OneEpoch;

impl<M> Observer<M> for OneEpoch {
    fn wants_every_step(&self) -> bool {
        false
    }

    fn on_epoch(&mut self, _: &EpochReport, _: &Watched<'_, M>) -> std::result::Result<ControlFlow<()>, TrainError> {
        Ok(ControlFlow::Break(()))
    }
}

/// Trains from the start or from the newest checkpoint.
pub(crate) fn continue_or_finish<M, O, D>(
    session: &Session<'_>,
    trainer: Trainer<'static, M>,
    model: M,
    (objective, epochs): (&O, u64),
    (train, test): (&D, Option<&D>),
) -> Result<(TrainOutcome<M>, f64)>
where
    M: Module,
    D: Dataset,
    O: Objective<M, D::Batch>,
{
    if session.starts_anew() {
        session.begin()?;
        let outcome = trainer.fit(model, objective, train, test)?;
        let wall_s = outcome.total_wall_s;
        return Ok((outcome, wall_s));
    }
    let loaded: Loaded<'static, M> = trainer.load(model)?;
    session.check_left(loaded.epochs(), epochs, "epochs", "--epochs")?;
    // A process that was killed left no total: then the checkpoint knows best.
    let before =
        session.dir.read_json::<RunRecord>(RUN).ok().filter(|run| run.ended.is_some()).and_then(|run| run.wall_s);
    session.begin()?;
    let outcome = loaded.fit(objective, train, test)?;
    let wall_s = before.map_or(outcome.total_wall_s, |before| before + outcome.wall_s);
    Ok((outcome, wall_s))
}

/// A result, and how several processes have shared the work.
#[derive(Serialize)]
struct WithRanks<R> {
    #[serde(flatten)]
    report: R,
    #[serde(skip_serializing_if = "Option::is_none")]
    ranks: Option<SharedWork>,
}

#[derive(Serialize)]
struct SharedWork {
    size: usize,
    /// What rank 0 has spent on collective calls.
    communication: Communication,
}

#[derive(Serialize)]
struct Communication {
    calls: u64,
    bytes: u64,
    wall_s: f64,
}

impl SharedWork {
    fn of(world: &World) -> Option<Self> {
        let Traffic { calls, bytes, seconds } = world.traffic();
        let communication = Communication { calls, bytes, wall_s: seconds };
        (!world.is_alone()).then_some(Self { size: world.size(), communication })
    }
}
