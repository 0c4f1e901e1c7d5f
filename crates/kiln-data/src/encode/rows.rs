//! Columns that become rows of features, block by block.

use std::{borrow::Cow, ops::Range};

use rayon::prelude::*;

use super::{EncodedColumn, Encoder, UNSEEN, Unseen, check_missing, numbers, text_in_numeric, unknown};
use crate::{Column, DataError, Table, vocabulary::Lookup};

/// About the numbers of a block, which should stay in the processor's second cache.
const BLOCK: usize = 16_384;

/// A column of a table with its encoding.
struct Source<'a> {
    encoded: &'a EncodedColumn,
    column: &'a Column,
    cells: Cells<'a>,
    /// Its first feature in a row.
    offset: usize,
}

enum Cells<'a> {
    Numbers(Cow<'a, [f64]>),
    /// The code of each row, and the category of each code.
    Codes(Cow<'a, [u32]>, Vec<Option<usize>>),
}

/// Why a row cannot be encoded: the place of the column among the encoder's, or of a feature whose number is not finite, and the row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bad {
    Cell(usize, usize),
    NotFinite(usize, usize),
}

impl Encoder {
    /// Encodes the features of all rows of `table`, in row-major order. The table needs no target column.
    ///
    /// Columns are found by name, and columns that the encoder does not know are ignored.
    ///
    /// # Errors
    ///
    /// [`DataError::MissingColumn`], [`DataError::MissingValues`], [`DataError::TextInNumeric`],
    /// [`DataError::UnknownCategory`], and [`DataError::NonFinite`] if a standardised value overflows.
    pub fn encode_inputs(&self, table: &Table) -> Result<Vec<f64>, DataError> {
        self.encode_as(table, |value| value)
    }

    /// Encodes as [`encode_inputs`](Self::encode_inputs), rounded to f32.
    ///
    /// # Errors
    ///
    /// Those of [`encode_inputs`](Self::encode_inputs), and [`DataError::NonFinite`] if a number is beyond the range of f32.
    ///
    /// # Example
    ///
    /// ```
    /// use kiln_data::{Encoder, Table};
    ///
    /// let table = Table::parse("t.csv", "x,y\n0.1,0\n2,1\n")?;
    /// let encoder = Encoder::fit_all(&table, Some("y"), false)?;
    /// assert_eq!(encoder.encode_inputs_f32(&table)?, [0.1f32, 2.0]);
    /// # Ok::<(), kiln_data::DataError>(())
    /// ```
    pub fn encode_inputs_f32(&self, table: &Table) -> Result<Vec<f32>, DataError> {
        #[allow(clippy::cast_possible_truncation, reason = "the nearest number")]
        self.encode_as(table, |value| value as f32)
    }

    fn encode_as<T: Copy + Default + Into<f64> + Send>(
        &self,
        table: &Table,
        round: impl Fn(f64) -> T + Sync,
    ) -> Result<Vec<T>, DataError> {
        let sources = self.sources(table)?;
        let width = self.features();
        if width == 0 {
            return Err(DataError::NoFeatures { file: table.file().into() });
        }
        let size = (BLOCK / width).clamp(16, 1024);
        let mut inputs = vec![T::default(); table.len() * width];
        let of_block = |scratch: &mut Vec<f64>, (block, out): (usize, &mut [T])| {
            scratch.clear();
            scratch.resize(out.len(), 0.0);
            let first = block * size;
            let rows = first..first + out.len() / width;
            let place = |(index, source): (usize, &Source<'_>)| {
                let bad = source.encode(rows.clone(), scratch, width, self.unseen).err()?;
                Some(Bad::Cell(index, bad))
            };
            let bad = sources.iter().enumerate().find_map(place);
            out.iter_mut().zip(&*scratch).for_each(|(out, value)| *out = round(*value));
            let is_finite = |value: &T| (*value).into().is_finite();
            bad.or_else(|| {
                let at = out.iter().position(|value| !is_finite(value))?;
                Some(Bad::NotFinite(first + at / width, at % width))
            })
        };
        let bad = inputs.par_chunks_mut(size * width).enumerate().map_init(Vec::new, of_block).flatten().min();
        match bad {
            None => Ok(inputs),
            Some(Bad::NotFinite(row, feature)) => {
                let source = sources.iter().rev().find(|source| source.offset <= feature);
                if let Some(Source { column, cells: Cells::Numbers(values), .. }) = source
                    && values[row].is_infinite()
                {
                    return Err(text_in_numeric(table, column, row));
                }
                Err(DataError::NonFinite { row, feature: self.feature_names()[feature].clone() })
            }
            Some(Bad::Cell(index, row)) => {
                let Source { encoded, column, .. } = sources[index];
                Err(match encoded {
                    EncodedColumn::Numeric { .. } => text_in_numeric(table, column, row),
                    EncodedColumn::Categorical { categories, .. } => unknown(table, column, row, categories, UNSEEN),
                })
            }
        }
    }

