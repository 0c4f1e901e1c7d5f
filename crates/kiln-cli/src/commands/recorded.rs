//! What the files of a run's folder say, whatever its model.

use std::path::Path;

use serde_json::Value;

use crate::{
    base::{
        CONFIG, METRICS, RESULT, RUN, Result, RunDir,
        plot::{Axis, Curve, Legend, Marks, Panel},
    },
    context::RunRecord,
    models::Config,
};

/// A run, from its files.
pub(super) struct Recorded {
    pub(super) dir: RunDir,
    /// The path as given.
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) record: RunRecord,
    /// Absent if the run has not ended.
    pub(super) result: Option<Value>,
    /// Settings, by the names of their flags.
    pub(super) settings: Vec<(String, String)>,
    /// The lines of `metrics.jsonl`.
    pub(super) metrics: Vec<Value>,
    /// The numbers that matter most.
    pub(super) highlights: Vec<(String, String)>,
}

/// Results that are shown first, and their names.
const HIGHLIGHTS: [(&str, &str); 22] = [
    ("/status", "status"),
    ("/epochs", "epochs"),
    ("/nit", "iterations"),
    ("/validation/loss", "validation loss"),
    ("/test/loss", "test loss"),
    ("/test/elbo", "test ELBO"),
    ("/test/iwae", "test IWAE bound"),
    ("/test_bits_per_dim", "test bits per dimension"),
    ("/test/accuracy", "test accuracy"),
    ("/test/nll", "test negative log-likelihood"),
    ("/test/log_likelihood", "test log-likelihood"),
    ("/test/rmse", "test RMSE"),
    ("/classification/auc", "ROC AUC"),
    ("/train/loss", "training loss"),
    ("/train/accuracy", "training accuracy"),
    ("/train/rmse", "training RMSE"),
    ("/log_likelihood", "training log-likelihood"),
    ("/aic", "AIC"),
    ("/bic", "BIC"),
    ("/support_vectors", "support vectors"),
    ("/wall_s", "seconds"),
    ("/examples_per_s", "examples per second"),
];

impl Recorded {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let dir = RunDir::open(path)?;
        let kind = Config::of(&dir)?.kind();
        let record = dir.read_json(RUN)?;
        let result: Option<Value> = dir.read_json(RESULT).ok();
        let text = String::from_utf8_lossy(&dir.read(CONFIG)?).into_owned();
        let settings = settings_of(&text.parse().unwrap_or_default());
        let metrics = dir.read(METRICS).unwrap_or_default();
        // A killed process may have left half a line.
        let lines = String::from_utf8_lossy(&metrics);
        let metrics = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let highlights = result.as_ref().map(highlights_of).unwrap_or_default();
        Ok(Self { name: path.display().to_string(), dir, kind, record, result, settings, metrics, highlights })
    }

    pub(super) fn json(&self) -> Value {
        serde_json::json!({ "run": self.name, "kind": self.kind, "result": self.result })
    }
}

fn highlights_of(result: &Value) -> Vec<(String, String)> {
    let found = HIGHLIGHTS.iter().filter_map(|(pointer, name)| {
        let value = result.pointer(pointer).filter(|value| !value.is_null() && !value.is_object())?;
        Some(((*name).to_owned(), shown(value)))
    });
    found.collect()
}

/// Returns a value as text, a number with six digits.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            let short: f64 = format!("{number:.5e}").parse().unwrap_or(number);
            short.to_string()
        }
        Value::Array(values) => values.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Returns the settings of all tables.
fn settings_of(config: &toml::Table) -> Vec<(String, String)> {
    let text = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let tables = config.values().filter_map(toml::Value::as_table);
    tables.flatten().map(|(key, value)| (key.clone(), text(value))).collect()
}

/// Returns the numbers of a JSON object and of the objects in it, by their names.
pub(super) fn facts_of(value: &Value) -> Vec<(String, String)> {
    fn walk(prefix: &str, value: &Value, into: &mut Vec<(String, String)>) {
        match value {
            Value::Object(entries) => entries.iter().for_each(|(key, value)| {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix} {key}") };
                walk(&name.replace('_', " "), value, into);
            }),
            Value::Null => {}
            // Long lists have files of their own.
            Value::Array(values) if values.len() > 12 || values.iter().any(|v| v.is_object() || v.is_array()) => {}
            value => into.push((prefix.to_owned(), shown(value))),
        }
    }
    let mut facts = Vec::new();
    walk("", value, &mut facts);
    facts
}

