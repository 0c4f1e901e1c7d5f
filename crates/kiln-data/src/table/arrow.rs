//! Arrow's files, which are Feather files of version 2, and its streams.

mod layout;
mod messages;
mod values;

use std::{fs::File, path::Path};

use arrow_schema::ArrowError;

use self::messages::Batches;
use super::{
    delimited::Parsed,
    lines::Lines,
    note::Note,
    options::TableOptions,
    typed::{TypedColumn, typed_rules},
};
use crate::{DataError, content::open_regular};

/// Reads a file.
pub(super) fn read_file(path: &Path, options: &TableOptions) -> Result<Parsed, DataError> {
    read(path, options, Batches::of_file)
}

/// Reads a stream that was saved to a file.
pub(super) fn read_stream(path: &Path, options: &TableOptions) -> Result<Parsed, DataError> {
    read(path, options, Batches::of_stream)
}

/// Reads flat columns: numbers, decimals, booleans, texts, categories, dates and times. Other columns are left out, and noted.
fn read(
    path: &Path,
    options: &TableOptions,
    open: impl Fn(File, u64) -> Result<Batches, ArrowError>,
) -> Result<Parsed, DataError> {
    let failed = |cause: ArrowError| {
        let cause = match cause {
            ArrowError::IpcError(cause) => cause,
            other => other.to_string(),
        };
        DataError::Arrow { path: path.into(), cause }
    };
    let (file, size) = open_regular(path)?;
    let mut batches = open(file, size).map_err(failed)?;
    let rules = typed_rules(options);
    let (mut notes, mut selected, mut columns) = (Vec::new(), Vec::new(), Vec::new());
    for (index, field) in batches.schema().fields().iter().enumerate() {
        let name = field.name();
        // As pandas writes the index of a table.
        if name.starts_with("__index_level_") {
            notes.push(Note::Index);
            continue;
        }
        let Some((content, is_category)) = values::content(field.data_type()) else {
            notes.push(Note::Unreadable { column: name.clone() });
            continue;
        };
        let as_text = is_category || options.categorical.contains(name);
        selected.push(index);
        columns.push((name.clone(), TypedColumn::new(content, as_text, rules.clone())));
    }
    if columns.is_empty() {
        return Err(DataError::NoFeatures { file: path.display().to_string() });
    }
    batches.select(selected).map_err(failed)?;
    while let Some(batch) = batches.next().map_err(failed)? {
        for ((name, column), array) in columns.iter_mut().zip(batch.columns()) {
            let other = || DataError::Arrow { path: path.into(), cause: format!("column '{name}' changes its type") };
            values::push(column, array).ok_or_else(other)?;
        }
    }
    let rows = columns.first().map_or(0, |(_, column)| column.len() as u64);
    if rows == 0 {
        return Err(DataError::NoRows { file: path.display().to_string() });
    }
    let columns = columns.into_iter().map(|(name, column)| column.finish(name, options.dates)).collect();
    Ok(Parsed { columns, lines: Lines::counted(rows), notes, delimiter: ',' })
}
