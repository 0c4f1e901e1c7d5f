//! Cross-validation: the folds, and the report.

use std::{collections::HashMap, path::PathBuf};

use clap::Args;
use kiln::data::{Folds, Shown, Table};
use serde::Serialize;

use crate::{
    base::{
        Console, Exit, Failure, OutputFolder, Result, count,
        plot::{Axis, Curve, Legend, Marks, Panel},
    },
    names::PenaltyName,
};

const JSON: &str = "cv.json";
const PICTURE: &str = "cv.png";
/// Penalties in an automatic grid, and the ratio of its ends.
const POINTS: usize = 20;
const RANGE: f64 = 1e-4;

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cross-validation")]
pub(crate) struct CvFlags {
    /// Number of folds
    #[arg(long, value_name = "K", default_value_t = 5, value_parser = count::<usize>())]
    pub(crate) folds: usize,
    /// Column whose values are groups: all rows of a group are in one fold
    #[arg(long, value_name = "COLUMN", conflicts_with = "fold_column")]
    pub(crate) group: Option<String>,
    /// Column with the fold of each row, in place of --folds
    #[arg(long, value_name = "COLUMN")]
    pub(crate) fold_column: Option<String>,
    /// Keep the rows in the order of the file [default: shuffled by --seed]
    #[arg(long)]
    pub(crate) in_order: bool,
    /// Folder for cv.json and cv.png [default: not written]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Replace existing files in that folder
    #[arg(long)]
    pub(crate) force: bool,
}

/// The penalties to compare.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cross-validation")]
pub(crate) struct GridFlags {
    /// Penalty to choose by cross-validation: l1, l2, or none
    #[arg(long, value_name = "NAME", default_value = "none")]
    pub(crate) penalty: PenaltyName,
    /// Penalties to compare [default: 20 values down from one that leaves nothing but intercepts]
    #[arg(long, value_name = "P,…", value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) grid: Vec<f64>,
}

/// A cross-validation.
pub(crate) struct CrossValidation {
    flags: CvFlags,
    out: Option<OutputFolder>,
}

/// The score of a fold.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct FoldScore {
    /// Test rows.
    pub(crate) n: usize,
    /// The mean negative log-likelihood of the test rows, in nats.
    pub(crate) nll: f64,
    /// For classes: the share of test rows whose most probable class is right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) accuracy: Option<f64>,
    /// For numbers: the root of the mean squared error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rmse: Option<f64>,
}

/// A model that was scored on every fold.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Candidate {
    /// Its penalty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) penalty: Option<f64>,
    /// The mean of the folds' nll, and its standard error: the folds' standard deviation / √k.
    mean: f64,
    standard_error: f64,
    scores: Vec<FoldScore>,
}

impl Candidate {
    pub(crate) fn new(penalty: Option<f64>, scores: Vec<FoldScore>) -> Self {
        #[allow(clippy::cast_precision_loss, reason = "a number of folds")]
        let k = scores.len() as f64;
        let mean = scores.iter().map(|score| score.nll).sum::<f64>() / k;
        let variance = scores.iter().map(|score| (score.nll - mean).powi(2)).sum::<f64>() / (k - 1.0);
        Self { penalty, mean, standard_error: (variance / k).sqrt(), scores }
    }

    fn mean_of(&self, of: impl Fn(&FoldScore) -> Option<f64>) -> Option<f64> {
        let values: Option<Vec<f64>> = self.scores.iter().map(of).collect();
        #[allow(clippy::cast_precision_loss, reason = "a number of folds")]
        values.map(|values| values.iter().sum::<f64>() / values.len() as f64)
    }
}

/// `cv.json`.
#[derive(Debug, Serialize)]
struct Report {
    folds: usize,
    candidates: Vec<Candidate>,
    /// The penalty with the smallest mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    best: Option<f64>,
    /// The largest penalty whose mean is within one standard error of the best.
    #[serde(skip_serializing_if = "Option::is_none")]
    one_standard_error: Option<f64>,
}