/// What a line of `metrics.jsonl` counts.
const COUNTS: [&str; 4] = ["step", "epoch", "iteration", "batch_size"];
/// Quantities that evaluations repeat of the steps.
const OF_STEPS: [&str; 4] = ["lr", "momentum", "grad_norm", "examples_per_s"];

/// The splits that are evaluated at the end of an epoch, and their names in charts.
const EVALUATED: [(&str, &str); 3] = [("train-epoch", "training"), ("validation", "validation"), ("test", "test")];

/// Returns the title of a quantity's chart, and the label of its axis.
fn title_of(key: &str) -> (String, &'static str) {
    let (title, unit) = match key {
        "loss" => ("Loss", "nats per example"),
        "elbo" => ("ELBO", "nats per example"),
        "iwae" => ("IWAE bound", "nats per example"),
        "kl" => ("KL of the posterior to the prior", "nats per example"),
        "reconstruction" => ("Reconstruction term", "nats per example"),
        "nll" => ("Negative log-likelihood", "nats per example"),
        "lr" => ("Learning rate", ""),
        "momentum" => ("Momentum", ""),
        "grad_norm" => ("Norm of the gradient", ""),
        "max_abs_grad" => ("Largest entry of the gradient", ""),
        "examples_per_s" => ("Examples per second", ""),
        "step_size" => ("Step size", ""),
        other => return (other.replace('_', " "), ""),
    };
    (title.to_owned(), unit)
}

/// Returns whether a quantity is best read as powers of ten.
fn is_logarithmic(key: &str, curves: &[Curve]) -> bool {
    let known = ["grad_norm", "max_abs_grad", "gap", "violation", "step_size"].contains(&key);
    let mut values = curves.iter().flat_map(|curve| &curve.points).map(|(_, y)| *y);
    let (low, high) = values
        .try_fold((f64::INFINITY, 0f64), |(low, high), y| (y > 0.0).then_some((low.min(y), high.max(y))))
        .unwrap_or((0.0, 0.0));
    known && low > 0.0 && high > 30.0 * low
}

/// The records of a part of a run, and the name of their curves.
struct Part<'a> {
    name: String,
    records: Vec<&'a Value>,
}

impl Part<'_> {
    /// The quantities that the records have.
    fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for (key, value) in self.records.iter().filter_map(|record| record.as_object()).flatten() {
            if value.is_number() && !COUNTS.contains(&key.as_str()) && !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        keys
    }

    fn curve(&self, x: &str, key: &str) -> Curve {
        let point = |record: &&Value| Some((record[x].as_f64()?, record[key].as_f64()?));
        Curve { name: self.name.clone(), points: self.records.iter().filter_map(point).collect() }
    }
}

/// Returns whether most curves end in the upper half of the chart, where a legend would hide their ends.
fn ends_high(curves: &[Curve]) -> bool {
    let values = curves.iter().flat_map(|curve| &curve.points).map(|(_, y)| *y).filter(|y| y.is_finite());
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
    let middle = low + 0.5 * (high - low);
    let high = curves.iter().filter_map(|curve| curve.points.last()).filter(|(_, y)| *y > middle).count();
    2 * high > curves.len()
}

