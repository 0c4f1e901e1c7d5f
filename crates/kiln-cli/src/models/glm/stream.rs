//! Tables larger than memory: read in chunks, twice.
//!
//! The first pass finds the kinds and categories of the columns. The encoder is learnt from a small table that has them all. The
//! second pass encodes the rows into temporary files.

mod summary;

use std::path::{Path, PathBuf};

use kiln::data::{Column, MissingRows, Shown, Table, TableChunks, TableOptions, tables_sha256};

use self::summary::{ROWS, Summary, stop_if_interrupted};
use super::{
    data::{Chosen, source},
    encoder::GlmEncoder,
    rows::{GlmData, GlmRows, Keep},
    settings::{GlmSettings, Storage},
};
use crate::{
    base::{Console, Failure, Result},
    context::DataRecord,
    settings::MissingValues,
};

/// Reads and encodes the rows of a run.
pub(super) fn load(settings: &GlmSettings, encoder: Option<GlmEncoder>, console: Console) -> Result<GlmData> {
    let source = source(settings);
    let (path, mut options) = (PathBuf::from(&source.name), source.options()?);
    if !path.exists() {
        return Err(Failure::usage(format!(
            "--stream reads a file or a folder twice, and '{}' is neither",
            Shown(&source.name)
        )));
    }
    let formula = settings.formula()?;
    if let Some(function) = formula.as_ref().and_then(|formula| formula.functions_of_all_rows().into_iter().next()) {
        return Err(Failure::usage(format!(
            "'{function}' in --formula: not with --stream, because it needs all rows at once"
        )));
    }
    let mut notes = Vec::new();
    let mut found = Summary::read(&path, &options, settings, console)?;
    options.categorical.extend(found.text_columns());
    let small = found.small_table(&options)?;
    let chosen = Chosen::new(settings, None, small, &mut notes)?;
    found.check(chosen.table.columns())?;
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => chosen.encoder(settings, &chosen.table)?,
    };
    let train = encode(&path, &options, settings, (&chosen, &encoder), (&mut notes, console))?;
    let sha256 = tables_sha256(&[path])?;
    let record = DataRecord { name: source.name, sha256, n_train: train.len(), n_test: 0, image_size: None };
    Ok(GlmData { encoder, train, test: None, file: found.file, record, notes: [found.notes, notes].concat() })
}

/// Encodes all rows into temporary files.
fn encode(
    path: &Path,
    options: &TableOptions,
    settings: &GlmSettings,
    (chosen, encoder): (&Chosen, &GlmEncoder),
    (notes, console): (&mut Vec<String>, Console),
) -> Result<GlmRows> {
    let storage = settings.rows.storage;
    let own = if storage == Storage::Auto { Storage::F64 } else { storage };
    let mut inputs = Keep::in_file(own, encoder.feature_names().len())?;
    let column = || Keep::in_file(Storage::F64, 1);
    let (mut response, mut weights, mut offset) = (column()?, None, None);
    let mut missing = Counts::default();
    let used: Vec<&str> = chosen.table.columns().iter().map(Column::name).collect();
    let progress = console.steps(u64::MAX);
    for table in TableChunks::open_all(&[path.into()], options, ROWS)? {
        stop_if_interrupted()?;
        let table = table?.with_only(&used)?;
        missing.add(&table, &used);
        let rows: Vec<usize> = match settings.table.missing {
            MissingValues::Error => (0..table.len()).collect(),
            _ => (0..table.len()).filter(|row| !table.columns().iter().any(|column| column.is_missing(*row))).collect(),
        };
        let table = if rows.len() == table.len() { table } else { table.subset(&rows) };
        if table.len() == 0 {
            continue;
        }
        let rows = chosen.encode(settings, encoder, &table)?;
        inputs.push(&rows.inputs.to_cow())?;
        response.push(&rows.response.to_cow())?;
        for (kept, own) in [(&mut weights, rows.weights), (&mut offset, rows.offset)] {
            if let Some(own) = own {
                if kept.is_none() {
                    *kept = Some(column()?);
                }
                kept.as_mut().expect("it was made").push(&own.to_cow())?;
            }
        }
        progress.set(missing.rows as u64, || format!("rows encoded: {}", missing.rows));
    }
    drop(progress);
    if let Some(found) = missing.found() {
        if found.incomplete == found.rows {
            return Err(Failure::usage(format!("every row of {} has a missing value", path.display())));
        }
        notes.push(found.to_string());
    }
    Ok(GlmRows {
        inputs: inputs.finish()?,
        inflation: Vec::new(),
        offset: offset.map(Keep::finish).transpose()?,
        response: response.finish()?,
        weights: weights.map(Keep::finish).transpose()?,
        clusters: None,
        lines: Vec::new(),
    })
}

/// Rows with missing values.
#[derive(Default)]
struct Counts {
    rows: usize,
    incomplete: usize,
    columns: Vec<(String, usize)>,
}

impl Counts {
    fn add(&mut self, table: &Table, names: &[&str]) {
        self.columns.resize_with(names.len(), Default::default);
        for ((name, count), column) in self.columns.iter_mut().zip(table.columns()) {
            column.name().clone_into(name);
            *count += column.missing();
        }
        self.rows += table.len();
        let is_incomplete = |row: &usize| table.columns().iter().any(|column| column.is_missing(*row));
        self.incomplete += (0..table.len()).filter(is_incomplete).count();
    }

    fn found(mut self) -> Option<MissingRows> {
        self.columns.retain(|(_, missing)| *missing > 0);
        self.columns.sort_by_key(|(_, missing)| std::cmp::Reverse(*missing));
        let Self { rows, incomplete, columns } = self;
        (incomplete > 0).then_some(MissingRows { rows, incomplete, columns })
    }
}
