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
    pub(super) delimiter: char,
}

/// A table, or the columns that must be read again as texts.
pub(super) enum Outcome {
    Table(Parsed),
    Again { as_text: Vec<String> },
}

/// A text whose rows are read.
pub(super) struct Rows {
    records: Records,
    header: Header,
    rules: CellRules,
    /// What each column is taken for.
    takes: Vec<Take>,
    delimiter: u8,
    /// The next record, if there is `more`.
    record: ByteRecord,
    more: bool,
}

impl Rows {
    /// Reads the header. Columns called `as_text` hold texts, whatever their cells are.
    pub(super) fn open(text: Text, file: &str, options: &TableOptions, as_text: &[String]) -> Result<Self, DataError> {
        let Text { head, is_whole, rest, origin } = text;
        let delimiter = match options.delimiter {
            Some(delimiter) => u8::try_from(delimiter).expect("the options are checked"),
            None => sniff::delimiter(&head, is_whole),
        };
        let mut builder = csv::ReaderBuilder::new();
        let builder = builder.has_headers(false).flexible(true).delimiter(delimiter).buffer_capacity(1 << 17);
        let mut records = Records { reader: builder.from_reader(rest), file: file.into(), origin, line: 1, passed: 0 };
        let (mut header, mut record) = (ByteRecord::new(), ByteRecord::new());
        if !records.next(&mut header)? {
            return Err(DataError::NoHeader { file: file.into() });
        }
        let names = header.iter().map(|name| records.cell(name).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
        let more = records.next(&mut record)?;
        let header = Header::new(file, names, more.then(|| record.len()))?;
        let take = |name: &String| match () {
            () if options.categorical.contains(name) => Take::Categories,
            () if as_text.contains(name) => Take::Texts,
            () => Take::Found,
        };
        let takes = header.names.iter().map(take).collect();
        Ok(Self { records, header, rules: CellRules::new(options), takes, delimiter, record, more })
    }

    /// Reads at most `most` rows. There is no table at the end of the text.
    pub(super) fn read(&mut self, most: usize) -> Result<Option<Outcome>, DataError> {
        let file = self.records.file.clone();
        let width = self.header.names.len();
        let names = self.header.names.iter().zip(&self.takes);
        let mut columns: Vec<ColumnBuilder> =
            names.map(|(name, take)| ColumnBuilder::new(name.clone(), *take)).collect();
        let mut lines = Lines::default();
        while self.more && lines.len() < most {
            // A line of spaces is skipped like an empty line.
            if !(self.record.len() == 1 && width > 1 && self.record[0].trim_ascii().is_empty()) {
                if self.record.len() != width {
                    let (line, found) = (self.records.line, self.record.len());
                    let delimiter = shown(self.delimiter);
                    return Err(DataError::Ragged { file, line, expected: width, found, delimiter });
                }
                lines.push(self.records.line);
                for (column, cell) in columns.iter_mut().zip(&self.record) {
                    column.push(self.records.cell(cell)?, &self.rules);
                }
            }
            self.more = self.records.next(&mut self.record)?;
        }
        if lines.len() == 0 {
            return Ok(None);
        }
        self.finish(columns, lines).map(Some)
    }

    fn finish(&self, mut columns: Vec<ColumnBuilder>, lines: Lines) -> Result<Outcome, DataError> {
        let file = || self.records.file.clone();
        let mut notes = Vec::new();
        if self.header.is_indexed {
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
                let position = position + 1 + usize::from(self.header.is_indexed);
                return Err(DataError::UnnamedColumn { file: file(), position });
            }
            match column.finish(&self.rules) {
                Built::Column(column) => built.push(column),
                Built::MustBeText => again.push(name),
            }
        }
        if !again.is_empty() {
            return Ok(Outcome::Again { as_text: again });
        }
        if built.is_empty() {
            return Err(DataError::NoFeatures { file: file() });
        }
        Ok(Outcome::Table(Parsed { columns: built, lines, notes, delimiter: self.delimiter.into() }))
    }

    /// Returns the SHA-256 of the file, whose rows were read.
    pub(super) fn sha256(&self) -> Result<String, DataError> {
        self.records.origin.sha256()
    }
}

/// The records of a file, and the line on which the last one begins.
struct Records {
    reader: csv::Reader<Box<dyn Read>>,
    file: String,
    origin: Origin,
    line: u64,
    /// The line ends that the reader has passed, plus 1.
    passed: u64,
}

impl Records {
    /// Reads the next record. There is none at the end of the file.
    fn next(&mut self, record: &mut ByteRecord) -> Result<bool, DataError> {
        let file = || self.file.clone();
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
            Err(_) => Err(DataError::NotUtf8 { file: self.file.clone(), line: self.line }),
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
