//! Text files of cells between delimiters: CSV and its relatives.

use std::{collections::HashSet, io::Read};

use csv::ByteRecord;

use super::{
    builder::{Built, ColumnBuilder, Take},
    bytes::{Origin, Text},
    column::Column,
    lines::Lines,
    note::Note,
    options::{CellRules, TableOptions, number},
    sniff,
};
use crate::DataError;

/// What a table is made of.
pub(super) struct Parsed {
    pub(super) columns: Vec<Column>,
    pub(super) lines: Lines,
    pub(super) notes: Vec<Note>,
    pub(super) sha256: String,
    pub(super) delimiter: char,
}

/// A table, or the columns that must be read again as texts.
pub(super) enum Outcome {
    Table(Parsed),
    Again { as_text: Vec<String> },
}

/// Reads a table. Columns called `as_text` hold texts, whatever their cells are.
pub(super) fn read(text: Text, file: &str, options: &TableOptions, as_text: &[String]) -> Result<Outcome, DataError> {
    let Text { head, is_whole, rest, origin } = text;
    let delimiter = match options.delimiter {
        Some(delimiter) => u8::try_from(delimiter).expect("the options are checked"),
        None => sniff::delimiter(&head, is_whole),
    };
    let mut builder = csv::ReaderBuilder::new();
    let builder = builder.has_headers(false).flexible(true).delimiter(delimiter).buffer_capacity(1 << 17);
    let mut records = Records { reader: builder.from_reader(rest), file, origin: &origin, line: 1, passed: 0 };

    let (mut header, mut record) = (ByteRecord::new(), ByteRecord::new());
    if !records.next(&mut header)? {
        return Err(DataError::NoHeader { file: file.into() });
    }
    let names = header.iter().map(|name| records.cell(name).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    let mut more = records.next(&mut record)?;
    let header = Header::new(file, names, more.then(|| record.len()))?;
    let rules = CellRules::new(options);
    let take = |name: &String| match () {
        () if options.categorical.contains(name) => Take::Categories,
        () if as_text.contains(name) => Take::Texts,
        () => Take::Found,
    };
    let width = header.names.len();
    let mut columns: Vec<ColumnBuilder> =
        header.names.into_iter().map(|name| ColumnBuilder::new(name.clone(), take(&name))).collect();
    let mut lines = Lines::default();
    while more {
        // A line of spaces is skipped like an empty line.
        if !(record.len() == 1 && width > 1 && record[0].trim_ascii().is_empty()) {
            if record.len() != width {
                let (line, found) = (records.line, record.len());
                let delimiter = shown(delimiter);
                return Err(DataError::Ragged { file: file.into(), line, expected: width, found, delimiter });
            }
            lines.push(records.line);
            for (column, cell) in columns.iter_mut().zip(&record) {
                column.push(records.cell(cell)?, &rules);
            }
        }
        more = records.next(&mut record)?;
    }
    if lines.len() == 0 {
        return Err(DataError::NoRows { file: file.into() });
    }

    let mut notes = Vec::new();
    if header.is_indexed {
        columns.remove(0);
        notes.push(Note::Index);
    }
    let mut built = Vec::with_capacity(columns.len());
    let mut again = Vec::new();
    for (position, column) in columns.into_iter().enumerate() {
        let name = column.name.clone();
        if column.is_empty() && name.is_empty() {
            continue;
        }
        if name.is_empty() {
            let position = position + 1 + usize::from(header.is_indexed);
            return Err(DataError::UnnamedColumn { file: file.into(), position });
        }
        match column.finish(&rules) {
            Built::Column(column) => built.push(column),
            Built::MustBeText => again.push(name),
        }
    }
    if !again.is_empty() {
        return Ok(Outcome::Again { as_text: again });
    }
    if built.is_empty() {
        return Err(DataError::NoFeatures { file: file.into() });
    }
    Ok(Outcome::Table(Parsed { columns: built, lines, notes, sha256: origin.sha256()?, delimiter: delimiter.into() }))
}

/// The records of a file, and the line on which the last one begins.
struct Records<'a, R> {
    reader: csv::Reader<R>,
    file: &'a str,
    origin: &'a Origin,
    line: u64,
    /// The line ends that the reader has passed, plus 1.
    passed: u64,
}

impl<R: Read> Records<'_, R> {
    /// Reads the next record. There is none at the end of the file.
    fn next(&mut self, record: &mut ByteRecord) -> Result<bool, DataError> {
        let file = || self.file.to_string();
        let found = self.reader.read_byte_record(record).map_err(|cause| match cause.into_kind() {
            csv::ErrorKind::Io(cause) => self.origin.failed(cause),
            other => DataError::Csv { file: file(), cause: format!("{other:?}") },
        })?;
        let passed = self.reader.position().line();
        if found {
            // The reader counts the line ends that it has passed: blank lines before the record, those within its cells, and
            // its own.
            let within = record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
            self.line = passed.saturating_sub(within + 1).max(1);
        } else if passed == self.passed {
            // Also the empty line at the end is a part of the last cell.
            return Err(DataError::OpenQuote { file: file(), line: self.line + 1 });
        }
        self.passed = passed;
        Ok(found)
    }

    /// Returns a cell as text without spaces around it.
    fn cell<'c>(&self, cell: &'c [u8]) -> Result<&'c str, DataError> {
        match std::str::from_utf8(cell) {
            Ok(cell) => Ok(cell.trim()),
            Err(_) => Err(DataError::NotUtf8 { file: self.file.into(), line: self.line }),
        }
    }
}

/// The names of the columns.
struct Header {
    names: Vec<String>,
    /// Whether the first column, which has no name, is an index.
    is_indexed: bool,
}

impl Header {
    /// Checks the names in the first line. `cells` is the number of cells in the first row.
    fn new(file: &str, mut names: Vec<String>, cells: Option<usize>) -> Result<Self, DataError> {
        let file = || file.to_string();
        if names.iter().all(String::is_empty) {
            return Err(DataError::NoHeader { file: file() });
        }
        if names.iter().all(|name| number(name).is_some()) {
            return Err(DataError::NumericHeader { file: file(), first: names[0].clone() });
        }
        let is_indexed = match cells {
            // As R writes a table: the names of the rows have no name.
            Some(cells) if cells == names.len() + 1 && !names[0].is_empty() => {
                names.insert(0, String::new());
                true
            }
            // As pandas writes a table, or reads such a file and writes it again.
            _ => names.len() > 1 && (names[0].is_empty() || names[0] == "Unnamed: 0"),
        };
        let mut seen = HashSet::new();
        let twice = names.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str()));
        match twice {
            Some(twice) => Err(DataError::DuplicateColumn { file: file(), column: twice.clone() }),
            None => Ok(Self { names, is_indexed }),
        }
    }
}

fn shown(delimiter: u8) -> &'static str {
    match delimiter {
        b',' => "a comma",
        b';' => "a semicolon",
        b'\t' => "a tab",
        b'|' => "a '|'",
        _ => "the delimiter",
    }
}
