//! What a person sees while a run goes on, and at its end.
//!
//! Progress goes to standard error: bars on a terminal, a plain line per log interval otherwise. Standard output has
//! the result only.

use std::io::{IsTerminal, Write, stderr, stdout};

use indicatif::{ProgressBar, ProgressStyle};
use kiln::{
    data::Progress,
    train::{EpochReport, Metrics, Observer, StepReport, TrainError},
};
use serde::Serialize;

use crate::flags::OutputFlags;

/// How to speak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console {
    json: bool,
    quiet: bool,
}

impl Console {
    pub(crate) fn new(flags: &OutputFlags) -> Self {
        Self { json: flags.json, quiet: flags.quiet }
    }

    /// The result: `json` with `--json`, else `text`. Nobody reading any more is not an error.
    pub(crate) fn result(self, json: &impl Serialize, text: impl FnOnce() -> String) {
        if self.json {
            let json = serde_json::to_string_pretty(json).expect("results have string keys only");
            let _ = writeln!(stdout(), "{json}");
        } else if !self.quiet {
            let _ = writeln!(stdout(), "{}", text().trim_end());
        }
    }

    /// A line for people, on standard error.
    pub(crate) fn note(self, text: impl std::fmt::Display) {
        if !self.quiet && !self.json {
            let _ = writeln!(stderr(), "{text}");
        }
    }

    /// What shows a training run's progress.
    pub(crate) fn observer(self) -> TrainingProgress {
        let bar = (!self.quiet && !self.json && stderr().is_terminal()).then(ProgressBar::no_length);
        TrainingProgress { console: self, bar }
    }

    /// What shows a download's progress.
    pub(crate) fn download(self) -> impl FnMut(Progress<'_>) {
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

/// A bar, or lines.
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

impl Observer for TrainingProgress {
    fn on_start(&mut self, step: u64, total: u64) -> Result<(), TrainError> {
        if let Some(bar) = &self.bar {
            let style = ProgressStyle::with_template("{wide_bar} step {pos}/{len}, {eta} left  {msg}");
            bar.set_style(style.expect("the template is well-formed"));
            bar.set_length(total);
            bar.set_position(step);
        }
        Ok(())
    }

    fn on_step(&mut self, report: &StepReport, due: bool) -> Result<(), TrainError> {
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
        Ok(())
    }

    fn on_epoch(&mut self, report: &EpochReport) -> Result<(), TrainError> {
        let split = if report.split == "test" { "test " } else { "train" };
        self.line(format!("epoch {:>3}  {split}  {}", report.epoch, metrics(&report.metrics)));
        Ok(())
    }
}

impl Drop for TrainingProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `loss 104.9213  elbo -104.9213  …`
pub(crate) fn metrics(metrics: &Metrics) -> String {
    let terms = metrics.terms.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?)));
    let all = std::iter::once(("loss", metrics.loss)).chain(terms);
    all.map(|(name, value)| format!("{name} {value:.4}")).collect::<Vec<_>>().join("  ")
}
