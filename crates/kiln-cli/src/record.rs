//! What a run writes about itself: `run.json` and `result.json`.

use kiln::train::{Metrics, Outcome, Status};
use serde::{Deserialize, Serialize};

use crate::{failure::Exit, machine::Machine};

/// The version of Burn that this binary was built with; a test holds it to `Cargo.lock`.
const BURN: &str = "0.22.1";

/// `run.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    pub(crate) kiln: String,
    pub(crate) burn: String,
    pub(crate) command: String,
    pub(crate) data: DataRecord,
    pub(crate) device: String,
    pub(crate) dtype: String,
    pub(crate) threads: usize,
    pub(crate) seed: u64,
    /// RFC 3339, UTC.
    pub(crate) started: String,
    /// Seconds of training, those before a resume included; absent while the run goes on.
    pub(crate) wall_s: Option<f64>,
}

/// Which data a run saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataRecord {
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) n_train: usize,
    pub(crate) n_test: usize,
}

impl RunRecord {
    pub(crate) fn new(data: DataRecord, machine: &Machine, seed: u64) -> Self {
        Self {
            kiln: env!("CARGO_PKG_VERSION").into(),
            burn: BURN.into(),
            command: std::env::args().collect::<Vec<_>>().join(" "),
            data,
            device: machine.name.clone(),
            dtype: machine.dtype.name().into(),
            threads: machine.threads,
            seed,
            started: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            wall_s: None,
        }
    }
}

/// What every `result.json` has.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) status: &'static str,
    pub(crate) message: String,
    pub(crate) epochs: u64,
    pub(crate) steps: u64,
    pub(crate) wall_s: f64,
    pub(crate) examples_per_s: f64,
    /// Gradients left out because they were not finite, in this process.
    pub(crate) skipped: u64,
    pub(crate) train: Metrics,
}

impl Summary {
    pub(crate) fn of<M>(outcome: &Outcome<M>) -> Self {
        Self {
            status: match outcome.status {
                Status::Converged => "converged",
                Status::Interrupted => "interrupted",
                Status::Diverged { .. } => "diverged",
                _ => "completed",
            },
            message: outcome.status.message(),
            epochs: outcome.epochs,
            steps: outcome.steps,
            wall_s: outcome.wall_s,
            examples_per_s: outcome.examples_per_s,
            skipped: outcome.skipped,
            train: outcome.train.clone(),
        }
    }
}

/// The exit code of a run that ended so.
pub(crate) fn exit_of(status: &Status) -> Exit {
    match status {
        Status::Interrupted => Exit::Interrupted,
        Status::Diverged { .. } => Exit::Diverged,
        _ => Exit::Done,
    }
}

/// A line of `metrics.jsonl` of what is fitted to all rows at once.
#[derive(Serialize)]
pub(crate) struct MetricsLine {
    /// Steps, or sweeps.
    pub(crate) step: usize,
    /// Passes over the data: evaluations.
    pub(crate) epoch: usize,
    pub(crate) split: &'static str,
    pub(crate) loss: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grad_norm: Option<f64>,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_of_burn_is_the_locked_one() {
        let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock")).unwrap();
        assert!(lock.contains(&format!("name = \"burn\"\nversion = \"{}\"", super::BURN)));
    }
}
