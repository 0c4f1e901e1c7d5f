//! Tables, and the encoders of runs.

use kiln::data::{Encoder, Table};
use kiln_fuzz::{Session, mutate, session::scratch};

use crate::{ensure, file, variant};

/// A table, and encoders fitted to it: once with its last column as the target, once without a target.
#[test]
fn table() {
    let folder = scratch();
    const WORDS: &[&str] = &["NA", "?", ",,", "\"\"", "1e308", "-1.7e308", "yes", "no"];
    Session::new("table").mutated_by(|random, input| mutate::csv(random, input, WORDS)).run(|input| {
        let table = match std::str::from_utf8(input) {
            Ok(text) => Table::parse("fuzz.csv", text),
            Err(_) => Table::read(&file(&folder, "fuzz.csv", input)),
        };
        let table = match table {
            Ok(table) => table,
            Err(error) => return Ok(variant(&error)),
        };
        let (rows, columns) = (table.len(), table.columns());
        ensure(rows > 0 && columns.iter().all(|column| column.len() == rows), || "columns differ in length".into())?;
        ensure((1..rows).all(|row| table.line(row) > table.line(row - 1)), || "line numbers do not grow".into())?;
        let all: Vec<usize> = (0..rows).collect();
        let last = columns[columns.len() - 1].name();
        let mut outcome = format!("{} columns", columns.len().min(4));
        for (target, standardize) in [(Some(last), true), (None, false)] {
            let encoder = match Encoder::fit(&table, target, &all, standardize) {
                Ok(encoder) => encoder,
                Err(error) => {
                    outcome += &variant(&error);
                    continue;
                }
            };
            match encoder.encode_inputs(&table) {
                Ok(inputs) => {
                    ensure(inputs.len() == rows * encoder.features(), || "the inputs have a wrong length".into())?;
                    ensure(inputs.iter().all(|value| value.is_finite()), || "an input is not finite".into())?;
                }
                Err(error) => outcome += &variant(&error),
            }
            if let (Some(_), Ok(examples)) = (target, encoder.encode(&table)) {
                ensure(examples.targets().iter().all(|class| *class < examples.classes()), || {
                    "a class is out of range".into()
                })?;
            }
            let text = serde_json::to_string(&encoder).map_err(|e| format!("an encoder cannot be written: {e}"))?;
            let again: Encoder =
                serde_json::from_str(&text).map_err(|e| format!("an encoder cannot be read again: {e}"))?;
            ensure(again == encoder, || "an encoder changes when it is written and read".into())?;
        }
        let first = columns[0].name().to_owned();
        if let Ok((rest, weights)) = table.clone().split_weights(&first) {
            ensure(weights.len() == rest.len(), || "weights and rows differ in number".into())?;
            ensure(weights.iter().all(|w| w.is_finite() && *w >= 0.0), || "a weight is negative or not finite".into())?;
        }
        Ok(outcome)
    });
}

/// `encoder.json` of a run, then a new table.
#[test]
fn encoder() {
    let text = "weight,colour,kind\n4,red,cat\n6,grey,cat\n20,red,dog\n1e308,grey,dog\n";
    let table = Table::parse("pets.csv", text).expect("a table");
    Session::new("encoder")
        .mutated_by(|random, input| {
            mutate::json(random, input, &["numeric", "categorical", "weight", "colour", "kind"])
        })
        .run(|input| {
            let encoder: Encoder = match serde_json::from_slice(input) {
                Ok(encoder) => encoder,
                Err(error) => return Ok(format!("{:?}", error.classify())),
            };
            ensure(encoder.feature_names().len() == encoder.features(), || {
                "features and their names differ in number".into()
            })?;
            ensure(encoder.scaling().len() == encoder.features(), || "features and scales differ in number".into())?;
            let inputs = match encoder.encode_inputs(&table) {
                Ok(inputs) => {
                    ensure(inputs.len() == table.len() * encoder.features(), || {
                        "the inputs have a wrong length".into()
                    })?;
                    ensure(inputs.iter().all(|value| value.is_finite()), || "an input is not finite".into())?;
                    "inputs".to_owned()
                }
                Err(error) => variant(&error),
            };
            let examples = match encoder.encode(&table) {
                Ok(examples) => {
                    let in_range = examples.targets().iter().all(|class| *class < examples.classes());
                    ensure(in_range, || "a class is out of range".into())?;
                    "examples".to_owned()
                }
                Err(error) => variant(&error),
            };
            Ok(format!("{inputs} {examples}"))
        });
}
