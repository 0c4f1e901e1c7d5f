//! Text files of cells between delimiters: CSV and its relatives.

use std::collections::HashSet;

use super::{
    builder::{Built, ColumnBuilder, FirstText, Take},
    bytes::Text,
    column::Column,
    cursor::{After, Cursor, Piece},
    layout::Layout,
    lines::Lines,
    note::Note,
    options::{TableOptions, number},
    parallel::Joined,
    pieces::{Pace, Pieces},
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
    Again { as_text: Vec<Mixed> },
}

/// A column that began with many numbers and has a text.
pub(super) struct Mixed {
    pub(super) column: String,
    /// The line of the first row with a text.
    pub(super) line: u64,
    pub(super) cell: String,
}

/// A text whose rows are read.
pub(super) struct Rows {
    file: String,
    pieces: Pieces,
    header: Header,
    layout: Layout,
    /// What each column is taken for.
    takes: Vec<Take>,
    place: Place,
}

/// The next row.
struct Place {
    /// The piece of the text that has it.
    piece: Piece,
    delimiter: u8,
    at: usize,
    /// The line ends before it.
    lines: u64,
}

impl Rows {
    /// Reads the header. Columns called `as_text` hold texts, whatever their cells are.
    pub(super) fn open(
        text: Text,
        file: &str,
        options: &TableOptions,
        as_text: &[String],
        pace: Pace,
    ) -> Result<Self, DataError> {
        let Text { head, is_whole, rest, origin } = text;
        let delimiter = match options.delimiter {
            Some(delimiter) => u8::try_from(delimiter).expect("the options are checked"),
            None => sniff::delimiter(&head, is_whole),
        };
        let mut pieces = Pieces::new(rest, origin, delimiter, pace);
        let start = pieces.next()?.unwrap_or_default();
        let mut place = Place { piece: Piece::new(start), delimiter, at: 0, lines: 0 };
        if !place.find_row(&mut pieces)? {
            return Err(DataError::NoHeader { file: file.into() });
        }
        let names = place.read_names(file)?;
        let cells = place.find_row(&mut pieces)?.then(|| place.cursor().rest_of_record(After::Cell));
        let header = Header::new(file, names, cells)?;
        let takes = header.takes(options, as_text);
        let layout = Layout::new(delimiter, header.names.len(), options);
        Ok(Self { file: file.into(), pieces, header, layout, takes, place })
    }

    /// Counts lines from a later one on: so many were left out after the header.
    pub(super) fn leave_out(&mut self, lines: u64) {
        self.place.lines += lines;
    }

    /// Reads at most `most` rows. There is no table at the end of the text.
    pub(super) fn read(&mut self, most: usize) -> Result<Option<Outcome>, DataError> {
        let (mut columns, mut lines) = (self.columns(), Lines::default());
        while lines.len() < most && self.place.find_row(&mut self.pieces)? {
            let mut cursor = self.place.cursor();
            let read = self.layout.read(&mut cursor, &mut columns, &mut lines, most);
            (self.place.at, self.place.lines) = cursor.place();
            read.map_err(|failure| self.layout.error(&failure, 0, &self.file))?;
        }
        self.finish(columns, lines)
    }

    /// Reads all rows that are left, with as many threads as the pool of the process has.
    pub(super) fn read_all(&mut self, threads: impl FnOnce() -> usize) -> Result<Option<Outcome>, DataError> {
        let columns = self.columns();
        let piece = std::mem::take(&mut self.place.piece);
        let mut joined = Joined::new(&self.layout, &self.file, columns, self.place.lines);
        joined.read((piece, self.place.at), &mut self.pieces, threads)?;
        let Joined { columns, lines, .. } = joined;
        self.finish(columns, lines)
    }

    fn columns(&self) -> Vec<ColumnBuilder> {
        let names = self.header.names.iter().zip(&self.takes);
        names.map(|(name, take)| ColumnBuilder::new(name.clone(), *take)).collect()
    }