/// Returns charts of the quantities of these parts that `wanted` names, the loss first. A chart has a curve for each part.
fn charts(parts: &[Part<'_>], x: &str, wanted: impl Fn(&str) -> bool) -> Vec<Panel> {
    let mut keys: Vec<String> = Vec::new();
    for key in parts.iter().flat_map(Part::keys) {
        if !keys.contains(&key) && wanted(&key) {
            keys.push(key);
        }
    }
    keys.sort_by_key(|key| key != "loss");
    let panel = |key: String| {
        let curves: Vec<Curve> =
            parts.iter().map(|part| part.curve(x, &key)).filter(|curve| curve.points.len() > 1).collect();
        let (title, unit) = title_of(&key);
        let y = if is_logarithmic(&key, &curves) { Axis::logarithmic(unit) } else { Axis::linear(unit) };
        let legend = if ends_high(&curves) { Legend::LowerRight } else { Legend::UpperRight };
        Panel { title, x: Axis::linear(x), y, curves, legend, marks: Marks::Lines }
    };
    keys.into_iter().map(panel).filter(|panel| !panel.curves.is_empty()).collect()
}

/// Returns charts of the metrics of runs: evaluations by epoch; what belongs to steps, or to a solver's iterations, by step. Of several runs
/// each has its curves.
pub(super) fn panels_of(runs: &[(&str, &[Value])]) -> Vec<Panel> {
    let alone = runs.len() == 1;
    let of_split = |split: &'static str, of: &'static str| {
        runs.iter().map(move |(run, records)| Part {
            name: if alone { of.to_owned() } else { format!("{run} ({of})") },
            records: records.iter().filter(|record| record["split"] == split).collect(),
        })
    };
    let evaluations: Vec<Part<'_>> = EVALUATED.iter().flat_map(|(split, name)| of_split(split, name)).collect();
    let mut panels = charts(&evaluations, "epoch", |key| !OF_STEPS.contains(&key));
    let is_evaluation = |record: &Value| EVALUATED.iter().any(|(split, _)| record["split"] == *split);
    let steps = runs.iter().map(|(run, records)| Part {
        name: (*run).to_owned(),
        records: records.iter().filter(|record| !is_evaluation(record)).collect(),
    });
    let steps: Vec<Part<'_>> = steps.collect();
    let has = |x: &str| steps.iter().any(|part| part.records.iter().any(|record| record[x].is_number()));
    let x = if has("step") { "step" } else { "iteration" };
    // The terms of a single step say little beside those of an epoch.
    let all = panels.is_empty();
    panels.extend(charts(&steps, x, |key| all || key == "loss" || OF_STEPS.contains(&key)));
    panels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(lines: &[&str]) -> Vec<Value> {
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_legend_leaves_the_ends_of_the_curves_free() {
        let curve = |values: &[f64]| Curve {
            name: String::new(),
            points: values.iter().enumerate().map(|(i, y)| (f64::from(u8::try_from(i).unwrap()), *y)).collect(),
        };
        assert!(ends_high(&[curve(&[1.0, 3.0, 4.0]), curve(&[0.0, 3.0])]), "an ELBO rises");
        assert!(!ends_high(&[curve(&[4.0, 2.0, 1.0])]), "a loss falls");
        assert!(!ends_high(&[]));
    }

    #[test]
    fn evaluations_and_steps_have_charts_of_their_own() {
        let run = records(&[
            r#"{"split": "train", "step": 1, "loss": 3.0, "kl": 1.0, "grad_norm": 1.0}"#,
            r#"{"split": "train", "step": 2, "loss": 2.0, "kl": 1.5, "grad_norm": 100.0}"#,
            r#"{"split": "train-epoch", "epoch": 1, "kl": 1.0, "loss": 3.0, "lr": 0.1}"#,
            r#"{"split": "test", "epoch": 1, "loss": 3.5}"#,
            r#"{"split": "train-epoch", "epoch": 2, "kl": 2.0, "loss": 2.0, "lr": 0.1}"#,
            r#"{"split": "test", "epoch": 2, "loss": null}"#,
        ]);
        let seen = |panels: &[Panel]| {
            let of = |panel: &Panel| format!("{} by {}: {}", panel.title, panel.x.label, panel.curves.len());
            panels.iter().map(of).collect::<Vec<_>>()
        };
        let panels = panels_of(&[("a", &run)]);
        let expected = [
            "Loss by epoch: 1",
            "KL of the posterior to the prior by epoch: 1",
            "Loss by step: 1",
            "Norm of the gradient by step: 1",
        ];
        assert_eq!(seen(&panels), expected);
        assert!(panels[3].y.logarithmic && !panels[2].y.logarithmic);
        assert_eq!(seen(&panels_of(&[("a", &run), ("b", &run)]))[0], "Loss by epoch: 2");
        let solver = records(&[r#"{"iteration": 0, "loss": 2.0}"#, r#"{"iteration": 1, "loss": 1.0}"#]);
        assert_eq!(seen(&panels_of(&[("a", &solver)])), ["Loss by iteration: 1"]);
        assert!(panels_of(&[("a", &[])]).is_empty());
    }

    #[test]
    fn results_become_facts() {
        let result = serde_json::json!({"a_b": {"c": 0.123456789, "d": null}, "list": [1, 2], "long": vec![0; 50]});
        let facts = facts_of(&result);
        let shown: Vec<String> = facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown, ["a b c=0.123457", "list=1, 2"]);
    }
}
