//! A finished run that is used: its settings, its record, and which of its models.

use std::{fmt, str::FromStr};

use kiln::{
    burn::module::Module,
    tensor::weights,
    train::{Checkpoint, Checkpoints},
};

use super::{compute::Compute, record::RunRecord};
use crate::{
    base::{Console, Failure, MODEL, RESULT, RUN, Result, RunDir},
    flags::MachineFlags,
    settings::RunSettings,
};

/// The model of a run that `--checkpoint` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The checkpoint with the smallest loss on held-out data.
    Best,
    /// The newest checkpoint.
    Last,
    /// The checkpoint of a step.
    Step(u64),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "best" => Ok(Self::Best),
            "last" => Ok(Self::Last),
            step => step.parse().map(Self::Step).map_err(|_| "expected best, last or a step".to_owned()),
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Best => f.write_str("best"),
            Self::Last => f.write_str("last"),
            Self::Step(step) => write!(f, "{step}"),
        }
    }
}

/// A run that a command reads.
pub(crate) struct Opened<S> {
    pub(crate) dir: RunDir,
    pub(crate) settings: S,
    pub(crate) record: RunRecord,
    pub(crate) compute: Compute,
    pub(crate) console: Console,
    /// Absent: the model that the run ended with.
    which: Option<Which>,
}

impl<S> Opened<S> {
    /// Opens a run on the device that its settings and the flags choose.
    pub(crate) fn new(
        dir: RunDir,
        settings: S,
        run: &RunSettings,
        (machine, which): (&MachineFlags, Option<Which>),
        console: Console,
    ) -> Result<Self> {
        let record = dir.read_json(RUN)?;
        Ok(Self { dir, settings, record, compute: Compute::again(run, machine)?, console, which })
    }

    /// Opens a run in a process that already computes.
    pub(crate) fn with(dir: RunDir, settings: S, record: RunRecord, compute: Compute, console: Console) -> Self {
        Self { dir, settings, record, compute, console, which: None }
    }

    /// The weights that the flags choose, in `template`, a module of the run's shape on this device. An optimiser whose
    /// model differs from its iterate is asked for by `finish`.
    pub(crate) fn load_module<M: Module>(
        &self,
        template: M,
        finish: impl FnOnce(&Checkpoint, M) -> Result<M>,
    ) -> Result<M> {
        match self.checkpoint()? {
            None => {
                self.check_final()?;
                Ok(weights::load(template, &self.dir.file(MODEL))?)
            }
            Some(checkpoint) => finish(&checkpoint, template),
        }
    }

    fn checkpoints(&self) -> Checkpoints {
        self.dir.checkpoints(1)
    }

    fn checkpoint(&self) -> Result<Option<Checkpoint>> {
        let checkpoints = self.checkpoints();
        Ok(match self.which {
            None => None,
            Some(Which::Last) => Some(checkpoints.latest()?),
            Some(Which::Best) => Some(checkpoints.best()?),
            Some(Which::Step(step)) => Some(checkpoints.at(step)?),
        })
    }

    /// Refuses `--checkpoint` for a model whose checkpoints are not models.
    pub(crate) fn no_checkpoints(&self, how: &str) -> Result<()> {
        match self.which {
            Some(_) => Err(Failure::usage(format!(
                "--checkpoint is for runs of an optimiser: the checkpoint of {how} holds its state, not a model"
            ))),
            None => self.check_final(),
        }
    }

    /// Refuses a run whose outputs are missing, or older than its newest checkpoint.
    fn check_final(&self) -> Result<()> {
        let run = self.dir.path().display();
        if !self.dir.file(MODEL).is_file() {
            return Err(Failure::usage(format!(
                "{run} has no {MODEL}, because it has not ended: finish it with `kiln resume {run}`"
            )));
        }
        if self.record.ended.is_some() {
            return Ok(());
        }
        let of_model = self.dir.read_json::<serde_json::Value>(RESULT).ok().and_then(|result| result["steps"].as_u64());
        let newest = self.checkpoints().latest().ok().map(|checkpoint| checkpoint.step());
        match (of_model, newest) {
            (Some(of_model), Some(newest)) if of_model == newest => {
                self.console.note(format_args!("{run} has not ended: this is its model of step {of_model}"));
                Ok(())
            }
            // The model is written once, after the last checkpoint.
            (None, _) | (_, None) if self.record.resumed.is_empty() => {
                self.console
                    .note(format_args!("{run} has not ended: `kiln resume {run}` writes the outputs that it lacks"));
                Ok(())
            }
            _ => Err(Failure::usage(format!(
                "{run} was resumed and has not ended, so that its {MODEL} is older than its newest checkpoint: finish it \
                 with `kiln resume {run}`, or name a checkpoint with --checkpoint"
            ))),
        }
    }
}
