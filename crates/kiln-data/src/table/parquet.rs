//! Parquet files.

use std::{fs::File, path::Path};

use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArrayType, DataType, Int96},
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
    schema::types::ColumnDescriptor,
};

use super::{
    delimited::Parsed,
    lines::Lines,
    note::Note,
    options::TableOptions,
    typed::{Content, TypedColumn, Value, typed_rules},
};
use crate::{DataError, content::open_regular};

/// Reads a file of flat columns: numbers, decimals, booleans, texts, dates and times. Other columns are left out, and noted.
pub(super) fn read(path: &Path, options: &TableOptions) -> Result<Parsed, DataError> {
    let failed = |cause: ParquetError| DataError::Parquet { path: path.into(), cause: cause.to_string() };
    let (file, _) = open_regular(path)?;
    let reader = SerializedFileReader::<File>::new(file)
        .map_err(|cause| DataError::DamagedParquet { path: path.into(), cause: cause.to_string() })?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let rows = usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0);
    if rows == 0 {
        return Err(DataError::NoRows { file: path.display().to_string() });
    }
    let rules = typed_rules(options);
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
        let as_text = options.categorical.contains(&name);
        let mut builder =
            Builder { column: TypedColumn::new(content, as_text, rules.clone()), is_unsigned: is_unsigned(described) };
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group).map_err(failed)?;
            let most = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
            builder
                .read(group.get_column_reader(index).map_err(failed)?, described.max_def_level(), most)
                .map_err(failed)?;
        }
        if builder.column.len() != rows {
            let cause = format!("column '{name}' has {} rows, expected {rows}", builder.column.len());
            return Err(DataError::Parquet { path: path.into(), cause });
        }
        columns.push(builder.column.finish(name, options.dates));
    }
    if columns.is_empty() {
        return Err(DataError::NoFeatures { file: path.display().to_string() });
    }
    Ok(Parsed { columns, lines: Lines::counted(rows as u64), notes, delimiter: ',' })
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
    fn read(&mut self, reader: ColumnReader, level: i16, most: usize) -> Result<(), ParquetError> {
        let number = |value: f64| Value::Number(value);
        match reader {
            ColumnReader::BoolColumnReader(reader) => self.add(reader, level, most, |v| Value::Truth(*v)),
            ColumnReader::Int32ColumnReader(reader) if self.is_unsigned => {
                self.add(reader, level, most, |v| Value::Whole(v.cast_unsigned().into()))
            }
            ColumnReader::Int32ColumnReader(reader) => self.add(reader, level, most, |v| Value::Whole(i128::from(*v))),
            ColumnReader::Int64ColumnReader(reader) if self.is_unsigned => {
                self.add(reader, level, most, |v| Value::Whole(v.cast_unsigned().into()))
            }
            ColumnReader::Int64ColumnReader(reader) => self.add(reader, level, most, |v| Value::Whole(i128::from(*v))),
            ColumnReader::Int96ColumnReader(reader) => self.add(reader, level, most, |v| number(julian(v))),
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
        reader: ColumnReaderImpl<T>,
        level: i16,
        most: usize,
        value: impl Fn(&T::T) -> Value<'static>,
    ) -> Result<(), ParquetError> {
        self.each(reader, level, most, |column, found| column.push(found.map(&value)))
    }

    fn add_texts(
        &mut self,
        reader: ColumnReaderImpl<ByteArrayType>,
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
        mut reader: ColumnReaderImpl<T>,
        level: i16,
        most: usize,
        mut push: impl FnMut(&mut TypedColumn, Option<&T::T>),
    ) -> Result<(), ParquetError> {
        let mut left = most;
        while left > 0 {
            let (mut values, mut levels) = (Vec::new(), Vec::new());
            let (records, _, _) = reader.read_records(left.min(8192), Some(&mut levels), None, &mut values)?;
            if records == 0 {
                break;
            }
            left -= records;
            let mut values = values.iter();
            for row in 0..records {
                // A column that must have values has no levels.
                let is_present = level == 0 || levels.get(row) == Some(&level);
                push(&mut self.column, if is_present { values.next() } else { None });
            }
        }
        Ok(())
    }
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