    fn finish(&self, mut columns: Vec<ColumnBuilder>, lines: Lines) -> Result<Option<Outcome>, DataError> {
        if lines.len() == 0 {
            return Ok(None);
        }
        let file = || self.file.clone();
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
            match column.finish(&self.layout.rules) {
                Built::Column(column) => built.push(column),
                Built::MustBeText(FirstText { row, cell }) => {
                    again.push(Mixed { column: name, line: lines.of(row), cell: cell.into() });
                }
            }
        }
        if !again.is_empty() {
            return Ok(Some(Outcome::Again { as_text: again }));
        }
        if built.is_empty() {
            return Err(DataError::NoFeatures { file: file() });
        }
        let delimiter = self.layout.delimiter.into();
        Ok(Some(Outcome::Table(Parsed { columns: built, lines, notes, delimiter })))
    }

    /// Returns the SHA-256 of the file, whose rows were read.
    pub(super) fn sha256(&self) -> Result<String, DataError> {
        self.pieces.sha256()
    }
}

impl Place {
    fn cursor(&self) -> Cursor<'_> {
        Cursor::new(&self.piece, self.delimiter, self.at, self.lines)
    }

    /// Goes to the next line that is not empty. There is none at the end of the text.
    fn find_row(&mut self, pieces: &mut Pieces) -> Result<bool, DataError> {
        loop {
            let mut cursor = self.cursor();
            let found = cursor.skip_empty_lines();
            (self.at, self.lines) = cursor.place();
            if found {
                return Ok(true);
            }
            let Some(next) = pieces.next()? else { return Ok(false) };
            let last = std::mem::replace(&mut self.piece, Piece::new(next));
            pieces.recycle(last.into_bytes());
            self.at = 0;
        }
    }

    /// Reads the names in the first line.
    fn read_names(&mut self, file: &str) -> Result<Vec<String>, DataError> {
        let (mut cursor, mut names) = (self.cursor(), Vec::new());
        let line = self.lines + 1;
        let after = loop {
            let cell = cursor.cell();
            let name = cursor.text(&cell).ok_or_else(|| DataError::NotUtf8 { file: file.into(), line })?;
            names.push(name.to_owned());
            if cell.after != After::Cell {
                break cell.after;
            }
        };
        if after == After::OpenQuote {
            return Err(DataError::OpenQuote { file: file.into(), line });
        }
        (self.at, self.lines) = cursor.place();
        Ok(names)
    }
}

/// The names of the columns.
struct Header {
    names: Vec<String>,
    /// Whether the first column, which has no name, is an index.
    is_indexed: bool,
}

impl Header {
    /// How each column is read. Columns that are called `as_text` hold texts.
    fn takes(&self, options: &TableOptions, as_text: &[String]) -> Vec<Take> {
        let take = |name: &String| match () {
            () if options.categorical.contains(name) => Take::Categories,
            () if as_text.contains(name) => Take::Texts,
            () => Take::Found,
        };
        self.names.iter().map(take).collect()
    }

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

#[cfg(test)]
mod tests {
    use super::{super::layout, *};
    use csv::ByteRecord;
    use std::{
        io::{self, Read},
        path::Path,
    };

