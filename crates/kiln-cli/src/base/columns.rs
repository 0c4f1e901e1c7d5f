//! Tables that a command writes: CSV, Parquet, or a NumPy array.

use std::path::Path;

use super::failure::{Failure, Result};

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Column {
    Text(Vec<String>),
    Whole(Vec<i64>),
    Number(Vec<f64>),
}

/// A table of named columns of equal length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    columns: Vec<(String, Column)>,
    /// Whether the numbers were computed in 32 bits.
    single: bool,
}

/// The format of a file, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableFormat {
    Csv,
    Npy,
    Parquet,
}

impl TableFormat {
    /// The format of a file with this name.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("npy") => Ok(Self::Npy),
            #[cfg(feature = "parquet")]
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(Failure::usage(format!(
                "{} must end in .csv, .npy or .parquet, which chooses the format",
                path.display()
            ))),
        }
    }
}

impl Columns {
    /// A table whose numbers were computed in 32 bits or not.
    pub(crate) fn new(single: bool) -> Self {
        Self { columns: Vec::new(), single }
    }

    pub(crate) fn push(&mut self, name: impl Into<String>, column: Column) {
        self.columns.push((name.into(), column));
    }

    /// Returns the table with its rows in another order.
    pub(crate) fn ordered(self, order: &[usize]) -> Self {
        fn of<T: Clone>(values: &[T], order: &[usize]) -> Vec<T> {
            order.iter().map(|row| values[*row].clone()).collect()
        }
        let columns = self.columns.into_iter().map(|(name, column)| {
            let column = match column {
                Column::Text(values) => Column::Text(of(&values, order)),
                Column::Whole(values) => Column::Whole(of(&values, order)),
                Column::Number(values) => Column::Number(of(&values, order)),
            };
            (name, column)
        });
        Self { columns: columns.collect(), ..self }
    }

    /// Returns the file. A NumPy array has the columns of numbers only.
    pub(crate) fn to_bytes(&self, format: TableFormat) -> Result<Vec<u8>> {
        match format {
            TableFormat::Csv => self.csv(),
            TableFormat::Npy => Ok(self.npy()),
            #[cfg(feature = "parquet")]
            TableFormat::Parquet => self.parquet().map_err(Failure::internal),
            #[cfg(not(feature = "parquet"))]
            TableFormat::Parquet => Err(Failure::usage("this build of Kiln writes no Parquet files")),
        }
    }

