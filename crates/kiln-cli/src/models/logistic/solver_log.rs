//! `metrics.jsonl` of a solver: one line per step.

use kiln::{optim::solver::Iteration, train::MetricsLog};

use crate::{
    base::{METRICS, Result, RunDir},
    context::MetricsLine,
};

/// `metrics.jsonl`, which is appended to.
pub(super) struct SolverLog(MetricsLog);

impl SolverLog {
    /// Opens the log. A resumed run first gets the lines of its checkpoint's `history`.
    pub(super) fn start(dir: &RunDir, history: &[Iteration]) -> Result<Self> {
        if !history.is_empty() {
            let lines: String = history.iter().skip(1).map(|iteration| text(iteration) + "\n").collect();
            dir.write(METRICS, lines.as_bytes())?;
        }
        let mut log = MetricsLog::new(dir.file(METRICS));
        log.start_at(history.last().map_or(0, |last| last.iteration as u64))?;
        Ok(Self(log))
    }

    pub(super) fn write(&mut self, iteration: &Iteration) -> Result<()> {
        Ok(self.0.append(&line(iteration))?)
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        Ok(self.0.sync()?)
    }
}

fn line(iteration: &Iteration) -> MetricsLine {
    let Iteration { iteration: step, value, grad_norm, values, .. } = *iteration;
    MetricsLine { step, epoch: values, split: "train", loss: value, grad_norm: Some(grad_norm) }
}

fn text(iteration: &Iteration) -> String {
    serde_json::to_string(&line(iteration)).expect("numbers")
}
