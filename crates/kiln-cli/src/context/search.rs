//! The learning-rate range test, for the models that have one.

use std::path::PathBuf;

use clap::Args;
use kiln::train::{LrFindConfig, LrPoint, LrRange};

use crate::{
    base::{
        Console, Exit, Failure, OutputFolder, Result, count,
        plot::{Axis, Curve, Legend, Marks, Panel},
    },
    settings::MethodSettings,
};

const JSON: &str = "lr-find.json";
const PICTURE: &str = "lr-find.png";

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Learning rates")]
pub(crate) struct SweepFlags {
    /// Smallest learning rate
    #[arg(long, value_name = "LR", default_value = "1e-7")]
    from: f64,
    /// Largest learning rate
    #[arg(long, value_name = "LR", default_value_t = 10.0)]
    to: f64,
    /// Number of learning rates to try, at least 4/(1 − smoothing)
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = count::<u64>())]
    steps: u64,
    /// Decay rate of the moving average of the loss, in [0, 1)
    #[arg(long, value_name = "S", default_value_t = 0.95)]
    smoothing: f64,
    /// Folder for lr-find.json and lr-find.png [default: not written]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace existing files in that folder
    #[arg(long)]
    force: bool,
}

/// A sweep of the learning rate.
pub(crate) struct Search {
    flags: SweepFlags,
    out: Option<OutputFolder>,
}

impl Search {
    /// Refuses a sweep that cannot be made, before any data is read.
    pub(crate) fn new(flags: SweepFlags) -> Result<Self> {
        let out = flags.out.as_ref().map(|out| OutputFolder::new(out, &[JSON, PICTURE], flags.force)).transpose()?;
        let search = Self { flags, out };
        search.config(1, 0).schedule()?;
        Ok(search)
    }

    /// Refuses settings that a sweep would ignore. A momentum schedule runs over the sweep.
    pub(crate) fn prepare(&self, method: &mut MethodSettings) -> Result<()> {
        self.refuse(method.lr.is_some() || method.schedule.is_some() || method.patience.is_some())?;
        self.refuse(method.batch_schedule.is_some() || method.average.is_some())?;
        method.settle_horizons(self.flags.steps);
        Ok(())
    }

    /// Refuses flags that a sweep would ignore.
    pub(crate) fn refuse(&self, given: bool) -> Result<()> {
        if !given {
            return Ok(());
        }
        Err(Failure::usage(
            "lr-find does not use --lr, --schedule, --batch-schedule, --average, --patience, --epochs, --gtol, --log-every, \
             --keep, --final, --tensorboard and --fit-prior: omit them",
        ))
    }

    pub(crate) fn config(&self, batch_size: usize, seed: u64) -> LrFindConfig {
        let SweepFlags { from, to, steps, smoothing, .. } = self.flags;
        LrFindConfig { from, to, steps, smoothing, batch_size, seed }
    }

    /// Prints the suggestion, and writes the sweep and its plot. Exit code 3 if there is no suggestion.
    pub(crate) fn report(&self, range: &LrRange, console: Console) -> Result<Exit> {
        if let Some(out) = &self.out {
            out.write_report((JSON, range), (PICTURE, &[panel(range)]))?;
        }
        console.result(range, || match (range.suggestion, range.minimum) {
            (Some(suggestion), Some(minimum)) => {
                let (steps, all) = (range.points.len(), self.flags.steps);
                let end = match range.diverged {
                    true => format!("stopped after {steps} of {all} steps because the loss diverged"),
                    false => format!("{steps} steps"),
                };
                format!("suggested --lr {suggestion:.2e} (the loss falls fastest); lowest loss at {minimum:.2e}; {end}")
            }
            _ => String::new(),
        })?;
        if range.suggestion.is_some() {
            return Ok(Exit::Done);
        }
        let message = "the loss did not fall at any learning rate: widen --from and --to, or check the data".to_owned();
        Err(Failure { message, exit: Exit::NotConverged })
    }
}

fn panel(range: &LrRange) -> Panel {
    let curve = |name: &str, value: fn(&LrPoint) -> f64| Curve {
        name: name.to_owned(),
        points: range.points.iter().map(|p| (p.lr, value(p))).collect(),
    };
    let lowest = range.points.iter().map(|p| p.smoothed).fold(f64::INFINITY, f64::min);
    let highest = range.points.first().map_or(lowest, |p| p.smoothed);
    // A diverging loss is cut off, because it would hide the rest.
    let cut = |mut curve: Curve| {
        curve.points.retain(|(_, y)| *y <= highest + 0.5 * (highest - lowest).abs());
        curve
    };
    let mut curves = vec![cut(curve("loss", |p| p.loss)), cut(curve("smoothed", |p| p.smoothed))];
    if let Some(lr) = range.suggestion {
        curves.push(Curve { name: format!("steepest at {lr:.1e}"), points: vec![(lr, lowest), (lr, highest)] });
    }
    Panel {
        title: "Learning-rate range test".into(),
        x: Axis::logarithmic("learning rate"),
        y: Axis::linear("loss"),
        curves,
        legend: Legend::LowerLeft,
        marks: Marks::Lines,
    }
}
