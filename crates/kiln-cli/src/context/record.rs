//! What a run writes about itself: `run.json`, and the common part of `result.json`.

use kiln::{
    tensor::fused::MatmulPrecision,
    train::{Metrics, TrainOutcome, TrainStatus},
};
use serde::{Deserialize, Serialize};

use super::compute::Compute;
use crate::base::Exit;

/// The version of Burn that this binary was built with. A test compares it with `Cargo.lock`.
const BURN: &str = "0.22.1";

/// `run.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    pub(crate) kiln: String,
    pub(crate) burn: String,
    /// The command that started the run.
    pub(crate) command: String,
    pub(crate) data: DataRecord,
    pub(crate) device: String,
    pub(crate) dtype: String,
    /// The precision of matrix products, on a GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) matmul: Option<MatmulPrecision>,
    pub(crate) threads: usize,
    pub(crate) seed: u64,
    /// RFC 3339, UTC.
    pub(crate) started: String,
    /// When the last output was written, RFC 3339, UTC. Absent while the run goes on, and after it was killed.
    #[serde(default)]
    pub(crate) ended: Option<String>,
    /// Seconds of training, including those before a resume. Absent while the run goes on.
    pub(crate) wall_s: Option<f64>,
    /// The commands that resumed the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resumed: Vec<Resumed>,
    /// What a reader of the results should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Resumed {
    pub(crate) command: String,
    pub(crate) started: String,
}

/// The data of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DataRecord {
    /// The name of a dataset, or the absolute path of a file or folder.
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) n_train: usize,
    /// The examples that choose the epoch, if they are not those for testing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) n_validation: Option<usize>,
    pub(crate) n_test: usize,
    /// Height and width, for images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image_size: Option<[usize; 2]>,
    /// The channels of a pixel, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image_channels: Option<usize>,
    /// The classes that a conditional model of images is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) classes: Vec<String>,
}

impl RunRecord {
    pub(crate) fn new(data: DataRecord, compute: &Compute, seed: u64) -> Self {
        Self {
            kiln: env!("CARGO_PKG_VERSION").into(),
            burn: BURN.into(),
            command: command(),
            data,
            device: compute.name.clone(),
            dtype: compute.dtype.name().into(),
            matmul: compute.matmul,
            threads: compute.threads,
            seed,
            started: now(),
            ended: None,
            wall_s: None,
            resumed: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The record of the same run that goes on now.
    #[must_use]
    pub(crate) fn resumed(mut self, data: DataRecord, compute: &Compute) -> Self {
        self.resumed.push(Resumed { command: command(), started: now() });
        self.kiln = env!("CARGO_PKG_VERSION").into();
        self.burn = BURN.into();
        self.data = data;
        self.device.clone_from(&compute.name);
        compute.dtype.name().clone_into(&mut self.dtype);
        self.matmul = compute.matmul;
        self.threads = compute.threads;
        self.ended = None;
        self
    }

    pub(crate) fn warn(&mut self, warning: &str) {
        if !self.warnings.iter().any(|known| known == warning) {
            self.warnings.push(warning.to_owned());
        }
    }
}

pub(crate) fn command() -> String {
    std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The part of `result.json` that every run of the trainer, and of a solver, has.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) status: &'static str,
    pub(crate) message: String,
    pub(crate) epochs: u64,
    pub(crate) steps: u64,
    pub(crate) wall_s: f64,
    pub(crate) examples_per_s: f64,
    /// Gradients that were skipped because they were not finite, in this process.
    pub(crate) skipped: u64,
    pub(crate) train: Metrics,
}

impl Summary {
    pub(crate) fn of<M>(outcome: &TrainOutcome<M>) -> Self {
        Self {
            status: match outcome.status {
                TrainStatus::Converged => "converged",
                TrainStatus::Interrupted => "interrupted",
                TrainStatus::Diverged { .. } => "diverged",
                TrainStatus::StoppedEarly => "stopped-early",
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

/// Returns the exit code for the end of a training run.
pub(crate) fn exit_of(status: &TrainStatus) -> Exit {
    match status {
        TrainStatus::Interrupted => Exit::Interrupted,
        TrainStatus::Diverged { .. } => Exit::Diverged,
        _ => Exit::Done,
    }
}

/// A line of `metrics.jsonl` for a fit that sees all rows at each step.
#[derive(Serialize)]
pub(crate) struct MetricsLine {
    /// Steps of a solver, iterations of EM, or updates of an SVM.
    pub(crate) step: usize,
    /// Passes over the data: evaluations of the objective.
    pub(crate) epoch: usize,
    pub(crate) split: &'static str,
    pub(crate) loss: f64,
    /// The largest absolute entry of the gradient.
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
