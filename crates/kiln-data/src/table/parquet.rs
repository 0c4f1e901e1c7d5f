//! Parquet files.

use std::{fs::File, path::Path};

use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical},
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{DataType, Int96},
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
    schema::types::ColumnDescriptor,
};

use super::{
    column::{Cells, Column, ColumnKind, MISSING, Texts},
    delimited::Parsed,
    dictionary::Dictionary,
    lines::Lines,
    note::Note,
    options::{CellRules, Dates, TableOptions},
};
use crate::{DataError, content::open_regular};

/// Reads a file of flat columns: numbers, decimals, booleans, texts, dates and times. Other columns are left out, and noted.
pub(super) fn read(path: &Path, options: &TableOptions) -> Result<Parsed, DataError> {
    let failed = |cause: ParquetError| DataError::Parquet { path: path.into(), cause: cause.to_string() };
    let (file, _) = open_regular(path)?;
    let reader = SerializedFileReader::<File>::new(file).map_err(failed)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let rows = usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap_or(0);
    if rows == 0 {
        return Err(DataError::NoRows { file: path.display().to_string() });
    }
    let rules = CellRules::new(&TableOptions { na: Some(options.na.clone().unwrap_or_default()), ..options.clone() });
    let (mut columns, mut notes) = (Vec::new(), Vec::new());
    for (index, described) in schema.columns().iter().enumerate() {
        let name = described.path().string();
        // As pandas writes the index of a table.
        if name.starts_with("__index_level_") {
            notes.push(Note::Index);
            continue;
        }
        let Some(content) = Content::of(described) else {
            notes.push(Note::Unreadable { column: name });
            continue;
        };
        let as_text = options.categorical.contains(&name);
        let mut builder = Builder::new(content, as_text, rules.clone());
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group).map_err(failed)?;
            let most = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
            builder
                .read(group.get_column_reader(index).map_err(failed)?, described.max_def_level(), most)
                .map_err(failed)?;
        }
        if builder.len() != rows {
            let cause = format!("column '{name}' has {} rows, expected {rows}", builder.len());
            return Err(DataError::Parquet { path: path.into(), cause });
        }
        columns.push(builder.finish(name, options.dates));
    }
    if columns.is_empty() {
        return Err(DataError::NoFeatures { file: path.display().to_string() });
    }
    let mut lines = Lines::default();
    (1..=rows as u64).for_each(|row| lines.push(row));
    Ok(Parsed { columns, lines, notes, delimiter: ',' })
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Numbers,
    Unsigned,
    /// Whole numbers of 10⁻ˢ.
    Decimal(i32),
    Truth,
    Text,
    /// Days since 1970-01-01.
    Days,
    /// Units of a second since then: so many in a second.
    Instants(i64),
    /// The old format of times: nanoseconds of a day, and a Julian day.
    JulianDays,
}

impl Content {
    fn of(column: &ColumnDescriptor) -> Option<Self> {
        if column.max_rep_level() > 0 {
            return None;
        }
        let decimal = Self::Decimal(column.type_scale());
        match (column.physical_type(), column.logical_type_ref(), column.converted_type()) {
            (Physical::BOOLEAN, _, _) => Some(Self::Truth),
            (Physical::INT96, _, _) => Some(Self::JulianDays),
            (_, Some(LogicalType::Decimal(_)), _) | (_, None, ConvertedType::DECIMAL) => Some(decimal),
            (Physical::FLOAT | Physical::DOUBLE, _, _) => Some(Self::Numbers),
            (Physical::INT32, Some(LogicalType::Date), _) | (Physical::INT32, None, ConvertedType::DATE) => {
                Some(Self::Days)
            }
            (Physical::INT64, Some(LogicalType::Timestamp(of)), _) => Some(Self::Instants(match of.unit {
                TimeUnit::MILLIS => 1_000,
                TimeUnit::MICROS => 1_000_000,
                TimeUnit::NANOS => 1_000_000_000,
            })),
            (Physical::INT64, None, ConvertedType::TIMESTAMP_MILLIS) => Some(Self::Instants(1_000)),
            (Physical::INT64, None, ConvertedType::TIMESTAMP_MICROS) => Some(Self::Instants(1_000_000)),
            (Physical::INT32 | Physical::INT64, Some(LogicalType::Integer(of)), _) if !of.is_signed => {
                Some(Self::Unsigned)
            }
            (Physical::INT32 | Physical::INT64, Some(LogicalType::Integer(_)) | None, _) => Some(Self::Numbers),
            (Physical::BYTE_ARRAY, Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) | None, _) => {
                Some(Self::Text)
            }
            _ => None,
        }
    }
}

