//! Output for people and for programs.
//!
//! Progress goes to standard error: a bar in a terminal, one plain line per log interval otherwise. Standard output gets
//! the result only.

use std::{
    io::{self, IsTerminal, Write, stderr, stdout},
    ops::ControlFlow,
};

use indicatif::{ProgressBar, ProgressStyle};
use kiln::{
    data::{DownloadProgress, LoadProgress},
    train::{EpochReport, Metrics, Observer, StepReport, TrainError, Watched},
};
use serde::Serialize;

use super::failure::{Failure, Result};

/// What is printed: everything, the result as JSON, or nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    json: bool,
    quiet: bool,
    /// Whether not even warnings are printed, because another process prints them.
    silent: bool,
}

impl Console {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet, silent: false }
    }

    /// A console that prints nothing: another process prints.
    pub(crate) fn silent() -> Self {
        Self { json: false, quiet: true, silent: true }
    }

    /// Returns whether the result goes to standard output as JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints the result: `json` with `--json`, otherwise `text`.
    pub(crate) fn result(self, json: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
        let printed = if self.json {
            let json = serde_json::to_string_pretty(json).expect("results have string keys only");
            writeln!(stdout(), "{json}")
        } else if !self.quiet {
            writeln!(stdout(), "{}", text().trim_end())
        } else {
            Ok(())
        };
        match printed.and_then(|()| stdout().flush()) {
            // The reader of a pipe may stop early, as `head` does.
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::internal(format!("cannot write to standard output: {e}")))
            }
            _ => Ok(()),
        }
    }

    /// Prints a line for people on standard error.
    pub(crate) fn note(self, text: impl std::fmt::Display) {
        if !self.quiet && !self.json {
            let _ = writeln!(stderr(), "{text}");
        }
    }

    /// Prints a warning on standard error, also with `--quiet` and `--json`.
    pub(crate) fn warn(self, text: impl std::fmt::Display) {
        if !self.silent {
            let _ = writeln!(stderr(), "kiln: warning: {text}");
        }
    }

    fn bar(self) -> Option<ProgressBar> {
        (!self.quiet && !self.json && stderr().is_terminal()).then(ProgressBar::no_length)
    }

    /// Shows the progress of a training run.
    pub(crate) fn observer(self) -> TrainingProgress {
        TrainingProgress { console: self, bar: self.bar() }
    }

    /// Shows the progress of a solver: a line every `every` steps when there is no terminal.
    pub(crate) fn steps(self, every: u64) -> StepProgress {
        StepProgress { console: self, bar: self.bar(), every: every.max(1) }
    }

    /// Shows the progress of loading images.
    pub(crate) fn loading(self) -> impl FnMut(LoadProgress<'_>) {
        let mut download = self.download();
        let mut bar: Option<ProgressBar> = None;
        move |progress| match progress {
            LoadProgress::Download(progress) => download(progress),
            LoadProgress::Pictures(done, of) if !self.quiet && !self.json => {
                let bar = bar.get_or_insert_with(|| {
                    let style = ProgressStyle::with_template("decoding pictures {wide_bar} {pos}/{len} {eta}");
                    let counted = ProgressStyle::with_template("decoding pictures: {pos}");
                    let style = if of.is_some() { style } else { counted };
                    ProgressBar::no_length().with_style(style.expect("the template is well-formed"))
                });
                if let Some(of) = of {
                    bar.set_length(of as u64);
                }
                bar.set_position(done as u64);
                if Some(done) == of {
                    bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    /// Shows the progress of a download.
    pub(crate) fn download(self) -> impl FnMut(DownloadProgress<'_>) {
        let mut bar: Option<(String, ProgressBar)> = None;
        move |progress| {
            if self.quiet || self.json {
                return;
            }
            if bar.as_ref().is_none_or(|(file, _)| file != progress.file) {
                if !stderr().is_terminal() {
                    self.note(format_args!("downloading {}", progress.file));
                }
                let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}");
                let new = ProgressBar::no_length().with_style(style.expect("the template is well-formed"));
                new.set_message(progress.file.to_owned());
                bar = Some((progress.file.to_owned(), new));
            }
            let (_, bar) = bar.as_ref().expect("made above");
            if let Some(total) = progress.total {
                bar.set_length(total);
            }
            bar.set_position(progress.received);
        }
    }
}

/// Shows the steps of a solver, whose number is not known before.
#[derive(Debug)]
pub(crate) struct StepProgress {
    console: Console,
    bar: Option<ProgressBar>,
    every: u64,
}

impl StepProgress {
    /// Reports that `step` steps are done.
    pub(crate) fn set(&self, step: u64, state: impl FnOnce() -> String) {
        match &self.bar {
            Some(bar) => {
                if step <= 1 {
                    let style = ProgressStyle::with_template("{spinner} step {pos}  {elapsed}  {msg}");
                    bar.set_style(style.expect("the template is well-formed"));
                }
                bar.set_position(step);
                bar.set_message(state());
            }
            None if step.is_multiple_of(self.every) => self.console.note(format_args!("step {step:>6}  {}", state())),
            None => {}
        }
    }
}

impl Drop for StepProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Shows the steps and epochs of the trainer.
#[derive(Debug)]
pub(crate) struct TrainingProgress {
    console: Console,
    bar: Option<ProgressBar>,
}

impl TrainingProgress {
    fn line(&self, text: String) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => self.console.note(text),
        }
    }
}

impl<M> Observer<M> for TrainingProgress {
    fn wants_every_step(&self) -> bool {
        false
    }

    fn on_start(&mut self, step: u64, total: u64) -> std::result::Result<(), TrainError> {
        if let Some(bar) = &self.bar {
            let style = ProgressStyle::with_template("{wide_bar} step {pos}/{len}, {eta} left  {msg}");
            bar.set_style(style.expect("the template is well-formed"));
            bar.set_length(total);
            bar.set_position(step);
        }
        Ok(())
    }

    fn on_step(
        &mut self,
        report: &StepReport,
        _model: &Watched<'_, M>,
    ) -> std::result::Result<ControlFlow<()>, TrainError> {
        let due = report.due;
        match &self.bar {
            Some(bar) => {
                bar.set_position(report.step);
                if due {
                    bar.set_message(format!("loss {:.4}", report.metrics.loss));
                }
            }
            None if due => self.console.note(format_args!(
                "step {:>6}  epoch {:>3}  {}  lr {:.3e}  |g| {:.3e}  {:.0} examples/s",
                report.step,
                report.epoch,
                metrics(&report.metrics),
                report.lr,
                report.grad_norm,
                report.examples_per_s
            )),
            None => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_epoch(
        &mut self,
        report: &EpochReport,
        _model: &Watched<'_, M>,
    ) -> std::result::Result<ControlFlow<()>, TrainError> {
        let split = match report.split {
            "train-epoch" => "train",
            "validation" => "valid",
            other => other,
        };
        self.line(format!("epoch {:>3}  {split:<5}  {}", report.epoch, metrics(&report.metrics)));
        Ok(ControlFlow::Continue(()))
    }
}

impl Drop for TrainingProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Formats metrics as `loss 104.9213  elbo -104.9213  …`.
pub(crate) fn metrics(metrics: &Metrics) -> String {
    let terms = metrics.terms.iter().map(|(name, value)| (name.as_str(), *value));
    let all = std::iter::once(("loss", metrics.loss)).chain(terms);
    all.map(|(name, value)| format!("{name} {value:.4}")).collect::<Vec<_>>().join("  ")
}
