//! The values of a NumPy array as columns.

use std::io::{BufRead, Read};

use encoding_rs::Encoding;
use rayon::prelude::*;

use super::{
    super::{
        column::Column,
        note::Note,
        options::TableOptions,
        typed::{TypedColumn, typed_rules},
    },
    dtype::Problem,
    header::{Field, Header, Record},
};

/// Bytes that are read at a time, if a row has fewer.
const BUFFER: u64 = 1 << 20;

/// The columns of an array, and how many rows they have.
pub(super) struct Array {
    pub(super) rows: u64,
    pub(super) columns: Vec<Column>,
    /// Columns that were left out.
    pub(super) notes: Vec<Note>,
}

impl Array {
    /// Reads an array, which is all of `reader`: `size` bytes. `group` is its name in an archive.
    pub(super) fn read(
        mut reader: impl BufRead,
        size: u64,
        group: Option<&str>,
        options: &TableOptions,
    ) -> Result<Self, Problem> {
        let header = Header::read(&mut reader, group)?;
        let expected = header.bytes().and_then(|bytes| bytes.checked_add(header.length));
        if expected != Some(size) {
            let expected = expected.map_or("more than a file can have".into(), |bytes| bytes.to_string());
            return Err(
                format!("it has {size} bytes, and its header says {expected}: copy or download it again").into()
            );
        }
        let encoding = options.encoding.as_deref().and_then(|name| Encoding::for_label(name.as_bytes()));
        let mut array = Self { rows: header.rows, columns: Vec::new(), notes: Vec::new() };
        if header.rows > 0 && header.parts.iter().any(|record| record.size == 0) {
            return Err("its values have no bytes".into());
        }
        for record in &header.parts {
            let columns = read_record(&mut reader, record, header.rows, encoding, options)?;
            let finish = |(field, column): (&Field, Option<TypedColumn>)| match column {
                Some(column) => Ok(column.finish(field.name.clone(), options.dates)),
                None => Err(Note::Unreadable { column: field.name.clone() }),
            };
            let finished: Vec<_> = record.fields.par_iter().zip(columns).map(finish).collect();
            for column in finished {
                match column {
                    Ok(column) => array.columns.push(column),
                    Err(note) => array.notes.push(note),
                }
            }
        }
        // The end of an entry of an archive is also where its checksum is compared.
        if reader.read(&mut [0])? != 0 {
            return Err("it has more bytes than its header says".into());
        }
        if array.columns.is_empty() && header.rows > 0 && group.is_none() {
            let code =
                header.parts.iter().flat_map(|record| &record.fields).next().map_or("", |field| &field.scalar.code);
            return Err(format!(
                "it has values of type '{}', and Kiln reads real numbers, booleans, texts, dates and times",
                crate::Shown(code)
            )
            .into());
        }
        Ok(array)
    }
}

/// Reads the columns of a record. There is none for a field whose values Kiln does not read.
fn read_record(
    reader: &mut impl BufRead,
    record: &Record,
    rows: u64,
    encoding: Option<&'static Encoding>,
    options: &TableOptions,
) -> Result<Vec<Option<TypedColumn>>, Problem> {
    let rules = typed_rules(options);
    let column = |field: &Field| {
        let as_text = options.categorical.contains(&field.name);
        Some(TypedColumn::new(field.scalar.content()?, as_text, rules.clone()))
    };
    let mut columns: Vec<Option<TypedColumn>> = record.fields.iter().map(column).collect();
    let at_once = (BUFFER / record.size.max(1)).clamp(1, rows.max(1));
    let mut buffer = Vec::new();
    let mut read = 0;
    while read < rows {
        let count = at_once.min(rows - read);
        buffer.clear();
        if reader.take(count * record.size).read_to_end(&mut buffer)? as u64 != count * record.size {
            return Err("it ends too early: copy or download it again".into());
        }
        let each = columns.len().div_ceil(rayon::current_num_threads()).max(1);
        let parts: Vec<_> = record.fields.chunks(each).zip(columns.chunks_mut(each)).collect();
        let of_part = |(fields, columns)| append((fields, columns), (&buffer, record.size), read, encoding);
        parts.into_par_iter().map(of_part).collect::<Vec<_>>().into_iter().collect::<Result<(), _>>()?;
        read += count;
    }
    Ok(columns)
}

/// Appends rows of bytes to columns. `before` rows came before.
fn append(
    (fields, columns): (&[Field], &mut [Option<TypedColumn>]),
    (bytes, size): (&[u8], u64),
    before: u64,
    encoding: Option<&'static Encoding>,
) -> Result<(), Problem> {
    /// Bytes that stay in the fastest cache while they are read column by column.
    const AT_ONCE: usize = 1 << 14;
    let size = as_usize(size)?;
    let rows = (AT_ONCE / size).max(1);
    for (part, some) in bytes.chunks(rows * size).enumerate() {
        for (field, column) in fields.iter().zip(&mut *columns) {
            let Some(column) = column else { continue };
            let (start, end) = (as_usize(field.offset)?, as_usize(field.offset + field.scalar.size())?);
            if let Some(numbers) = column.plain_numbers() {
                field.scalar.extend(numbers, some.chunks_exact(size), start);
                continue;
            }
            for (row, bytes) in some.chunks_exact(size).enumerate() {
                let pushed = field.scalar.value(&bytes[start..end], encoding, |value| column.push(value));
                pushed.ok_or_else(|| not_text(field, before + (part * rows + row) as u64 + 1))?;
            }
        }
    }
    Ok(())
}

fn as_usize(bytes: u64) -> Result<usize, Problem> {
    usize::try_from(bytes).map_err(|_| "it is too large for this machine".into())
}

fn not_text(field: &Field, row: u64) -> Problem {
    let name = crate::Shown(&field.name);
    format!("row {row} of '{name}' is not UTF-8 text; name the encoding (--encoding latin1, for example)").into()
}