/// A column that grows.
struct Builder {
    content: Content,
    /// Whether numbers are kept as texts.
    as_text: bool,
    rules: CellRules,
    values: Vec<f64>,
    codes: Vec<u32>,
    dictionary: Dictionary,
}

/// A value of a column.
enum Value {
    Number(f64),
    Whole(i128),
    Text(String),
}

impl Builder {
    fn new(content: Content, as_text: bool, rules: CellRules) -> Self {
        let (values, codes, dictionary) = (Vec::new(), Vec::new(), Dictionary::default());
        Self { content, as_text, rules, values, codes, dictionary }
    }

    fn is_text(&self) -> bool {
        self.as_text || matches!(self.content, Content::Text | Content::Truth)
    }

    fn len(&self) -> usize {
        if self.is_text() { self.codes.len() } else { self.values.len() }
    }

    /// Adds the values of a row group.
    fn read(&mut self, reader: ColumnReader, level: i16, most: usize) -> Result<(), ParquetError> {
        let number = |value: f64| Value::Number(value);
        match reader {
            ColumnReader::BoolColumnReader(reader) => self.add(reader, level, most, |v| Value::Text(v.to_string())),
            ColumnReader::Int32ColumnReader(reader) if self.content == Content::Unsigned => {
                self.add(reader, level, most, |v| Value::Whole(v.cast_unsigned().into()))
            }
            ColumnReader::Int32ColumnReader(reader) => self.add(reader, level, most, |v| Value::Whole(i128::from(*v))),
            ColumnReader::Int64ColumnReader(reader) if self.content == Content::Unsigned => {
                self.add(reader, level, most, |v| Value::Whole(v.cast_unsigned().into()))
            }
            ColumnReader::Int64ColumnReader(reader) => self.add(reader, level, most, |v| Value::Whole(i128::from(*v))),
            ColumnReader::Int96ColumnReader(reader) => self.add(reader, level, most, |v| number(julian(v))),
            ColumnReader::FloatColumnReader(reader) => self.add(reader, level, most, |v| number(f64::from(*v))),
            ColumnReader::DoubleColumnReader(reader) => self.add(reader, level, most, |v| number(*v)),
            ColumnReader::ByteArrayColumnReader(reader) if self.content == Content::Text => {
                self.add(reader, level, most, |v| Value::Text(String::from_utf8_lossy(v.data()).trim().to_owned()))
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
        mut reader: ColumnReaderImpl<T>,
        level: i16,
        most: usize,
        value: impl Fn(&T::T) -> Value,
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
                let value = if is_present { values.next().map(&value) } else { None };
                self.push(value);
            }
        }
        Ok(())
    }

    fn push(&mut self, value: Option<Value>) {
        if self.is_text() {
            let text = match value {
                None => None,
                Some(Value::Number(number)) => (!number.is_nan()).then(|| number.to_string()),
                Some(Value::Whole(whole)) => Some(match self.content {
                    Content::Numbers | Content::Unsigned => whole.to_string(),
                    _ => self.scaled(whole).to_string(),
                }),
                Some(Value::Text(text)) => Some(text),
            };
            let text = text.filter(|text| !self.rules.is_missing(text));
            let code = text.map_or(MISSING, |text| self.dictionary.code(&text));
            self.codes.push(code);
            return;
        }
        let number = match value {
            None | Some(Value::Text(_)) => f64::NAN,
            Some(Value::Number(number)) => number,
            Some(Value::Whole(whole)) => self.scaled(whole),
        };
        let is_missing = self.rules.has_numeric_marks() && self.rules.is_missing(&number.to_string());
        self.values.push(if is_missing { f64::NAN } else { number });
    }

    /// A whole number in the units of the column.
    #[allow(clippy::cast_precision_loss, reason = "the nearest number")]
    fn scaled(&self, whole: i128) -> f64 {
        const DAY: f64 = 86_400.0;
        match self.content {
            Content::Decimal(scale) => whole as f64 / 10f64.powi(scale),
            Content::Instants(per_second) => whole as f64 / per_second as f64 / DAY,
            _ => whole as f64,
        }
    }

    fn finish(self, name: String, dates: Dates) -> Column {
        let is_text = self.is_text();
        let kind = match self.content {
            Content::Truth => ColumnKind::Boolean,
            Content::Text => ColumnKind::Categorical,
            _ if is_text => ColumnKind::Categorical,
            Content::Days | Content::Instants(_) | Content::JulianDays if dates == Dates::Keep => ColumnKind::Date,
            _ => ColumnKind::Numeric,
        };
        let kind = if self.as_text { ColumnKind::Categorical } else { kind };
        let cells = if is_text {
            Cells::Texts(Texts { codes: self.codes, levels: self.dictionary.into_levels() })
        } else {
            Cells::Numbers { values: self.values, texts: None }
        };
        Column { name, kind, cells, stray: None }
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
