//! `metrics.jsonl` of a solver.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::PathBuf,
};

use kiln::optim::solver::{Iteration, Snapshot};

use crate::{
    failure::{Failure, Result},
    record::MetricsLine,
    rundir::RunDir,
};

/// `metrics.jsonl`, a line a step.
pub(super) struct Log {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Log {
    /// A new file, with the steps that a snapshot has behind it.
    pub(super) fn start(dir: &RunDir, from: Option<&Snapshot>) -> Result<Self> {
        let path = dir.file("metrics.jsonl");
        let file = BufWriter::new(File::create(&path).map_err(|e| Failure::write(&path, e))?);
        let mut log = Self { path, file };
        let history = from.map(Snapshot::history).transpose()?.unwrap_or_default();
        history.iter().skip(1).try_for_each(|iteration| log.write(iteration))?;
        Ok(log)
    }

    pub(super) fn write(&mut self, iteration: &Iteration) -> Result<()> {
        let Iteration { iteration: step, value, grad_norm, values, .. } = *iteration;
        let line = MetricsLine { step, epoch: values, split: "train", loss: value, grad_norm: Some(grad_norm) };
        let line = serde_json::to_string(&line).expect("numbers");
        writeln!(self.file, "{line}").map_err(|e| Failure::write(&self.path, e))
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|e| Failure::write(&self.path, e))
    }
}
