//! Parquet files.

use std::{
    collections::HashSet,
    fs::File,
    ops::Range,
    path::{Path, PathBuf},
};

use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArrayType, DataType, Int96},
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
    schema::types::ColumnDescriptor,
};

use super::{
    column::Column,
    delimited::Parsed,
    lines::Lines,
    note::Note,
    options::{CellRules, TableOptions},
    typed::{Content, TypedColumn, Value, typed_rules},
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

/// What the values of a column are.
fn content(column: &ColumnDescriptor) -> Option<Content> {
    if column.max_rep_level() > 0 {
        return None;
    }
    let decimal = Content::Decimal(column.type_scale());
    match (column.physical_type(), column.logical_type_ref(), column.converted_type()) {
        (Physical::BOOLEAN, _, _) => Some(Content::Truth),
        (Physical::INT96, _, _) => Some(Content::Days),
        (_, Some(LogicalType::Decimal(_)), _) | (_, None, ConvertedType::DECIMAL) => Some(decimal),
        (Physical::FLOAT | Physical::DOUBLE, _, _) => Some(Content::Numbers),
        (Physical::INT32, Some(LogicalType::Date), _) | (Physical::INT32, None, ConvertedType::DATE) => {
            Some(Content::Days)
        }
        (Physical::INT64, Some(LogicalType::Timestamp(of)), _) => Some(Content::Instants(match of.unit {
            TimeUnit::MILLIS => 1_000,
            TimeUnit::MICROS => 1_000_000,
            TimeUnit::NANOS => 1_000_000_000,
        })),
        (Physical::INT64, None, ConvertedType::TIMESTAMP_MILLIS) => Some(Content::Instants(1_000)),
        (Physical::INT64, None, ConvertedType::TIMESTAMP_MICROS) => Some(Content::Instants(1_000_000)),
        (Physical::INT32 | Physical::INT64, Some(LogicalType::Integer(_)) | None, _) => Some(Content::Numbers),
        (Physical::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) | None, _) => {
            Some(Content::Text)
        }
        _ => None,
    }
}

fn is_unsigned(column: &ColumnDescriptor) -> bool {
    matches!(column.logical_type_ref(), Some(LogicalType::Integer(of)) if !of.is_signed)
}

/// A column that grows.
struct Builder {
    column: TypedColumn,
    is_unsigned: bool,
}

impl Builder {
    /// Adds the values of a row group.
    fn read(&mut self, reader: &mut ColumnReader, level: i16, most: usize) -> Result<(), ParquetError> {
        let number = |value: f64| Value::Number(value);
        match reader {
            ColumnReader::BoolColumnReader(reader) => self.add(reader, level, most, |v| Value::Truth(*v)),
            ColumnReader::Int32ColumnReader(reader) if self.is_unsigned => {
                self.add(reader, level, most, |v| Value::Whole(v.cast_unsigned().into()))
            }
            ColumnReader::Int32ColumnReader(reader) if self.column.plain_numbers().is_some() => {
                self.add_numbers(reader, level, most, |v| f64::from(*v))
            }
            ColumnReader::Int32ColumnReader(reader) => self.add(reader, level, most, |v| Value::Whole(i128::from(*v))),
            ColumnReader::Int64ColumnReader(reader) if self.is_unsigned => {
                self.add(reader, level, most, |v| Value::Whole(v.cast_unsigned().into()))
            }
            ColumnReader::Int64ColumnReader(reader) => self.add(reader, level, most, |v| Value::Whole(i128::from(*v))),
            ColumnReader::Int96ColumnReader(reader) => self.add(reader, level, most, |v| number(julian(v))),
            ColumnReader::FloatColumnReader(reader) if self.column.plain_numbers().is_some() => {
                self.add_numbers(reader, level, most, |v| f64::from(*v))
            }
            ColumnReader::DoubleColumnReader(reader) if self.column.plain_numbers().is_some() => {
                self.add_numbers(reader, level, most, |v| *v)
            }
            ColumnReader::FloatColumnReader(reader) => self.add(reader, level, most, |v| number(f64::from(*v))),
            ColumnReader::DoubleColumnReader(reader) => self.add(reader, level, most, |v| number(*v)),
            ColumnReader::ByteArrayColumnReader(reader) if self.column.content() == Content::Text => {
                self.add_texts(reader, level, most)
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                self.add(reader, level, most, |v| Value::Whole(whole(v.data())))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                self.add(reader, level, most, |v| Value::Whole(whole(v.data())))
            }
        }
    }

    fn add<T: DataType>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        level: i16,
        most: usize,
        value: impl Fn(&T::T) -> Value<'static>,
    ) -> Result<(), ParquetError> {
        self.each(reader, level, most, |column, found| column.push(found.map(&value)))
    }

    /// Adds numbers that need no check.
    fn add_numbers<T: DataType>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        level: i16,
        most: usize,
        number: impl Fn(&T::T) -> f64,
    ) -> Result<(), ParquetError> {
        let numbers = self.column.plain_numbers().expect("the caller has asked");
        numbers.reserve(most);
        each_part(reader, most, |values, levels, records| {
            if values.len() == records {
                return numbers.extend(values.iter().map(&number));
            }
            let mut values = values.iter();
            let present = levels.iter().take(records).map(|found| *found == level);
            numbers.extend(present.map(|is_present| match is_present {
                true => values.next().map_or(f64::NAN, &number),
                false => f64::NAN,
            }));
        })
    }

    fn add_texts(
        &mut self,
        reader: &mut ColumnReaderImpl<ByteArrayType>,
        level: i16,
        most: usize,
    ) -> Result<(), ParquetError> {
        self.each(reader, level, most, |column, found| {
            let text = found.map(|found| String::from_utf8_lossy(found.data()));
            column.push(text.as_deref().map(Value::Text));
        })
    }

    fn each<T: DataType>(
        &mut self,
        reader: &mut ColumnReaderImpl<T>,
        level: i16,
        most: usize,
        mut push: impl FnMut(&mut TypedColumn, Option<&T::T>),
    ) -> Result<(), ParquetError> {
        each_part(reader, most, |values, levels, records| {
            let mut values = values.iter();
            for row in 0..records {
                // A column that must have values has no levels.
                let is_present = level == 0 || levels.get(row) == Some(&level);
                push(&mut self.column, if is_present { values.next() } else { None });
            }
        })
    }
}

/// Calls `each` with the values that are there, the levels and the number of the next records, until `most` records are read.
fn each_part<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    most: usize,
    mut each: impl FnMut(&[T::T], &[i16], usize),
) -> Result<(), ParquetError> {
    let (mut left, mut values, mut levels) = (most, Vec::new(), Vec::new());
    while left > 0 {
        values.clear();
        levels.clear();
        let (records, _, _) = reader.read_records(left.min(8192), Some(&mut levels), None, &mut values)?;
        if records == 0 {
            break;
        }
        left -= records;
        each(&values, &levels, records);
    }
    Ok(())
}

/// Days from 1970-01-01, which is the Julian day 2,440,588.
fn julian(value: &Int96) -> f64 {
    let &[low, high, day] = value.data() else { return f64::NAN };
    let nanoseconds = (u64::from(high) << 32) | u64::from(low);
    #[allow(clippy::cast_precision_loss, reason = "the nearest number")]
    let part = nanoseconds as f64 / 86_400e9;
    f64::from(day) - 2_440_588.0 + part
}

/// A whole number in two's complement, the highest byte first.
fn whole(bytes: &[u8]) -> i128 {
    let start = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { -1 } else { 0 };
    bytes.iter().fold(start, |value, byte| (value << 8) | i128::from(*byte))
}
