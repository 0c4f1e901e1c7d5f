//! The values of a Parquet column.

use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{ByteArrayType, DataType, Int96},
    errors::ParquetError,
    schema::types::ColumnDescriptor,
};

use super::super::typed::{Content, TypedColumn, Value};

/// What the values of a column are.
pub(super) fn content(column: &ColumnDescriptor) -> Option<Content> {
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

pub(super) fn is_unsigned(column: &ColumnDescriptor) -> bool {
    matches!(column.logical_type_ref(), Some(LogicalType::Integer(of)) if !of.is_signed)
}

/// A column that grows.
pub(super) struct Builder {
    pub(super) column: TypedColumn,
    pub(super) is_unsigned: bool,
}

impl Builder {
    /// Adds the values of a row group.
    pub(super) fn read(&mut self, reader: &mut ColumnReader, level: i16, most: usize) -> Result<(), ParquetError> {
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