    /// Reads a text one cell after another, with the parser of the crate `csv` and that of the standard library for numbers.
    fn cell_by_cell(text: Text, options: &TableOptions, as_text: &[String]) -> Result<Option<Outcome>, DataError> {
        let Text { head, is_whole, mut rest, origin } = text;
        let delimiter = options.delimiter.map_or_else(|| sniff::delimiter(&head, is_whole), |found| found as u8);
        let mut bytes = Vec::new();
        rest.read_to_end(&mut bytes).unwrap();
        let line_ends = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        let mut builder = csv::ReaderBuilder::new();
        let mut reader = builder.has_headers(false).flexible(true).delimiter(delimiter).from_reader(&bytes[..]);
        let file = || "t".to_owned();
        let mut record = ByteRecord::new();
        // The line of the next record, and whether a quote stays open.
        let mut next = |record: &mut ByteRecord| {
            reader.read_byte_record(record).unwrap().then(|| {
                let (passed, within) = (reader.position().line() - 1, record.as_slice());
                let within = within.iter().filter(|byte| **byte == b'\n').count() as u64;
                let is_open = passed == line_ends;
                (passed - within + u64::from(is_open), is_open)
            })
        };
        fn cell(cell: &[u8], line: u64) -> Result<&str, DataError> {
            std::str::from_utf8(cell).map(str::trim).map_err(|_| DataError::NotUtf8 { file: "t".into(), line })
        }
        let Some((line, is_open)) = next(&mut record) else { return Err(DataError::NoHeader { file: file() }) };
        let names = record.iter().map(|name| cell(name, line).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
        if is_open {
            return Err(DataError::OpenQuote { file: file(), line });
        }
        let mut row = next(&mut record);
        let header = Header::new("t", names, row.map(|_| record.len()))?;
        let takes = header.takes(options, as_text);
        let layout = Layout::new(delimiter, header.names.len(), options);
        let pieces = Pieces::new(Box::new(io::empty()), origin, delimiter, Pace::WHOLE);
        let place = Place { piece: Piece::default(), delimiter, at: 0, lines: 0 };
        let rows = Rows { file: file(), pieces, header, layout, takes, place };
        let (mut columns, mut lines) = (rows.columns(), Lines::default());
        let width = columns.len();
        while let Some((line, is_open)) = row {
            if !(record.len() == 1 && width > 1 && record[0].trim_ascii().is_empty()) {
                if record.len() != width {
                    let (found, delimiter) = (record.len(), layout::in_words(delimiter));
                    return Err(DataError::Ragged { file: file(), line, expected: width, found, delimiter });
                }
                lines.push(line);
                for (column, found) in columns.iter_mut().zip(&record) {
                    column.push(cell(found, line)?, &rows.layout.rules);
                }
            }
            if is_open {
                return Err(DataError::OpenQuote { file: file(), line });
            }
            row = next(&mut record);
        }
        rows.finish(columns, lines)
    }

    /// Numbers that are drawn (Marsaglia's xorshift).
    struct Draw(u64);

    impl Draw {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as usize % bound
        }

        fn one_in(&mut self, chances: usize) -> bool {
            self.below(chances) == 0
        }

        fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
            all[self.below(all.len())]
        }
    }

    const ODD: [&str; 30] = [
        "",
        " ",
        "NA",
        "?",
        "nan",
        "inf",
        "-0",
        "+3",
        ".5",
        "5.",
        ".",
        "1e",
        "1e5",
        "1e400",
        "1E-400",
        "0x1",
        "1_0",
        "--1",
        "1,5",
        "12345678901234567890123",
        "2020-01-02",
        "TRUE",
        "false",
        "caf\u{e9}",
        "\u{a0}7\u{a0}",
        " 8 ",
        "a\"b",
        "-999",
        "e5",
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704342711559699508093042880",
    ];
    const QUOTED: [&str; 12] = [
        "\"\"",
        "\"a\"",
        "\"1.5\"",
        "\"a\nb\"",
        "\"a\"\"b\"",
        "\"\"\"\"",
        "\"a\"b\"c",
        "\" \" ",
        "\"\n\"",
        "\"1\"2",
        "\"a,b;c\td|e\"",
        "\"x\"\"\ny\"\"\"",
    ];

