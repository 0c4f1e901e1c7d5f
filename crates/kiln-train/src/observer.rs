//! What watches a run.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{Metrics, TrainError};

/// One optimiser step, after it was taken.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Steps taken so far, this one included.
    pub step: u64,
    /// The epoch that it belongs to, counted from 1.
    pub epoch: u64,
    /// Always `train`.
    pub split: &'static str,
    /// The minibatch's loss and its terms.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The step size.
    pub lr: f64,
    /// The momentum, for a method that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    /// Examples a gradient, as asked for; the last minibatch of an epoch may have fewer.
    pub batch_size: usize,
    /// The Euclidean norm of the whole gradient as it came, before it was clipped; of the last minibatch, where several
    /// make a step.
    pub grad_norm: f64,
    /// Examples a second since the last report.
    pub examples_per_s: f64,
}

/// The averages of an epoch, over one split.
#[derive(Clone, Debug, Serialize)]
pub struct EpochReport {
    /// Steps taken so far.
    pub step: u64,
    /// The epoch that ended, counted from 1.
    pub epoch: u64,
    /// `train-epoch` (the mean over the epoch's minibatches, as the parameters moved) or `test`.
    pub split: &'static str,
    /// The loss and its terms.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The step size of the last step.
    pub lr: f64,
    /// Examples a second, this split's own.
    pub examples_per_s: f64,
}

/// Watches a run. Every method does nothing unless it is given.
pub trait Observer: Send {
    /// Training is about to start or to go on: `step` steps are behind it, `total` is where it will end.
    fn on_start(&mut self, _step: u64, _total: u64) -> Result<(), TrainError> {
        Ok(())
    }

    /// A step was taken. Called for every step; `due` says whether the log interval asks for a line.
    fn on_step(&mut self, _report: &StepReport, _due: bool) -> Result<(), TrainError> {
        Ok(())
    }

    /// An epoch ended; called once for each split that was measured.
    fn on_epoch(&mut self, _report: &EpochReport) -> Result<(), TrainError> {
        Ok(())
    }
}

/// Writes `metrics.jsonl`: one JSON object a line, each step that is due and each epoch.
///
/// When a run goes on from a checkpoint, lines of steps after it are taken out first: they will be written again.
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: Option<File>,
}

impl MetricsLog {
    /// A log at `path`, opened when training starts.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), file: None }
    }

    fn write(&mut self, record: &impl Serialize) -> Result<(), TrainError> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut line = serde_json::to_vec(record).expect("a report has no keys but strings");
        line.push(b'\n');
        file.write_all(&line).map_err(|source| TrainError::Observer { path: self.path.clone(), source })
    }
}

impl Observer for MetricsLog {
    fn on_start(&mut self, step: u64, _total: u64) -> Result<(), TrainError> {
        let file = open_truncated(&self.path, step);
        self.file = Some(file.map_err(|source| TrainError::Observer { path: self.path.clone(), source })?);
        Ok(())
    }

    fn on_step(&mut self, report: &StepReport, due: bool) -> Result<(), TrainError> {
        if due { self.write(report) } else { Ok(()) }
    }

    fn on_epoch(&mut self, report: &EpochReport) -> Result<(), TrainError> {
        self.write(report)
    }
}

/// Opens the log for appending, without the lines of steps after `step` and without a line that was cut short.
fn open_truncated(path: &Path, step: u64) -> std::io::Result<File> {
    let mut kept = Vec::new();
    if let Ok(old) = File::open(path) {
        for line in BufReader::new(old).lines() {
            let line = line?;
            let at = serde_json::from_str::<serde_json::Value>(&line).ok().and_then(|v| v["step"].as_u64());
            if at.is_some_and(|at| at <= step) {
                kept.push(line);
            }
        }
    }
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
    for line in kept {
        writeln!(file, "{line}")?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_goes_on_has_no_line_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        std::fs::write(&path, "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st").unwrap();
        let mut log = MetricsLog::new(&path);
        log.on_start(2, 4).unwrap();
        drop(log);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"step\":1}\n{\"step\":2}\n");
    }
}