    /// Finds the columns, in the order of the features.
    fn sources<'a>(&'a self, table: &'a Table) -> Result<Vec<Source<'a>>, DataError> {
        let find = |encoded: &EncodedColumn| {
            table.column(encoded.name()).ok_or_else(|| DataError::MissingColumn {
                file: table.file().into(),
                column: encoded.name().into(),
                columns: table.column_list(),
            })
        };
        let columns = self.columns.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let strict = self.columns.iter().zip(&columns).filter(|(encoded, _)| !encoded.takes_missing());
        check_missing(table, &strict.map(|(_, column)| *column).collect::<Vec<_>>())?;
        let mut offset = 0;
        let source = |(encoded, column): (&'a EncodedColumn, &'a Column)| {
            let cells = match encoded {
                EncodedColumn::Numeric { .. } => Cells::Numbers(numbers(table, column)?),
                EncodedColumn::Categorical { categories, .. } => {
                    let ((levels, codes), lookup) = (column.levels(), Lookup::new(categories));
                    Cells::Codes(codes, levels.iter().map(|level| lookup.find(level)).collect())
                }
            };
            let source = Source { encoded, column, cells, offset };
            offset += encoded.width();
            Ok(source)
        };
        self.columns.iter().zip(columns).map(source).collect()
    }
}

impl Source<'_> {
    /// Writes the features of some rows into rows of `width` zeros, or returns the first row that has none.
    fn encode(&self, rows: Range<usize>, inputs: &mut [f64], width: usize, unseen: Unseen) -> Result<(), usize> {
        let (offset, inputs) = (self.offset, rows.clone().zip(inputs.chunks_exact_mut(width)));
        match (self.encoded, &self.cells) {
            (EncodedColumn::Numeric { mean, scale, fill, indicator, .. }, Cells::Numbers(values)) => {
                for ((row, input), value) in inputs.zip(&values[rows]) {
                    let is_missing = value.is_nan();
                    let value = if is_missing { fill.ok_or(row)? } else { *value };
                    input[offset] = (value - mean) / scale;
                    if *indicator {
                        input[offset + 1] = f64::from(u8::from(is_missing));
                    }
                }
            }
            (EncodedColumn::Categorical { reference, fill, .. }, Cells::Codes(codes, known)) => {
                for ((row, input), code) in inputs.zip(&codes[rows]) {
                    let category = known.get(*code as usize);
                    let category = match category.copied().unwrap_or(*fill) {
                        Some(category) => category,
                        None if unseen == Unseen::Reference && category.is_some() => continue,
                        None => return Err(row),
                    };
                    match reference {
                        Some(reference) if category == *reference => {}
                        Some(reference) => input[offset + category - usize::from(category > *reference)] = 1.0,
                        None => input[offset + category] = 1.0,
                    }
                }
            }
            _ => unreachable!("the cells were chosen by the encoding"),
        }
        Ok(())
    }
}