    fn random_text(draw: &mut Draw, delimiter: char) -> Vec<u8> {
        let width = 1 + draw.below(4);
        let rows = if draw.one_in(6) { 1000 + draw.below(3000) } else { draw.below(30) };
        let rare = [20, 200, 5000, 100_000][draw.below(4)];
        let mut text = String::new();
        let names = ["a", "b", "\"c\n d\"", " d "];
        let first = draw.of(&["a", "a", "a", "", "\"a\n\""]);
        let header: Vec<&str> = (0..width).map(|at| if at == 0 { first } else { names[at] }).collect();
        text += &header.join(&delimiter.to_string());
        text.push('\n');
        // What each column holds, and from which row on it holds something else.
        let kinds: Vec<(usize, usize, usize)> =
            (0..width).map(|_| (draw.below(6), draw.below(2 * rows + 1), draw.below(6))).collect();
        for row in 0..rows {
            if draw.one_in(rare) {
                text += draw.of(&["\n", "\n\n", " \n", "\t\n", "\"\"\n", "\" \"\n"]);
            }
            let cells = if draw.one_in(rare * 20) { 1 + draw.below(5) } else { width };
            for at in 0..cells {
                if at > 0 {
                    text.push(delimiter);
                }
                let (before, turn, after) = kinds[at.min(width - 1)];
                let cell = match if row < turn { before } else { after } {
                    _ if draw.one_in(rare) => draw.of(&ODD).to_owned(),
                    _ if draw.one_in(rare) => draw.of(&QUOTED).to_owned(),
                    0 => format!("{}", draw.below(1 << 40) as f64 / 1e7),
                    1 => draw.below(7).to_string(),
                    2 => draw.of(&["red", "green", "blue"]).to_owned(),
                    3 => format!("t{}", draw.below(1 << 20)),
                    4 => format!("\"{}\"", draw.below(1 << 30) as f64 / 1e3),
                    _ => (row / 2).to_string(),
                };
                text += &cell;
            }
            text.push('\n');
        }
        if draw.one_in(4) {
            text.pop();
        }
        if draw.one_in(15) {
            text += draw.of(&["\"", "1,\"a", "\"\n\n", "a\"", "\n \"b\nc\n"]);
        }
        let end = draw.of(&["\n", "\n", "\r\n", "\r"]);
        let mut bytes = text.replace('\n', end).into_bytes();
        if draw.one_in(10) && !bytes.is_empty() {
            let at = draw.below(bytes.len());
            bytes[at] = *b"\xff\"\n,a5 \xc3".get(draw.below(8)).unwrap();
        }
        if draw.one_in(20) {
            bytes.splice(0..0, "\u{feff}".repeat(1 + draw.below(2)).into_bytes());
        }
        bytes
    }

    /// All that a table is made of; NaN equals NaN in it.
    fn shown(outcome: Result<Option<Outcome>, DataError>) -> String {
        match outcome {
            Ok(Some(Outcome::Table(Parsed { columns, lines, notes, delimiter }))) => {
                format!("{columns:?} {lines:?} {notes:?} {delimiter:?}")
            }
            Ok(Some(Outcome::Again { as_text })) => {
                let columns: Vec<String> =
                    as_text.iter().map(|m| format!("{} {} {}", m.column, m.line, m.cell)).collect();
                format!("again {columns:?}")
            }
            Ok(None) => "no rows".into(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn pieces_and_threads_change_nothing() {
        let mut draw = Draw(7);
        let mut outcomes = [0; 4];
        for round in 0..1000 {
            let delimiter = [',', ',', ';', '\t', '|', 'e', '5', ' '][draw.below(8)];
            let bytes = random_text(&mut draw, delimiter);
            let options = TableOptions {
                delimiter: (!matches!(delimiter, ',' | ';') || draw.one_in(2)).then_some(delimiter),
                decimal_comma: draw.one_in(8),
                na: draw.one_in(8).then(|| vec!["-999".into(), "3".into()]),
                categorical: if draw.one_in(8) { vec!["b".into()] } else { Vec::new() },
                ..TableOptions::default()
            };
            let as_text = if draw.one_in(8) { vec!["a".to_owned()] } else { Vec::new() };
            let text = || Text::of_bytes(bytes.clone(), Path::new("t"), None).unwrap();
            let expected = shown(cell_by_cell(text(), &options, &as_text));
            outcomes[["[", "again", "no rows"].iter().position(|start| expected.starts_with(start)).unwrap_or(3)] += 1;
            let read = |pace: Pace, threads: usize| {
                let mut rows = Rows::open(text(), "t", &options, &as_text, pace)?;
                if pace.is_prompt { rows.read(usize::MAX) } else { rows.read_all(|| threads) }
            };
            for threads in [1, 2, 4] {
                let size = [1, 5, 50, 500, 5000, 50_000, 1 << 19][draw.below(7)];
                let found = shown(read(Pace { size, is_prompt: false }, threads));
                assert!(found == expected, "{round} {size} {threads}: {found}\n{expected}\n{}", bytes.escape_ascii());
            }
            let size = 1 + draw.below(5000);
            let found = shown(read(Pace { size, is_prompt: true }, 1));
            assert!(found == expected, "{round} {size}: {found}\n{expected}\n{}", bytes.escape_ascii());
        }
        // All outcomes are frequent enough to be tested.
        assert!(outcomes.iter().all(|count| *count > 4), "{outcomes:?}");
    }
}
