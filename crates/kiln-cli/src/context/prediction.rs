//! `kiln predict` for models of tables: rows in, predictions out, some thousands of rows at a time.

use std::{borrow::Cow, io, path::Path};

use csv::{ByteRecord, StringRecord};
use kiln::{
    burn::tensor::{Tensor, TensorData},
    data::{DataError, EncodedColumn, Encoder, Table, TableChunks},
};

use super::{
    compute::Compute,
    opened::Opened,
    tabular::{Fitted, encoder},
};
use crate::{
    base::{Exit, Failure, Result, Sink, digits},
    flags::PredictFlags,
    settings::{MissingValues, TableSettings},
};

/// Rows that are in memory at a time.
const ROWS: usize = 16_384;

/// Predicts the rows of tables.
pub(crate) trait RowPredictor {
    /// The columns that are read as texts.
    fn text_columns(&self) -> Vec<String>;

    /// The names of a prediction's columns.
    fn header(&self) -> Result<Vec<String>>;

    /// The rows that can be predicted: those without a missing value that has no stand-in.
    fn complete_rows(&self, table: &Table) -> Vec<usize>;

    /// The predictions for all rows, as a CSV file with a header. `first_row` rows came before.
    fn predict(&self, table: &Table, first_row: usize) -> Result<Vec<u8>>;
}

/// A fitted model with the encoder of its features.
pub(crate) struct ByEncoder<F> {
    fitted: F,
    encoder: Encoder,
    compute: Compute,
}

impl<F: Fitted> ByEncoder<F> {
    pub(crate) fn open<S>(run: &Opened<S>, model: impl FnOnce(&Opened<S>, &Encoder) -> Result<F>) -> Result<Self> {
        let encoder = encoder(run)?;
        Ok(Self { fitted: model(run, &encoder)?, encoder, compute: run.compute.clone() })
    }
}

impl<F: Fitted> RowPredictor for ByEncoder<F> {
    fn text_columns(&self) -> Vec<String> {
        let columns = self.encoder.columns().iter();
        let texts = columns.filter(|column| matches!(column, EncodedColumn::Categorical { .. }));
        texts.map(|column| column.name().to_owned()).collect()
    }

    /// From the prediction for a row of zeros.
    fn header(&self) -> Result<Vec<String>> {
        let zeros = Tensor::zeros([1, self.encoder.features()], &self.compute.device);
        let text = self.fitted.predict(zeros, &self.encoder, 0)?;
        let names: StringRecord =
            reader(&text).records().next().transpose().map_err(Failure::internal)?.unwrap_or_default();
        Ok(names.iter().map(str::to_owned).collect())
    }

    fn complete_rows(&self, table: &Table) -> Vec<usize> {
        self.encoder.features_complete(table)
    }

    fn predict(&self, table: &Table, first_row: usize) -> Result<Vec<u8>> {
        let inputs = TensorData::new(self.encoder.encode_inputs(table)?, [table.len(), self.encoder.features()]);
        self.fitted.predict(Tensor::from_data(inputs, &self.compute.device), &self.encoder, first_row)
    }
}

/// Predicts the rows of a table. A row with a missing value that has no stand-in gets no prediction.
pub(crate) fn predict<S, P: RowPredictor>(
    run: Opened<S>,
    settings: &TableSettings,
    flags: &PredictFlags,
    model: impl FnOnce(&Opened<S>) -> Result<P>,
) -> Result<Exit> {
    let sink = Sink::new(&flags.output, flags.force, &flags.data, run.console)?;
    let settings = flags.format.over(settings)?;
    let predictor = Predictor { model: model(&run)?, settings: &settings };
    let chunks = predictor.open(&flags.data)?;
    let shown = sink.shown();
    let mut writer = csv::Writer::from_writer(sink);
    let counts = predictor.write(chunks, &mut writer)?;
    let sink =
        writer.into_inner().map_err(|e| Failure::internal(format!("cannot write the predictions: {}", e.error())))?;
    if counts.rows == 0 {
        let is_piped = flags.data == Path::new("-");
        let file = if is_piped { "standard input".to_owned() } else { flags.data.display().to_string() };
        return Err(DataError::NoRows { file }.into());
    }
    let is_file = sink.commit()?;
    let Counts { rows, missing } = counts;
    let remark =
        if missing == 0 { String::new() } else { format!("; {missing} are empty, because a value is missing") };
    if !is_file {
        run.console.note(format_args!("{rows} predictions{remark}"));
        return Ok(Exit::Done);
    }
    let result = serde_json::json!({ "rows": rows, "missing": missing, "output": shown });
    run.console.result(&result, || format!("{rows} predictions in {shown}{remark}"))?;
    Ok(Exit::Done)
}

