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
    base::{Exit, Failure, Result, Sink},
    flags::PredictFlags,
    settings::{MissingValues, TableSettings},
};

/// Rows that are in memory at a time.
const ROWS: usize = 16_384;

/// Predicts the rows of a table. A row with a missing value that has no stand-in gets no prediction.
pub(crate) fn predict<S, F: Fitted>(
    run: Opened<S>,
    settings: &TableSettings,
    flags: &PredictFlags,
    model: impl FnOnce(&Opened<S>, &Encoder) -> Result<F>,
) -> Result<Exit> {
    let sink = Sink::new(&flags.output, flags.force, &flags.data, run.console)?;
    let encoder = encoder(&run)?;
    let predictor = Predictor { fitted: model(&run, &encoder)?, encoder, compute: run.compute.clone(), settings };
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

struct Predictor<'a, F> {
    fitted: F,
    encoder: Encoder,
    compute: Compute,
    settings: &'a TableSettings,
}

/// Rows that were read, and those without a prediction.
#[derive(Clone, Copy, Default)]
struct Counts {
    rows: usize,
    missing: usize,
}

impl<F: Fitted> Predictor<'_, F> {
    fn open(&self, data: &Path) -> Result<TableChunks> {
        let mut options = self.settings.options()?;
        let of_text =
            self.encoder.columns().iter().filter(|column| matches!(column, EncodedColumn::Categorical { .. }));
        options.categorical.extend(of_text.map(|column| column.name().to_owned()));
        options.categorical.extend(self.settings.id.iter().cloned());
        if data == Path::new("-") {
            return Ok(TableChunks::of_reader(io::stdin(), "standard input", &options, ROWS)?);
        }
        Ok(TableChunks::open(data, &options, ROWS)?)
    }

    fn write(&self, chunks: TableChunks, writer: &mut csv::Writer<Sink>) -> Result<Counts> {
        // The names of a prediction's columns, from one of a row of zeros.
        let zeros = Tensor::zeros([1, self.encoder.features()], &self.compute.device);
        let header = self.fitted.predict(zeros, &self.encoder, 0)?;
        let header: StringRecord =
            reader(&header).records().next().transpose().map_err(Failure::internal)?.unwrap_or_default();
        let ids = &self.settings.id;
        let written = |e: csv::Error| Failure::internal(format!("cannot write the predictions: {e}"));
        writer.write_record(ids.iter().map(String::as_str).chain(&header)).map_err(written)?;
        let mut counts = Counts::default();
        for table in chunks {
            let table = table?;
            let rows = match self.settings.missing {
                MissingValues::Error => (0..table.len()).collect(),
                _ => self.encoder.features_complete(&table),
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
        let inputs = TensorData::new(self.encoder.encode_inputs(&known)?, [known.len(), self.encoder.features()]);
        self.fitted.predict(Tensor::from_data(inputs, &self.compute.device), &self.encoder, first_row)
    }
}

fn reader(text: &[u8]) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().has_headers(false).from_reader(text)
}
