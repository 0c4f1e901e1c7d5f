//! Parquet files.

mod values;

use std::{
    collections::HashSet,
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
};

use parquet::{
    column::reader::ColumnReader,
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
};

use self::values::{Builder, content, is_unsigned};
use super::{
    column::Column,
    delimited::Parsed,
    lines::Lines,
    note::Note,
    options::{CellRules, TableOptions},
    typed::{Content, TypedColumn, typed_rules},
};
use crate::{DataError, content::open_regular};

/// Reads a file of flat columns: numbers, decimals, booleans, texts, dates and times. Other columns are left out, and noted.
pub(super) fn read(path: &Path, options: &TableOptions) -> Result<Parsed, DataError> {
    let opened = Opened::new(path, options)?;
    let mut columns = Vec::new();
    for described in &opened.columns {
        let mut builder = opened.builder(described);
        for group in 0..opened.reader.num_row_groups() {
            let group = opened.reader.get_row_group(group).map_err(|cause| opened.failed(&cause))?;
            let most = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
            let mut reader = group.get_column_reader(described.index).map_err(|cause| opened.failed(&cause))?;
            builder.read(&mut reader, described.level, most).map_err(|cause| opened.failed(&cause))?;
        }
        columns.push(opened.finish(described, builder, opened.rows)?);
    }
    Ok(opened.parsed(columns, 1))
}

/// A file whose schema was read.
struct Opened {
    path: PathBuf,
    reader: SerializedFileReader<File>,
    options: TableOptions,
    rules: CellRules,
    columns: Vec<Described>,
    notes: Vec<Note>,
    rows: usize,
}

/// A column that can be read.
struct Described {
    index: usize,
    name: String,
    content: Content,
    is_unsigned: bool,
    /// The level of a value that is there.
    level: i16,
}

impl Opened {
    fn new(path: &Path, options: &TableOptions) -> Result<Self, DataError> {
        let (file, _) = open_regular(path)?;
        let reader = SerializedFileReader::<File>::new(file)
            .map_err(|cause| DataError::DamagedParquet { path: path.into(), cause: cause.to_string() })?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let rows = usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0);
        if rows == 0 {
            return Err(DataError::NoRows { file: path.display().to_string() });
        }
        let (mut columns, mut notes) = (Vec::new(), Vec::new());
        for (index, described) in schema.columns().iter().enumerate() {
            let name = described.path().string();
            // As pandas writes the index of a table.
            if name.starts_with("__index_level_") {
                notes.push(Note::Index);
                continue;
            }
            let Some(content) = content(described) else {
                notes.push(Note::Unreadable { column: name });
                continue;
            };
            let (is_unsigned, level) = (is_unsigned(described), described.max_def_level());
            columns.push(Described { index, name, content, is_unsigned, level });
        }
        if columns.is_empty() {
            return Err(DataError::NoFeatures { file: path.display().to_string() });
        }
        let (options, rules) = (options.clone(), typed_rules(options));
        Ok(Self { path: path.into(), reader, options, rules, columns, notes, rows })
    }

    fn failed(&self, cause: &ParquetError) -> DataError {
        DataError::Parquet { path: self.path.clone(), cause: cause.to_string() }
    }

    fn builder(&self, of: &Described) -> Builder {
        let as_text = self.options.categorical.contains(&of.name);
        Builder { column: TypedColumn::new(of.content, as_text, self.rules.clone()), is_unsigned: of.is_unsigned }
    }

    fn finish(&self, of: &Described, builder: Builder, rows: usize) -> Result<Column, DataError> {
        if builder.column.len() != rows {
            let cause = format!("column '{}' has {} rows, expected {rows}", of.name, builder.column.len());
            return Err(DataError::Parquet { path: self.path.clone(), cause });
        }
        Ok(builder.column.finish(of.name.clone(), self.options.dates))
    }

    /// The rows whose first one has the number `line`.
    fn parsed(&self, columns: Vec<Column>, line: u64) -> Parsed {
        let rows = columns.first().map_or(0, Column::len);
        Parsed { columns, lines: Lines::counted_from(line, rows), notes: self.notes.clone(), delimiter: ',' }
    }
}

/// Rows of a file that are read part by part.
pub(super) struct Rows {
    opened: Opened,
    /// The rows that are left.
    left: Range<usize>,
    /// The row group that is being read.
    group: Option<Group>,
}

/// A row group, of which some rows were read.
struct Group {
    readers: Vec<ColumnReader>,
    /// The rows of the file at its beginning and end.
    rows: Range<usize>,
}

impl Rows {
    /// Opens a file. `share` chooses rows by their number.
    pub(super) fn open(
        path: &Path,
        options: &TableOptions,
        share: impl FnOnce(usize) -> Range<usize>,
    ) -> Result<Self, DataError> {
        let opened = Opened::new(path, options)?;
        let mut seen = HashSet::new();
        if let Some(twice) = opened.columns.iter().find(|column| !seen.insert(&column.name)) {
            return Err(DataError::DuplicateColumn { file: path.display().to_string(), column: twice.name.clone() });
        }
        let left = share(opened.rows);
        Ok(Self { opened, left, group: None })
    }

    /// Reads at most `most` rows, of one row group. There are none at the end.
    pub(super) fn read(&mut self, most: usize) -> Result<Option<Parsed>, DataError> {
        if self.left.is_empty() {
            return Ok(None);
        }
        let start = self.left.start;
        if self.group.as_ref().is_none_or(|group| !group.rows.contains(&start)) {
            self.group = Some(self.group_of(start).map_err(|cause| self.opened.failed(&cause))?);
        }
        let group = self.group.as_mut().expect("it was opened");
        let rows = most.min(self.left.len()).min(group.rows.end - start);
        let mut columns = Vec::with_capacity(group.readers.len());
        for (described, reader) in self.opened.columns.iter().zip(&mut group.readers) {
            let mut builder = self.opened.builder(described);
            builder.read(reader, described.level, rows).map_err(|cause| self.opened.failed(&cause))?;
            columns.push(self.opened.finish(described, builder, rows)?);
        }
        self.left.start += rows;
        Ok(Some(self.opened.parsed(columns, start as u64 + 1)))
    }

    /// Opens the row group that has a row, at this row.
    fn group_of(&self, row: usize) -> Result<Group, ParquetError> {
        let mut start = 0;
        for index in 0..self.opened.reader.num_row_groups() {
            let group = self.opened.reader.get_row_group(index)?;
            let end = start + usize::try_from(group.metadata().num_rows()).unwrap_or(0);
            if (start..end).contains(&row) {
                let open = |described: &Described| {
                    let mut reader = group.get_column_reader(described.index)?;
                    skip(&mut reader, row - start)?;
                    Ok(reader)
                };
                let readers = self.opened.columns.iter().map(open).collect::<Result<_, ParquetError>>()?;
                return Ok(Group { readers, rows: start..end });
            }
            start = end;
        }
        Err(ParquetError::General(format!("there is no row {}", row + 1)))
    }
}

fn skip(reader: &mut ColumnReader, rows: usize) -> Result<usize, ParquetError> {
    match reader {
        ColumnReader::BoolColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::Int32ColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::Int64ColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::Int96ColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::FloatColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::DoubleColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::ByteArrayColumnReader(reader) => reader.skip_records(rows),
        ColumnReader::FixedLenByteArrayColumnReader(reader) => reader.skip_records(rows),
    }
}