struct Predictor<'a, P> {
    model: P,
    settings: &'a TableSettings,
}

/// Rows that were read, and those without a prediction.
#[derive(Clone, Copy, Default)]
struct Counts {
    rows: usize,
    missing: usize,
}

impl<P: RowPredictor> Predictor<'_, P> {
    fn open(&self, data: &Path) -> Result<TableChunks> {
        let mut options = self.settings.options()?;
        options.categorical.extend(self.model.text_columns());
        options.categorical.extend(self.settings.id.iter().cloned());
        if data == Path::new("-") {
            return Ok(TableChunks::of_reader(io::stdin(), "standard input", &options, ROWS)?);
        }
        Ok(TableChunks::open_all(&[data.into()], &options, ROWS)?)
    }

    fn write(&self, chunks: TableChunks, writer: &mut csv::Writer<Sink>) -> Result<Counts> {
        let header = self.model.header()?;
        let ids = &self.settings.id;
        let written = |e: csv::Error| Failure::internal(format!("cannot write the predictions: {e}"));
        writer.write_record(ids.iter().chain(&header)).map_err(written)?;
        let mut counts = Counts::default();
        for table in chunks {
            let table = table?;
            let rows = match self.settings.missing {
                MissingValues::Error => (0..table.len()).collect(),
                _ => self.model.complete_rows(&table),
            };
            let predictions = self.predictions(&table, &rows, counts.rows)?;
            let ids = ids.iter().map(|name| table.required(name)).collect::<std::result::Result<Vec<_>, _>>()?;
            let mut predictions = reader(&predictions);
            let mut predicted = ByteRecord::new();
            predictions.read_byte_record(&mut predicted).map_err(Failure::internal)?;
            let mut next = rows.iter().peekable();
            for row in 0..table.len() {
                for id in &ids {
                    writer.write_field(&*id.text(row).unwrap_or_default()).map_err(written)?;
                }
                if next.next_if(|known| **known == row).is_some() {
                    predictions.read_byte_record(&mut predicted).map_err(Failure::internal)?;
                    writer.write_record(&predicted).map_err(written)?;
                } else {
                    writer.write_record(std::iter::repeat_n("", header.len())).map_err(written)?;
                }
            }
            counts.rows += table.len();
            counts.missing += table.len() - rows.len();
            if writer.get_ref().is_closed() {
                break;
            }
        }
        Ok(counts)
    }

    /// Returns the predictions of some rows as a CSV file.
    fn predictions(&self, table: &Table, rows: &[usize], first_row: usize) -> Result<Vec<u8>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let known = if rows.len() == table.len() { Cow::Borrowed(table) } else { Cow::Owned(table.subset(rows)) };
        self.model.predict(&known, first_row)
    }
}

fn reader(text: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).from_reader(text)
}

/// `prediction, p_<class>, …`: the most probable class, and each class's probability.
pub(crate) fn prediction_table(classes: &[String], probabilities: &[f64]) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = classes.iter().map(|class| format!("p_{class}"));
    writer.write_record(std::iter::once("prediction".to_owned()).chain(names))?;
    for row in probabilities.chunks_exact(classes.len()) {
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]).then(b.cmp(&a))).unwrap_or(0);
        let numbers = row.iter().copied().map(digits);
        writer.write_record(std::iter::once(classes[best].clone()).chain(numbers))?;
    }
    writer.into_inner().map_err(|e| e.into_error().into())
}