    fn rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| match column {
            Column::Text(values) => values.len(),
            Column::Whole(values) => values.len(),
            Column::Number(values) => values.len(),
        })
    }

    fn csv(&self) -> Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = || -> csv::Result<()> {
            writer.write_record(self.columns.iter().map(|(name, _)| name))?;
            for row in 0..self.rows() {
                writer.write_record(self.columns.iter().map(|(_, column)| match column {
                    Column::Text(values) => values[row].clone(),
                    Column::Whole(values) => values[row].to_string(),
                    #[allow(clippy::cast_possible_truncation, reason = "it was computed in 32 bits")]
                    Column::Number(values) if self.single => (values[row] as f32).to_string(),
                    Column::Number(values) => values[row].to_string(),
                }))?;
            }
            Ok(())
        };
        write().map_err(Failure::internal)?;
        writer.into_inner().map_err(Failure::internal)
    }

    /// Version 1.0 of NumPy's format: a header of text, padded to 64 bytes, and the numbers.
    fn npy(&self) -> Vec<u8> {
        let numbers: Vec<&Vec<f64>> = self
            .columns
            .iter()
            .filter_map(|(_, column)| if let Column::Number(values) = column { Some(values) } else { None })
            .collect();
        let (rows, columns, kind) = (self.rows(), numbers.len(), if self.single { "<f4" } else { "<f8" });
        let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
        let padding = (header.len() + 11).next_multiple_of(64) - (header.len() + 11);
        header.push_str(&" ".repeat(padding));
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).expect("it is short").to_le_bytes());
        bytes.extend(header.as_bytes());
        for row in 0..rows {
            for values in &numbers {
                #[allow(clippy::cast_possible_truncation, reason = "it was computed in 32 bits")]
                match self.single {
                    true => bytes.extend((values[row] as f32).to_le_bytes()),
                    false => bytes.extend(values[row].to_le_bytes()),
                }
            }
        }
        bytes
    }

    #[cfg(feature = "parquet")]
    fn parquet(&self) -> std::result::Result<Vec<u8>, parquet::errors::ParquetError> {
        use std::sync::Arc;

        use parquet::{
            basic::{Compression, ConvertedType, Repetition, Type as Physical},
            data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
            file::{properties::WriterProperties, writer::SerializedFileWriter},
            schema::types::Type,
        };

        let field = |(name, column): &(String, Column)| {
            let (physical, converted) = match column {
                Column::Text(_) => (Physical::BYTE_ARRAY, ConvertedType::UTF8),
                Column::Whole(_) => (Physical::INT64, ConvertedType::NONE),
                Column::Number(_) => (Physical::DOUBLE, ConvertedType::NONE),
            };
            let field = Type::primitive_type_builder(name, physical).with_repetition(Repetition::REQUIRED);
            field.with_converted_type(converted).build().map(Arc::new)
        };
        let fields = self.columns.iter().map(field).collect::<std::result::Result<Vec<_>, _>>()?;
        let schema = Arc::new(Type::group_type_builder("schema").with_fields(fields).build()?);
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let mut bytes = Vec::new();
        let mut file = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties))?;
        let mut group = file.next_row_group()?;
        for (_, column) in &self.columns {
            let mut writer = group.next_column()?.expect("the schema has a column for each");
            match column {
                Column::Text(values) => {
                    let values: Vec<ByteArray> = values.iter().map(|value| value.as_bytes().to_vec().into()).collect();
                    writer.typed::<ByteArrayType>().write_batch(&values, None, None)?;
                }
                Column::Whole(values) => drop(writer.typed::<Int64Type>().write_batch(values, None, None)?),
                Column::Number(values) => drop(writer.typed::<DoubleType>().write_batch(values, None, None)?),
            }
            writer.close()?;
        }
        group.close()?;
        file.close()?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(single: bool) -> Columns {
        let mut table = Columns::new(single);
        table.push("file", Column::Text(vec!["a, b.png".into(), "é.png".into()]));
        table.push("row", Column::Whole(vec![3, -1]));
        table.push("z0", Column::Number(vec![f64::from(0.1f32), f64::NAN]));
        table.push("z1", Column::Number(vec![-2.0, 1e300]));
        table
    }

    #[test]
    fn csv_has_the_shortest_digits_of_the_type_that_computed() {
        let text = String::from_utf8(table(true).to_bytes(TableFormat::Csv).unwrap()).unwrap();
        assert_eq!(text, "file,row,z0,z1\n\"a, b.png\",3,0.1,-2\né.png,-1,NaN,inf\n");
        let text = String::from_utf8(table(false).ordered(&[0]).to_bytes(TableFormat::Csv).unwrap()).unwrap();
        assert_eq!(text, "file,row,z0,z1\n\"a, b.png\",3,0.10000000149011612,-2\n");
    }

    #[test]
    fn a_numpy_array_has_an_aligned_header_and_the_numbers() {
        let bytes = table(false).to_bytes(TableFormat::Npy).unwrap();
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        assert_eq!((end % 64, bytes.len() - end), (0, 4 * 8));
        assert!(bytes.starts_with(b"\x93NUMPY\x01\x00") && bytes[..end].ends_with(b" \n"));
        assert_eq!(f64::from_le_bytes(bytes[end + 8..end + 16].try_into().unwrap()).to_bits(), (-2f64).to_bits());
    }

    #[test]
    fn the_ending_chooses_the_format() {
        let of = |name: &str| TableFormat::of(Path::new(name));
        assert_eq!([of("z.csv").unwrap(), of("a/z.npy").unwrap()], [TableFormat::Csv, TableFormat::Npy]);
        assert!(of("z").unwrap_err().message.contains(".csv, .npy or .parquet"));
    }
}
