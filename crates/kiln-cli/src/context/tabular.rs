//! `kiln eval` for models of tables, and what a fitted model of a table is.

use std::path::Path;

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{Dataset, Encoder, Examples, Table, TableOptions},
};
use serde::Serialize;

use super::{
    compute::Compute,
    data_check::check_data,
    opened::Opened,
    record::DataRecord,
    source::Source,
    tables::{Loaded, Part, Purpose, load},
};
use crate::{
    base::{ENCODER, Exit, Failure, Result},
    flags::EvalFlags,
};

/// A fitted model of a table.
pub(crate) trait Fitted {
    /// The part of `result.json` for held-out rows.
    type Score: Serialize;

    /// Scores rows, each as often as its weight says, or once. A number that is not finite is left as it is.
    fn score(&self, rows: &Examples, weights: Option<&[f64]>, compute: &Compute) -> Result<Self::Score>;

    /// The score in one line.
    fn score_line(score: &Self::Score) -> String;

    /// Returns whether all numbers of a score are finite.
    fn is_finite(score: &Self::Score) -> bool;

    /// The predictions for inputs `[n, d]`, as a CSV file. Numbers that are not finite are an error, which counts the rows from
    /// `first_row`.
    fn predict(&self, inputs: Tensor<2>, encoder: &Encoder, first_row: usize) -> Result<Vec<u8>>;
}

/// How a fit ends: as it did, or as diverged if its score on the test rows is not finite.
pub(crate) fn with_test<F: Fitted>(
    test: Option<&F::Score>,
    (status, exit, message): (&'static str, Exit, String),
) -> (&'static str, Exit, String) {
    if !matches!(exit, Exit::Done | Exit::NotConverged) || test.is_none_or(F::is_finite) {
        return (status, exit, message);
    }
    let message = "the score on the test rows is not finite: their values are beyond what the model can compute with";
    ("diverged", Exit::Diverged, message.to_owned())
}

/// Returns the encoder of a run.
pub(crate) fn encoder<S>(run: &Opened<S>) -> Result<Encoder> {
    run.dir.read_json(ENCODER)
}

/// Evaluates on the run's test set, or on other data.
pub(crate) fn eval<S, F: Fitted>(
    mut run: Opened<S>,
    (mut source, purpose): (Source, Purpose),
    flags: &EvalFlags,
    model: impl FnOnce(&Opened<S>, &Encoder) -> Result<F>,
) -> Result<Exit> {
    flags.refuse_those_of_images()?;
    let encoder = encoder(&run)?;
    let fitted = model(&run, &encoder)?;
    source.data_dir = flags.access.machine.data_dir.clone().or(source.data_dir);
    let loaded = match &flags.data {
        Some(name) => {
            source.name.clone_from(name);
            source.table = flags.format.over(&source.table)?;
            let other = load(&source, (purpose, Part::Whole), Some(encoder.clone()), run.console)?;
            // The run's own data, which have moved: only their test part was held out.
            let moved =
                other.record.sha256 == run.record.data.sha256 && !is_in_place(&run.record.data, &source.options()?);
            if moved { load(&source, (purpose, Part::Split), Some(encoder), run.console)? } else { other }
        }
        None => {
            flags.format.refuse("needs --data: the run's own data are read as they were")?;
            let own = load(&source, (purpose, Part::Split), Some(encoder), run.console)?;
            check_data(&mut run.record, &own.record, flags.access.allow_changed_data, run.console)?;
            own
        }
    };
    let Loaded { test, test_weights, record, notes, .. } = loaded;
    if test.is_empty() {
        return Err(Failure::usage("there is no test data: give --data, or train with --test-fraction above 0"));
    }
    notes.iter().for_each(|note| run.console.note(note));
    let score = fitted.score(&test, test_weights.as_deref(), &run.compute)?;
    let DataRecord { name, .. } = &record;
    let result = serde_json::json!({ "data": name, "test": score, "warnings": run.record.warnings });
    run.console.result(&result, || F::score_line(&score))?;
    if F::is_finite(&score) {
        return Ok(Exit::Done);
    }
    Err(Failure::diverged(format!(
        "the score on {name} is not finite: its values are beyond what the model can compute with"
    )))
}

/// Returns whether the data of a run are still where they were.
fn is_in_place(data: &DataRecord, options: &TableOptions) -> bool {
    let path = Path::new(&data.name);
    !path.is_absolute() || Table::read_with(path, options).is_ok_and(|table| table.sha256() == data.sha256)
}

/// The mean of rows' values, each as often as its weight says, or once.
pub(crate) fn weighted_mean(values: impl Iterator<Item = f64>, weights: Option<&[f64]>) -> f64 {
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let add = |(sum, total): (f64, f64), (row, value)| (sum + weight(row) * value, total + weight(row));
    let (sum, total) = values.enumerate().fold((0.0, 0.0), add);
    sum / total
}

/// Returns the rows as a tensor `[n, d]`.
pub(crate) fn rows(examples: &Examples, compute: &Compute) -> Tensor<2> {
    let data = TensorData::new(examples.inputs().to_vec(), [examples.len(), examples.features()]);
    Tensor::from_data(data, &compute.device)
}

/// Refuses predictions that are not finite, naming the first row. `first_row` rows came before.
pub(crate) fn check_predictions(values: &[f64], per_row: usize, first_row: usize) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Failure::diverged(format!(
            "the prediction for row {} is not finite: its values are beyond what the model can compute with; nothing was \
             written",
            first_row + at / per_row.max(1) + 1
        ))),
    }
}
