//! The report of a folder of `kiln vi`.

use std::path::Path;

use serde_json::Value;

use super::{
    recorded::{facts_of, shown},
    vi::{DIAGNOSTICS, DRAWS, POSTERIOR},
};
use crate::base::{
    Block, Failure, Page, Result, Section,
    plot::{Axis, Curve, Legend, Marks, Panel},
};

/// Parameters whose marginal distributions are drawn.
const MARGINALS: usize = 24;
/// Bars of a histogram.
const BINS: usize = 40;

/// Returns whether a folder has results of `kiln vi`.
pub(super) fn is_posterior(folder: &Path) -> bool {
    folder.join(POSTERIOR).is_file()
}

pub(super) fn page(folder: &Path) -> Result<Page> {
    let posterior = read(folder, POSTERIOR)?;
    let (mut warnings, mut sections) = (Vec::new(), Vec::new());
    // A single point has neither draws nor a bound.
    let is_point = posterior["elbo"].is_null();
    let diagnostics = read(folder, DIAGNOSTICS).unwrap_or_else(|failure| {
        warnings.push(format!("{}.", failure.message));
        Value::Null
    });
    if posterior["status"] == "not-converged" {
        warnings.push(text_of(&posterior["message"]));
    }
    sections.push(summary(&posterior, is_point));
    let draws = std::fs::read(folder.join(DRAWS)).map(|bytes| marginals(&bytes)).unwrap_or_default();
    if let Some(charts) = Block::charts(&draws) {
        let about =
            format!("The share of the draws in each of {BINS} intervals, for the first {} parameters.", draws.len());
        sections.push(Section::new("Marginal distributions", vec![Block::text(about), charts]));
    }
    if let Some(charts) = Block::charts(&[trace(&diagnostics, is_point)]) {
        sections.push(Section::new("Fit", vec![Block::text(text_of(&posterior["message"])), charts]));
    }
    let mut facts = facts_of(&without(&posterior, "parameters"));
    facts.extend(facts_of(&without(&without(&diagnostics, "elbo_trace"), "command")));
    let mut known = std::collections::HashSet::new();
    facts.retain(|(name, _)| known.insert(name.clone()));
    sections.push(Section::new("All results", vec![Block::Facts { rows: facts }]));
    if let Some(command) = diagnostics["command"].as_str() {
        sections.push(Section::new("How to repeat it", vec![Block::Verbatim { text: command.to_owned() }]));
    }
    let highlights = [
        ("status", &posterior["status"]),
        ("ELBO", &posterior["elbo"]),
        ("ln p(data, z)", &posterior["log_joint"]),
        ("its standard error", &posterior["elbo_standard_error"]),
        ("Pareto k̂", &posterior["psis_khat"]),
        ("steps", &posterior["nit"]),
        ("seconds", &posterior["wall_s"]),
    ];
    let highlights = highlights.into_iter().filter(|(_, value)| !value.is_null());
    Ok(Page {
        title: folder.display().to_string(),
        about: format!("Posterior of {}, guide {}", text_of(&posterior["model"]), text_of(&posterior["guide"])),
        highlights: highlights.map(|(name, value)| (name.to_owned(), shown(value))).collect(),
        warnings,
        sections,
    })
}

fn read(folder: &Path, name: &str) -> Result<Value> {
    let path = folder.join(name);
    let bad = |why: String| Failure::usage(format!("{} cannot be read: {why}", path.display()));
    let bytes = std::fs::read(&path).map_err(|error| bad(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn without(value: &Value, key: &str) -> Value {
    let mut value = value.clone();
    if let Some(object) = value.as_object_mut() {
        object.remove(key);
    }
    value
}

/// The table of the parameters, and a chart of their intervals.
fn summary(posterior: &Value, is_point: bool) -> Section {
    let parameters = posterior["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let numbers = ["mean", "sd", "q2_5", "median", "q97_5"];
    let row = |of: &Value| std::iter::once(text_of(&of["name"])).chain(numbers.map(|key| cell(&of[key]))).collect();
    let header = ["parameter", "mean", "standard deviation", "2.5%", "median", "97.5%"].map(str::to_owned).to_vec();
    let caption = if is_point { "The mode" } else { "Summary of the draws" };
    let table = Block::table(caption, header, parameters.iter().map(row).collect());
    let curve = |(key, name): (&str, &str)| {
        let points = (1u32..).zip(parameters).filter_map(|(i, of)| Some((f64::from(i), of[key].as_f64()?)));
        Curve { name: name.to_owned(), points: points.collect() }
    };
    let panel = Panel {
        title: if is_point { "The mode" } else { "Means and intervals of 95%" }.into(),
        x: Axis::linear("parameter, in the order of the table"),
        y: Axis::linear("value"),
        curves: [("q97_5", "97.5%"), ("mean", "mean"), ("q2_5", "2.5%")].map(curve).to_vec(),
        legend: Legend::UpperRight,
        marks: Marks::Points,
    };
    let mut blocks = vec![table];
    blocks.extend(Block::charts(&[panel]));
    Section::new("Posterior", blocks)
}

fn cell(value: &Value) -> String {
    if value.is_null() { String::new() } else { shown(value) }
}

fn trace(diagnostics: &Value, is_point: bool) -> Panel {
    let values = diagnostics["elbo_trace"].as_array().map(Vec::as_slice).unwrap_or_default();
    let points = (1u32..).zip(values).filter_map(|(step, value)| Some((f64::from(step), value.as_f64()?)));
    Panel {
        title: if is_point { "ln p(data, z) at each step" } else { "ELBO, estimated at each step" }.into(),
        x: Axis::linear("step"),
        y: Axis::linear("nats"),
        curves: vec![Curve { name: if is_point { "ln p" } else { "ELBO" }.into(), points: points.collect() }],
        legend: Legend::LowerRight,
        marks: Marks::Lines,
    }
}

/// A histogram of the draws of each of the first parameters.
fn marginals(csv: &[u8]) -> Vec<Panel> {
    let mut reader = csv::Reader::from_reader(csv);
    let names: Vec<String> =
        reader.headers().map(|names| names.iter().map(str::to_owned).collect()).unwrap_or_default();
    let mut columns = vec![Vec::new(); names.len().min(MARGINALS)];
    for record in reader.records().flatten() {
        for (column, text) in columns.iter_mut().zip(&record) {
            column.extend(text.parse::<f64>().ok().filter(|value| value.is_finite()));
        }
    }
    names.iter().zip(&columns).filter_map(|(name, draws)| histogram(name, draws)).collect()
}

fn histogram(name: &str, draws: &[f64]) -> Option<Panel> {
    let (low, high) = draws.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
    let width = (high - low) / BINS as f64;
    if !(width.is_finite() && width > 0.0) {
        return None;
    }
    let mut counts = [0.0; BINS];
    for draw in draws {
        counts[(((draw - low) / width) as usize).min(BINS - 1)] += 1.0 / draws.len() as f64;
    }
    let middle = |i: usize| low + (i as f64 + 0.5) * width;
    Some(Panel {
        title: name.to_owned(),
        x: Axis::linear(name),
        y: Axis::linear("share of the draws"),
        curves: vec![Curve {
            name: name.to_owned(),
            points: counts.iter().enumerate().map(|(i, c)| (middle(i), *c)).collect(),
        }],
        legend: Legend::UpperRight,
        marks: Marks::Lines,
    })
}