impl CrossValidation {
    /// Refuses what cannot be done, before any data is read.
    pub(crate) fn new(flags: CvFlags) -> Result<Self> {
        if flags.folds < 2 {
            return Err(Failure::usage(format!("--folds must be at least 2, got {}", flags.folds)));
        }
        let out = flags.out.as_ref().map(|out| OutputFolder::new(out, &[JSON, PICTURE], flags.force)).transpose()?;
        Ok(Self { flags, out })
    }

    /// The columns that are not features.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &String> {
        self.flags.group.iter().chain(&self.flags.fold_column)
    }

    /// The folds of the rows of `table`, some of the rows of the file `all`. Classes keep their proportions.
    pub(crate) fn folds(&self, all: &Table, table: &Table, classes: Option<&[usize]>, seed: u64) -> Result<Folds> {
        let CvFlags { folds: k, group, fold_column, in_order, .. } = &self.flags;
        let shuffle = (!in_order).then_some(seed);
        if let Some(name) = group {
            return Ok(Folds::grouped(&labels(all, table, name)?, *k)?);
        }
        if let Some(name) = fold_column {
            return Ok(Folds::from_column(&labels(all, table, name)?)?);
        }
        Ok(match classes {
            Some(classes) => Folds::stratified(classes, *k, shuffle)?,
            None => Folds::k_fold(table.len(), *k, shuffle)?,
        })
    }

    /// Prints the comparison, and writes it.
    pub(crate) fn report(
        &self,
        folds: usize,
        penalty: PenaltyName,
        candidates: Vec<Candidate>,
        console: Console,
    ) -> Result<Exit> {
        let best = (0..candidates.len())
            .filter(|i| candidates[*i].mean.is_finite())
            .min_by(|a, b| candidates[*a].mean.total_cmp(&candidates[*b].mean));
        let Some(best) = best else {
            return Err(Failure::diverged(
                "no score is finite: the test rows have values beyond what the model can compute with",
            ));
        };
        let limit = candidates[best].mean + candidates[best].standard_error;
        let within = candidates.iter().filter(|candidate| candidate.mean <= limit).filter_map(|c| c.penalty);
        let report = Report {
            folds,
            best: candidates[best].penalty,
            one_standard_error: within.fold(None, |largest: Option<f64>, p| Some(largest.map_or(p, |q| q.max(p)))),
            candidates,
        };
        if let Some(out) = &self.out {
            out.write_report((JSON, &report), (PICTURE, &[panel(&report, penalty)]))?;
        }
        console.result(&report, || text(&report, penalty))?;
        Ok(Exit::Done)
    }
}

/// The places of a column's values in their order, for the rows of `table`: by size if all are numbers, and as text otherwise.
fn labels(all: &Table, table: &Table, name: &str) -> Result<Vec<usize>> {
    let column = all.required(name)?;
    let (levels, codes) = column.levels();
    let mut order: Vec<usize> = (0..levels.len()).collect();
    let numbers: Option<Vec<f64>> = levels.iter().map(|level| level.parse().ok()).collect();
    match numbers {
        Some(numbers) => order.sort_by(|a, b| numbers[*a].total_cmp(&numbers[*b])),
        None => order.sort_by(|a, b| levels[*a].cmp(&levels[*b])),
    }
    let mut rank = vec![0; levels.len()];
    order.iter().enumerate().for_each(|(place, level)| rank[*level] = place);
    let by_place: HashMap<(&str, u64), usize> = (0..all.len()).map(|row| (all.place(row), row)).collect();
    let of = |row: usize| {
        let at = by_place[&table.place(row)];
        if column.is_missing(at) {
            return Err(Failure::usage(format!(
                "{}, line {}: column '{}' has no value",
                table.file(),
                table.line(row),
                Shown(name)
            )));
        }
        Ok(rank[codes[at] as usize])
    };
    (0..table.len()).map(of).collect()
}

