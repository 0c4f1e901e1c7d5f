//! `kiln lr-find`: the learning-rate range test, for the models' own modules.

use kiln::train::{LrFindConfig, LrRange};

use crate::{
    console::Console,
    failure::{Exit, Failure, Result},
    flags::SweepFlags,
    method::MethodSettings,
    plot::{self, Axis, Curve, Legend, Marks, Panel},
    rundir::{write_json, write_whole},
};

/// A sweep that is about to be made.
pub(crate) struct Search {
    flags: SweepFlags,
}

impl Search {
    /// Refuses what makes no sweep, before any data is read. A momentum's course is over the sweep.
    pub(crate) fn new(flags: SweepFlags, method: &mut MethodSettings) -> Result<Self> {
        let search = Self { flags };
        search.config(1, 0).schedule()?;
        search.refuse(method.lr.is_some() || method.schedule.is_some())?;
        search.refuse(method.batch_schedule.is_some() || method.average.is_some())?;
        method.settle_horizons(search.flags.steps);
        Ok(search)
    }

    /// Flags that a sweep would pass over in silence.
    pub(crate) fn refuse(&self, given: bool) -> Result<()> {
        if !given {
            return Ok(());
        }
        Err(Failure::usage(
            "--lr, --schedule, --batch-schedule, --average, --epochs, --gtol, --log-every and --keep have no part in a sweep: \
             leave them away",
        ))
    }

    pub(crate) fn config(&self, batch_size: usize, seed: u64) -> LrFindConfig {
        let SweepFlags { from, to, steps, smoothing, .. } = self.flags;
        LrFindConfig { from, to, steps, smoothing, batch_size, seed }
    }

    /// The suggestion, and with `--out` the sweep and its plot. No suggestion is an outcome that did not converge.
    pub(crate) fn report(&self, range: &LrRange, console: Console) -> Result<Exit> {
        if let Some(out) = &self.flags.out {
            std::fs::create_dir_all(out)
                .map_err(|e| Failure::usage(format!("cannot use {} as --out: {e}", out.display())))?;
            write_json(&out.join("lr-find.json"), range)?;
            if let Some(png) = plot::png(&[panel(range)]) {
                write_whole(&out.join("lr-find.png"), &png)?;
            }
        }
        console.result(range, || match (range.suggestion, range.minimum) {
            (Some(suggestion), Some(minimum)) => format!(
                "--lr {suggestion:.2e}: there the loss fell fastest; it was smallest at {minimum:.2e}, after {} steps{}",
                range.points.len(),
                if range.diverged { ", and came apart beyond" } else { "" }
            ),
            _ => String::new(),
        });
        if range.suggestion.is_some() {
            return Ok(Exit::Done);
        }
        let message = "the loss did not fall at any step size: widen --from and --to, or look at the data".to_owned();
        Err(Failure { message, exit: Exit::NotConverged })
    }
}

fn panel(range: &LrRange) -> Panel {
    let curve = |name: &str, value: fn(&kiln::train::LrPoint) -> f64| Curve {
        name: name.to_owned(),
        points: range.points.iter().map(|p| (p.lr, value(p))).collect(),
    };
    let lowest = range.points.iter().map(|p| p.smoothed).fold(f64::INFINITY, f64::min);
    let highest = range.points.first().map_or(lowest, |p| p.smoothed);
    // What comes apart is cut off, or nothing else would be seen.
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
        x: Axis::logarithmic("step size"),
        y: Axis::linear("loss"),
        curves,
        legend: Legend::LowerLeft,
        marks: Marks::Lines,
    }
}
