//! `kiln eval` and `kiln predict` for models of tables.

use std::{borrow::Cow, path::Path};

use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{Dataset, Encoder, Examples, Table},
};
use serde::Serialize;

use super::{
    compute::Compute,
    data_check::check_data,
    opened::Opened,
    record::DataRecord,
    tables::{Loaded, Part, Purpose, Source, load},
};
use crate::{
    base::{ENCODER, Exit, Failure, Output, Result},
    flags::{EvalFlags, PredictFlags},
    settings::{MissingValues, TableSettings},
};

/// A fitted model of a table.
pub(crate) trait Fitted {
    /// The part of `result.json` for held-out rows.
    type Score: Serialize;

    /// Scores rows. A number that is not finite is left as it is.
    fn score(&self, rows: &Examples, compute: &Compute) -> Result<Self::Score>;

    /// The score in one line.
    fn score_line(score: &Self::Score) -> String;

    /// Returns whether all numbers of a score are finite.
    fn is_finite(score: &Self::Score) -> bool;

    /// The predictions for inputs `[n, d]`, as a CSV file. Numbers that are not finite are an error.
    fn predict(&self, inputs: Tensor<2>, encoder: &Encoder) -> Result<Vec<u8>>;
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
    if flags.samples.is_some() || flags.images.is_some() {
        return Err(Failure::usage("--samples and --images are for a VAE only"));
    }
    let encoder = encoder(&run)?;
    let fitted = model(&run, &encoder)?;
    source.data_dir = flags.access.machine.data_dir.clone().or(source.data_dir);
    let loaded = match &flags.data {
        Some(name) => {
            source.name.clone_from(name);
            let other = load(&source, (purpose, Part::Whole), Some(encoder.clone()), run.console)?;
            // The run's own data, which have moved: only their test part was held out.
            let moved = other.record.sha256 == run.record.data.sha256 && !is_in_place(&run.record.data);
            if moved { load(&source, (purpose, Part::Split), Some(encoder), run.console)? } else { other }
        }
        None => {
            let own = load(&source, (purpose, Part::Split), Some(encoder), run.console)?;
            check_data(&mut run.record, &own.record, flags.access.allow_changed_data, run.console)?;
            own
        }
    };
    let Loaded { test, record, .. } = loaded;
    if test.is_empty() {
        return Err(Failure::usage("there is no test data: give --data, or train with --test-fraction above 0"));
    }
    let score = fitted.score(&test, &run.compute)?;
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
fn is_in_place(data: &DataRecord) -> bool {
    let path = Path::new(&data.name);
    !path.is_absolute() || Table::read(path).is_ok_and(|table| table.sha256() == data.sha256)
}

/// Predicts the rows of a table. A row with a missing value that has no stand-in gets no prediction.
pub(crate) fn predict<S, F: Fitted>(
    run: Opened<S>,
    settings: &TableSettings,
    flags: &PredictFlags,
    model: impl FnOnce(&Opened<S>, &Encoder) -> Result<F>,
) -> Result<Exit> {
    let output = Output::new(&flags.output, flags.force)?.other_than(&flags.data)?;
    let encoder = encoder(&run)?;
    let fitted = model(&run, &encoder)?;
    let table = Table::read_with(&flags.data, &settings.options()?)?;
    let rows = match settings.missing {
        MissingValues::Error => (0..table.len()).collect(),
        _ => encoder.features_complete(&table),
    };
    if rows.is_empty() {
        return Err(Failure::usage(format!("every row of {} has a missing value", flags.data.display())));
    }
    let known = if rows.len() == table.len() { Cow::Borrowed(&table) } else { Cow::Owned(table.subset(&rows)) };
    let inputs = TensorData::new(encoder.encode_inputs(&known)?, [known.len(), encoder.features()]);
    let predictions = fitted.predict(Tensor::from_data(inputs, &run.compute.device), &encoder)?;
    output.write(&with_ids(&predictions, &table, &rows, &settings.id)?)?;
    let (all, left_out) = (table.len(), table.len() - rows.len());
    let remark =
        if left_out == 0 { String::new() } else { format!("; {left_out} are empty, because a value is missing") };
    let result = serde_json::json!({ "rows": all, "missing": left_out, "output": output.shown() });
    run.console.result(&result, || format!("{all} predictions in {}{remark}", output.shown()))?;
    Ok(Exit::Done)
}

/// Puts the columns that name the rows before predictions of `rows`. All rows of the table get a line.
fn with_ids(predictions: &[u8], table: &Table, rows: &[usize], ids: &[String]) -> Result<Vec<u8>> {
    if ids.is_empty() && rows.len() == table.len() {
        return Ok(predictions.to_vec());
    }
    let ids = ids.iter().map(|name| table.required(name)).collect::<std::result::Result<Vec<_>, _>>()?;
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(predictions);
    let mut predicted = reader.records();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = predicted.next().transpose().map_err(Failure::internal)?.unwrap_or_default();
    let names = ids.iter().map(|column| column.name());
    writer.write_record(names.chain(&header)).map_err(Failure::internal)?;
    let mut next = rows.iter().peekable();
    for row in 0..table.len() {
        let is_predicted = next.next_if(|predicted| **predicted == row).is_some();
        let record = if is_predicted { predicted.next().transpose().map_err(Failure::internal)? } else { None };
        let record = record.unwrap_or_else(|| std::iter::repeat_n("", header.len()).collect());
        let texts: Vec<Cow<'_, str>> = ids.iter().map(|column| column.text(row).unwrap_or_default()).collect();
        writer.write_record(texts.iter().map(|text| text.as_ref()).chain(&record)).map_err(Failure::internal)?;
    }
    writer.into_inner().map_err(Failure::internal)
}

/// Returns the rows as a tensor `[n, d]`.
pub(crate) fn rows(examples: &Examples, compute: &Compute) -> Tensor<2> {
    let data = TensorData::new(examples.inputs().to_vec(), [examples.len(), examples.features()]);
    Tensor::from_data(data, &compute.device)
}

/// Refuses predictions that are not finite, naming the first row.
pub(crate) fn check_predictions(values: &[f64], per_row: usize) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(Failure::diverged(format!(
            "the prediction for row {} is not finite: its values are beyond what the model can compute with; nothing was \
             written",
            at / per_row.max(1) + 1
        ))),
    }
}