/// The penalties that are compared: those given, or 20 down from `largest`, at equal ratios.
pub(crate) fn grid(flags: &GridFlags, largest: impl FnOnce() -> f64) -> Result<Vec<f64>> {
    if flags.penalty == PenaltyName::None {
        return match flags.grid.is_empty() {
            true => Ok(Vec::new()),
            false => Err(Failure::usage("--grid needs --penalty l1 or --penalty l2")),
        };
    }
    if let Some(wrong) = flags.grid.iter().find(|penalty| !(**penalty >= 0.0 && penalty.is_finite())) {
        return Err(Failure::usage(format!("--grid must have finite numbers that are not negative, got {wrong}")));
    }
    if !flags.grid.is_empty() {
        return Ok(flags.grid.clone());
    }
    let (largest, step) = (largest(), RANGE.powf(1.0 / (POINTS - 1) as f64));
    Ok((0..POINTS).map(|i| largest * step.powi(i as i32)).collect())
}

fn text(report: &Report, penalty: PenaltyName) -> String {
    let name = penalty.text();
    let first = report.candidates.first();
    let has_accuracy = first.is_some_and(|first| first.mean_of(|score| score.accuracy).is_some());
    let other = if has_accuracy { "accuracy" } else { "rmse" };
    let head = if report.best.is_some() { format!("{name:>12} ") } else { String::new() };
    let mut text = format!("{head}{:>12} {:>12} {other:>12}\n", "mean nll", "std err");
    for candidate in &report.candidates {
        let penalty = candidate.penalty.map_or_else(String::new, |penalty| format!("{penalty:>12.4e} "));
        let other = candidate.mean_of(|score| score.accuracy.or(score.rmse)).unwrap_or(f64::NAN);
        let mark = match candidate.penalty {
            Some(p) if Some(p) == report.best => "  best",
            Some(p) if Some(p) == report.one_standard_error => "  within one standard error",
            _ => "",
        };
        text += &format!("{penalty}{:>12.6} {:>12.6} {other:>12.6}{mark}\n", candidate.mean, candidate.standard_error);
    }
    match (report.best, report.one_standard_error) {
        (Some(best), Some(simple)) if simple > best => {
            text + &format!(
                "lowest mean at --{name} {best:.4e}; --{name} {simple:.4e} is within one standard error of it"
            )
        }
        (Some(best), _) => text + &format!("lowest mean at --{name} {best:.4e}"),
        (None, _) => text + &format!("{} folds", report.folds),
    }
}

fn panel(report: &Report, penalty: PenaltyName) -> Panel {
    let curve = |name: &str, y: &dyn Fn(&Candidate) -> f64| Curve {
        name: name.to_owned(),
        points: report
            .candidates
            .iter()
            .zip(1u32..)
            .map(|(candidate, i)| (candidate.penalty.unwrap_or_else(|| f64::from(i)), y(candidate)))
            .collect(),
    };
    Panel {
        title: format!("Cross-validation, {} folds", report.folds),
        x: if report.best.is_some() { Axis::logarithmic(penalty.text()) } else { Axis::linear("model") },
        y: Axis::linear("nll of the test rows (nats)"),
        curves: vec![
            curve("mean", &|candidate| candidate.mean),
            curve("mean + standard error", &|candidate| candidate.mean + candidate.standard_error),
            curve("mean − standard error", &|candidate| candidate.mean - candidate.standard_error),
        ],
        legend: Legend::UpperLeft,
        marks: Marks::Lines,
    }
}

/// The failure of a fit without a fold, with the names of flags in place of those of the library.
pub(crate) fn without_fold(index: usize, message: &str, exit: Exit) -> Failure {
    let message = message.replace("`max_iter` or `gtol`", "--max-iter or --gtol");
    Failure { message: format!("without fold {}, {message}", index + 1), exit }
}
