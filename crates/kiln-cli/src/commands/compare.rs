//! `kiln compare`: runs side by side.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::recorded::{Recorded, panels_of};
use crate::{
    base::{
        Console, Exit, Failure, Output, Result,
        plot::{self, Panel},
        table_of,
    },
    flags::RunsAccess,
    models::{Config, Losses},
};

#[derive(Args, Debug)]
pub(crate) struct CompareFlags {
    /// Run folders, two or more
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// SVG file with the curves of all runs
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    /// Do not compute the losses of the test examples
    #[arg(long)]
    no_differences: bool,
    #[command(flatten)]
    access: RunsAccess,
}

/// Runs side by side.
pub(super) struct Comparison {
    pub(super) runs: Vec<Recorded>,
    pub(super) differences: Vec<Difference>,
    /// Why some differences are missing.
    pub(super) notes: Vec<String>,
}

/// The mean difference of the losses of two runs on the same test examples.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Difference {
    pub(super) run: String,
    pub(super) baseline: String,
    /// What the losses are.
    pub(super) loss: &'static str,
    pub(super) examples: usize,
    /// Loss of the run minus that of the baseline, in nats per example.
    pub(super) mean: f64,
    /// Of the mean, over the examples.
    pub(super) standard_error: f64,
}

impl Difference {
    fn of((run, own): (&Recorded, &Losses), (baseline, base): (&Recorded, &Losses)) -> Self {
        let each: Vec<f64> = own.of_examples.iter().zip(&base.of_examples).map(|(own, base)| own - base).collect();
        let n = each.len() as f64;
        let mean = each.iter().sum::<f64>() / n;
        let variance = each.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        Self {
            run: run.name.clone(),
            baseline: baseline.name.clone(),
            loss: own.name,
            examples: each.len(),
            mean,
            standard_error: (variance / n).sqrt(),
        }
    }

    pub(super) fn text(&self) -> String {
        let Self { run, baseline, loss, examples, mean, standard_error } = self;
        format!("{run} − {baseline}: {mean:+.4} ± {standard_error:.4} nats ({loss}, {examples} test examples)")
    }
}

impl Comparison {
    /// Reads the runs. Differences are those to the first run, if `differences` asks for them.
    pub(super) fn of(paths: &[PathBuf], access: &RunsAccess, differences: bool, console: Console) -> Result<Self> {
        let runs = paths.iter().map(|path| Recorded::read(path)).collect::<Result<Vec<_>>>()?;
        let mut comparison = Self { runs, differences: Vec::new(), notes: Vec::new() };
        if !differences {
            return Ok(comparison);
        }
        let losses = |run: &Recorded| -> Result<Option<Losses>> {
            Config::of(&run.dir)?.losses(run.dir.clone(), &access.of(run.dir.path()), console)
        };
        let mut base: Option<(usize, Losses)> = None;
        for (i, run) in comparison.runs.iter().enumerate() {
            match (losses(run), &base) {
                (Ok(Some(own)), None) => base = Some((i, own)),
                (Ok(Some(own)), Some((b, losses))) if own.digest == losses.digest && own.name == losses.name => {
                    comparison.differences.push(Difference::of((run, &own), (&comparison.runs[*b], losses)));
                }
                (Ok(Some(_)), Some((b, _))) => {
                    let base = &comparison.runs[*b].name;
                    comparison.notes.push(format!(
                        "{} and {base} have other test examples, or another likelihood or condition: no difference",
                        run.name
                    ));
                }
                (Ok(None), _) => comparison.notes.push(format!("{} has no losses of test examples", run.name)),
                (Err(failure), _) => comparison.notes.push(format!("{}: no losses: {}", run.name, failure.message)),
            }
        }
        Ok(comparison)
    }

    /// The results that the runs have, one row per run.
    pub(super) fn results(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in self.runs.iter().flat_map(|run| &run.highlights) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        let row = |run: &Recorded| {
            let value =
                |name: &String| run.highlights.iter().find(|(n, _)| n == name).map_or("–", |(_, value)| value);
            std::iter::once(run.name.clone()).chain(names.iter().map(|name| value(name).to_owned())).collect()
        };
        let rows = self.runs.iter().map(row).collect();
        (std::iter::once("run".to_owned()).chain(names.clone()).collect(), rows)
    }

    /// The settings in which the runs differ, one row per setting.
    pub(super) fn settings(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let mut keys: Vec<&String> = Vec::new();
        for (key, _) in self.runs.iter().flat_map(|run| &run.settings) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let value = |run: &Recorded, key: &String| {
            run.settings.iter().find(|(k, _)| k == key).map_or_else(|| "–".to_owned(), |(_, value)| value.clone())
        };
        let row = |key: &&String| {
            let values: Vec<String> = self.runs.iter().map(|run| value(run, key)).collect();
            let differ = values.iter().any(|value| *value != values[0]);
            differ.then(|| std::iter::once((*key).clone()).chain(values).collect())
        };
        let header =
            std::iter::once("setting".to_owned()).chain(self.runs.iter().map(|run| run.name.clone())).collect();
        (header, keys.iter().filter_map(row).collect())
    }

    /// The curves of all runs in common charts.
    pub(super) fn panels(&self) -> Vec<Panel> {
        panels_of(&self.runs.iter().map(|run| (run.name.as_str(), &run.metrics[..])).collect::<Vec<_>>())
    }
}

/// `kiln compare`.
pub(crate) fn compare(flags: &CompareFlags, console: Console) -> Result<Exit> {
    let plot = flags.plot.as_deref().map(|plot| Output::new(plot, flags.force)).transpose()?;
    let comparison = Comparison::of(&flags.runs, &flags.access, !flags.no_differences, console)?;
    if let Some(plot) = &plot {
        let svg = plot::svg(&comparison.panels()).ok_or_else(|| Failure::usage("these runs have no curves to draw"))?;
        plot.write(svg.as_bytes())?;
    }
    let (results, settings) = (comparison.results(), comparison.settings());
    let json = serde_json::json!({
        "runs": comparison.runs.iter().map(Recorded::json).collect::<Vec<_>>(),
        "differences": comparison.differences, "notes": comparison.notes, "plot": plot.as_ref().map(Output::shown),
    });
    console.result(&json, || {
        let mut parts = vec![table_of(&results.0, &results.1)];
        if !settings.1.is_empty() {
            parts.push(table_of(&settings.0, &settings.1));
        }
        parts.extend(comparison.differences.iter().map(Difference::text));
        parts.extend(comparison.notes.iter().cloned());
        parts.extend(plot.as_ref().map(|plot| format!("curves in {}", plot.shown())));
        parts.join("\n\n")
    })?;
    Ok(Exit::Done)
}
